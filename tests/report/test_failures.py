"""report/failures.py: what failed, line by line, from foreign bytes that stay harmless."""

import dataclasses

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.as_text import as_text
from velroload.report.failures import failure_lines
from velroload.report.table import WIDTH
from velroload.rundata import Row, RunData
from velroload.sample import ErrorKind

KINDS = (ErrorKind.RESET, ErrorKind.STATUS, ErrorKind.TIMEOUT, ErrorKind.BAD_CHUNK)


def data_of(*events: Row, name: str = "GET /", setup: bool = False) -> RunData:
    """110 resets, 50 statuses, 20 timeouts and one bad chunk of 1,000 requests."""
    error = np.zeros(1_000, np.int64)
    for kind, begin, end in zip(KINDS, (0, 200, 400, 500), (110, 250, 420, 501), strict=True):
        error[begin:end] = kind
    data = rd.build([rd.steady(100, 10, error=error, name=name, setup=setup)], 10)
    return dataclasses.replace(data, events=list(events))


def lines(data: RunData, *, verbose: bool = False) -> list[str]:
    return [line.strip() for line in failure_lines(analyse(data), verbose=verbose)]


def test_the_three_most_frequent_with_one_example_each() -> None:
    events = [rd.example(at_ns=n, received_bytes=n) for n in (1, 2)]
    assert lines(data_of(*events)) == [
        "110 reset · GET / · in seconds 0 to 1",
        "ECONNRESET, status 200, 4 of 100 bytes of the body",
        "50 status · GET / · in second 2",
        "20 timeout · GET / · in second 4",
        "… and 1 more: -v",
    ]


def test_all_of_them_when_verbose() -> None:
    events = [rd.example(at_ns=n, text=f"text {n}") for n in (2, 1, 3)]
    assert lines(data_of(*events), verbose=True) == [
        "110 reset · GET / · in seconds 0 to 1",
        "sent: text 1",
        "sent: text 2",
        "sent: text 3",
        "50 status · GET / · in second 2",
        "20 timeout · GET / · in second 4",
        "1 bad chunk · GET / · in second 5",
    ]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (rd.example(hex="15 03 01"), "sent, hex: 15 03 01"),
        (rd.example(received_bytes=0), "ECONNRESET, no byte of an answer"),
        (rd.example(errno=None, received_bytes=0), "no byte of an answer"),
        (rd.example(errno=None, body_bytes=None), "45 bytes of a head"),
        (rd.example(errno=None, content_length=None), "status 200, 4 bytes of the body"),
        (
            rd.example(errno=None, request_bytes=5_000, received_bytes=0),
            "40 of 5,000 bytes sent, no byte of an answer",
        ),
    ],
)
def test_how_far_it_came(example: Row, said: str) -> None:
    assert lines(data_of(example))[1] == said


def test_failures_of_the_setup_alone_have_a_label() -> None:
    text = as_text(analyse(data_of(name="POST /login", setup=True)))
    assert " failures   in the setup only\n            110 reset · POST /login (setup) · in" in text


def test_foreign_bytes_stay_harmless_and_in_their_line() -> None:
    """A folder made by hand: the text was not masked or escaped by us."""
    evil = "\x1b]0;owned\x07\u202e\r\n<b>" + "x" * 300
    data = data_of(rd.example(text=evil), rd.example(error=ErrorKind.STATUS, hex=evil), name=evil)
    text = as_text(analyse(data), verbose=True)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "sent: \\x1b]0;owned" in text
