"""docs/guide.md is held to the code."""

import re
from pathlib import Path

from velroload.sample import ErrorKind

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"
ROW = re.compile(r"^\| (\d+) \| (\w+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_table_of_errors_has_every_kind_in_order() -> None:
    section = GUIDE.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    told = [(int(number), name) for number, name, _, _ in rows]
    assert told == [(kind.value, kind.name.lower()) for kind in ErrorKind if kind]
    assert all(meaning.strip() and advice.strip() for _, _, meaning, advice in rows)


def test_the_numbers_are_stable() -> None:
    """As published; a kind may be added, never changed or used again."""
    assert {int(kind): kind.name.lower() for kind in ErrorKind} == {
        0: "none", 10: "dns",
        20: "connect_refused", 21: "connect_timeout", 22: "connect_unreachable",
        23: "connect_reset", 24: "connect_failed",
        30: "tls_handshake", 31: "tls_certificate", 32: "tls_alert", 33: "tls_timeout",
        40: "reset", 41: "closed_early", 42: "broken_pipe", 43: "timeout", 44: "transfer_failed",
        45: "tls_broken",
        50: "bad_status_line", 51: "bad_header", 52: "header_too_large", 53: "bad_length",
        54: "bad_chunk", 55: "body_short", 56: "extra_bytes", 57: "body_too_large",
        60: "no_descriptor", 61: "no_port", 62: "no_memory", 63: "local_failed",
        70: "status", 71: "check_failed", 72: "capture_failed", 73: "capture_too_long",
        74: "too_many_redirects", 75: "bad_redirect", 76: "redirect_refused",
    }  # fmt: skip
