"""analysis/failures.py: kinds of failure by endpoint, with first and last time and examples."""

import dataclasses

import numpy as np

from tests.reference import rundata as rd
from velroload.analysis.failures import failures
from velroload.rundata import RunData
from velroload.sample import ErrorKind


def some() -> RunData:
    first, second = np.zeros(1_000, np.int64), np.zeros(1_000, np.int64)
    first[250:320] = ErrorKind.RESET
    first[900] = ErrorKind.RESET
    first[500] = ErrorKind.TIMEOUT
    second[10:20] = ErrorKind.STATUS
    return rd.build(
        [
            rd.steady(100, 10, error=first),
            rd.steady(100, 10, error=second, name="POST /login", setup=True),
        ],
        10,
    )


def test_each_kind_at_each_endpoint() -> None:
    found = failures(some())
    assert [
        (each.kind, each.number, each.endpoint, each.setup, each.count, each.first_s, each.last_s)
        for each in found
    ] == [
        ("reset", 40, "GET /", False, 71, 2, 9),
        ("status", 70, "POST /login", True, 10, 0, 0),
        ("timeout", 43, "GET /", False, 1, 5, 5),
    ]
    assert all(each.examples == () for each in found)


def test_examples_go_to_their_kind_in_the_order_of_time() -> None:
    events = [
        rd.example(at_ns=7, hex="00 01"),
        rd.example(at_ns=5, text="a"),
        rd.example(1, ErrorKind.STATUS, text="b"),
        rd.example(1, text="of a kind that did not occur"),
        {"event": "aborted", "at_ns": 1},
    ]
    reset, status, timeout = failures(dataclasses.replace(some(), events=events))
    assert [(each.at_ns, each.text, each.hex) for each in reset.examples] == [
        (5, "a", None),
        (7, None, "00 01"),
    ]
    assert [each.text for each in status.examples] == ["b"]
    assert timeout.examples == ()


def test_without_failures() -> None:
    assert failures(rd.build([rd.steady(100, 2)], 2)) == ()
    assert failures(rd.empty()) == ()
    assert failures(dataclasses.replace(rd.empty(), manifest={}, end=None)) == ()


def test_a_kind_that_is_unknown_is_told_by_its_number() -> None:
    data = rd.build([rd.steady(10, 1, error=99)], 1)
    assert [each.kind for each in failures(data)] == ["error_99"]
