"""The report that people read: golden texts, width, length, colour, foreign names."""

import dataclasses
from typing import Any

import numpy as np

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.errors import Exit
from velroload.report.as_text import LINES, as_text
from velroload.report.table import WIDTH
from velroload.rundata import RunData
from velroload.sample import ErrorKind


def grid(size: int, median: int, spread: float) -> Any:
    """Times without chance: the same log-normal-like quantiles in a fixed shuffled order."""
    ranks = (np.arange(size) * 7_919 % size + 0.5) / size
    return (median * (ranks / (1 - ranks)) ** spread).astype(np.int64)


def mixed() -> RunData:
    error = np.zeros(15_000, np.int64)
    error[1_000:1_012] = ErrorKind.RESET
    error[5_000:5_005] = ErrorKind.STATUS
    status = np.where(error == ErrorKind.STATUS, 503, 200)
    return rd.build(
        [
            rd.steady(1_000, 15, grid(15_000, 3_000_000, 0.2), error=error, status=status),
            rd.steady(200, 15, grid(3_000, 30_000_000, 0.2), name="GET /generations", cls="read"),
            rd.steady(40, 5, 60_000_000, name="POST /login", setup=True),
            rd.steady(200, 15, 233_000_000, name="main", kind="iteration", think_ns=200_000_000),
        ],
        15,
    )


GOLDEN = """\
FAIL  synthetic: 1 of 3 thresholds failed                                                    exit 99
VALID  all 18,200 planned iterations started · generator added ≤ 0.020 ms at p99

 threshold                           observed [95 %]            n  verdict  headroom
 p95(response) < 75ms                35.7 ms [34.9–36.4]   18,000  PASS         52 %
 errors < 1%                         0.09 % [0.01–0.39 %]  18,000  PASS         91 %
 p99(response) of class:read < 50ms  75.0 ms [69.7–81.3]    3,000  FAIL        −50 %
   217 of 3,000 above the limit; generator added ≤ 0.020 ms

 response time         count       /s  failed   p50   p95   p99  p99.9  max ms  ours p99
 GET /                15,000    999.0  0.11 %  3.02  5.43  7.55   12.0    23.6   ≤ 0.020
 GET /generations      3,000    199.5     0 %  30.0  54.1  75.0      –     171   ≤ 0.020
 all requests         18,000  1,198.5  0.09 %  3.27  35.6  52.1   83.9     171   ≤ 0.020
 POST /login (setup)     200     13.3     0 %  60.0  60.0     –      –    60.0         –
 iteration main        3,000    196.9     0 %   233   233   233      –     233         –

 status     200: 17,983 (99.97 %) · 503: 5 (0.03 %)
 failures   17 (0.09 %): 12 reset · 5 status
            12 reset · GET / · in second 1
            5 status · GET / · in second 5
 files      ./runs/latest
 again      velroload http://127.0.0.1:8080/ -R 1000 -d 10s --seed 4711
"""

GOLDEN_INVALID = """\
INVALID  synthetic: nothing can be claimed                                                    exit 4
       12 of 2,000 samples were lost: the coordinator could not keep up
 mend       keep other work off its CPU, or lower the load, then velroload http://127.0.0.1:8080/ -R
            1000 -d 10s

 threshold   observed [95 %]          n  verdict       headroom
 p95 < 75ms  3.02 ms [3.02–3.02]  2,000  NOT MEASURED      96 %

 response time  count     /s  failed   p50   p95   p99  p99.9  max ms  ours p99
 GET /          2,000  200.0     0 %  3.02  3.02  3.02      –    3.02   ≤ 0.020

 status     200: 2,000 (100 %)
 ledger     requests: 2,000 planned · 2,000 started · 2,000 sent · 2,000 ok
            iterations: 2,000 planned · 2,000 started · 2,000 completed
            samples: 2,000 pushed · 2,000 drained · 12 lost
 again      velroload http://127.0.0.1:8080/ -R 1000 -d 10s --seed 4711
"""


def test_a_run_with_thresholds() -> None:
    data = rd.with_thresholds(
        mixed(), "p95(response) < 75ms", "errors < 1%", "p99(response) of class:read < 50ms"
    )
    assert as_text(analyse(data), folder="./runs/latest") == GOLDEN


def test_an_invalid_run_says_what_mends_it() -> None:
    data = rd.with_thresholds(rd.build([rd.steady(200, 10)], 10), "p95 < 75ms")
    assert as_text(analyse(rd.with_ledger(data, "samples", lost=12))) == GOLDEN_INVALID


def test_forty_lines_and_a_hundred_columns() -> None:
    loads = [
        rd.steady(10 + i, 4, name=f"GET /a/rather/long/path/{i}/" + "x" * 90) for i in range(60)
    ]
    data = rd.with_thresholds(rd.build(loads, 4), "p95 < 75ms", "p95 < 1ms")
    text = as_text(analyse(data), folder="./runs/" + "y" * 150)
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "more with fewer requests: -v" in text
    full = as_text(analyse(data), verbose=True)
    assert max(map(len, full.splitlines())) <= WIDTH
    assert all(f"/{i}/x" in full for i in range(60))


def test_verbose_tells_service_time_lags_and_ledger() -> None:
    text = as_text(analyse(mixed()), verbose=True)
    for words in ("service time", "generator lag", "read lag", "ledger", "iterations: 18,200 pla"):
        assert words in text
    quiet = as_text(analyse(mixed()))
    assert "service time" not in quiet
    assert "ledger" not in quiet


def test_foreign_text_cannot_reach_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\u202e\r\n"
    data = rd.build([rd.steady(100, 4, name=evil)], 4, name=evil, command=evil)
    data = rd.with_end(data, ended="aborted", reason=evil, incomplete=[])
    for text in (
        as_text(analyse(data), folder=evil, verbose=True),
        as_text(analyse(dataclasses.replace(data, end=None, notes=[evil]))),
    ):
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert "\\x1b]0;owned" in text


def test_colour_is_the_callers() -> None:
    def mark(role: str, text: str) -> str:
        return f"<{role}>{text}</>"

    data = rd.with_thresholds(mixed(), "p95(response) < 75ms", "p95(response) < 1ms")
    text = as_text(analyse(data), style=mark)
    assert text.startswith("<fail>FAIL</>")
    assert "<pass>VALID</>" in text
    assert "<pass>PASS  </>" not in text.splitlines()[0]
    plain = as_text(analyse(data))
    for role in ("pass", "fail", "warn", "dim", "strong"):
        text = text.replace(f"<{role}>", "")
    assert text.replace("</>", "").replace(" \n", "\n") == plain.replace(" \n", "\n")


def test_the_exit_code_is_shown() -> None:
    first = as_text(analyse(mixed()), code=Exit.INTERRUPTED).splitlines()[0]
    assert first.endswith("exit 130")
    assert len(first) == WIDTH


def test_a_suspect_pass_says_so_in_its_first_line() -> None:
    data = rd.with_evidence(mixed(), workers=[{"index": 0, "pinned": False, "stalls": []}])
    lines = as_text(analyse(data)).splitlines()
    assert lines[0].startswith("PASS  synthetic: ran as planned; no threshold was set (suspect:")
    assert lines[1].startswith("SUSPECT  all 18,200 planned iterations started")
    assert lines[2].strip() == "worker 0 could not be pinned to a CPU"


def test_a_free_running_loop_has_no_column_of_ours() -> None:
    data = rd.build([rd.steady(200, 10)], 10, model={"open": False, "paced": False})
    text = as_text(analyse(data))
    assert "ours" not in text
    assert "free-running loop: generator lag is not judged" in text
