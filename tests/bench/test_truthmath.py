"""Errors per quantile, pairs and the stall's law, on made-up logs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.truthmath import errors_us, judge, law_errors, law_ms, pair, rank, truth_us
from bench.truthserver import RECORD
from velroload.sample import SAMPLE, Flag, Kind

EPOCH_NS = 10**12


def made(n: int = 1000) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """A log of n requests 1 ms apart, 500 µs each, and samples that add 20 µs (10 each way)."""
    log = np.zeros(n, RECORD)
    log["received_ns"] = EPOCH_NS + 1_000_000 * np.arange(n) + 10_000
    log["sent_ns"] = log["received_ns"] + 500_000
    samples = np.zeros(n, SAMPLE)
    samples["sent_ns"] = 1_000_000 * np.arange(n)
    samples["end_ns"] = samples["sent_ns"] + 520_000
    return samples, log


def test_quantiles_of_the_truth_are_nearest_rank() -> None:
    _, log = made(100)
    log["sent_ns"] = log["received_ns"] + 1000 * np.arange(1, 101)
    assert truth_us(log) == {
        "p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 100.0, "max": 100.0
    }  # fmt: skip
    assert truth_us(log[:0]) == {}
    assert [rank(99.9, 5000), rank(50, 1), rank(100, 7), rank(99, 368)] == [4995, 1, 7, 365]


def test_the_path_is_taken_off() -> None:
    assert errors_us({"p50": 1.5, "p99": None}, {"p50": 1400.0, "p99": 1.0}, 20.0) == {"p50": 80.0}


def test_pairs_are_found_by_their_instants() -> None:
    samples, log = made()
    samples["end_ns"][7] += 300_000
    found = pair(samples[::-1], EPOCH_NS, log, 20.0)
    assert (found["pairs"], found["unmatched"]) == (1000, 0)
    assert found["p50_us"] == found["p99_us"] == 0
    assert found["max_us"] == found["max_not_preempted_us"] == 300


def test_a_preempted_sender_is_told_apart() -> None:
    samples, log = made()
    samples["end_ns"][7] += 300_000
    samples["flags"][7] |= Flag.PREEMPTED
    found = pair(samples, EPOCH_NS, log, 20.0)
    assert (found["preempted"], found["max_us"], found["max_not_preempted_us"]) == (1, 300, 0)


def test_what_cannot_be_paired_is_counted() -> None:
    samples, log = made()
    late = samples[-1:].copy()
    late["sent_ns"] += 1_000_000  # the server never saw it
    twice = samples[10:11].copy()
    early = samples[20:21]
    early["end_ns"] = early["sent_ns"] + 100_000  # before it was answered
    found = pair(np.concatenate([samples, late, twice]), EPOCH_NS, log, 20.0)
    assert (found["pairs"], found["unmatched"]) == (998, 4)


def test_only_complete_requests_of_the_flow_are_paired() -> None:
    samples, log = made(4)
    samples["error"][0] = 43
    samples["flags"][1] = Kind.ITERATION
    samples["flags"][2] = Flag.SETUP
    assert pair(samples, EPOCH_NS, log, 20.0)["pairs"] == 1
    assert pair(samples[:0], EPOCH_NS, log, 20.0) == {"pairs": 0, "unmatched": 0}


def test_the_law_of_the_stall() -> None:
    assert law_ms(99, 5, 1000, 5000) == pytest.approx(955)
    assert law_ms(90, 5, 1000, 5000) == pytest.approx(505)
    assert law_ms(50, 5, 1000, 5000) is None
    said = {"p50": 5.0, "p90": 515.1, "p99": 955.0, "p99.9": None, "max": 1005.0}
    assert law_errors(said, 5, 1000, 5000) == {
        "p90": pytest.approx(0.02), "p99": pytest.approx(0, abs=1e-9)
    }  # fmt: skip


def test_the_law_holds_for_a_simulated_stall() -> None:
    at_ms = np.arange(0, 20_000, 2.0)
    into = at_ms % 5000 - 2000
    response = np.where((into >= 0) & (into < 1000), 1000 - into, 0) + 5
    for level in (90, 95, 99):
        law = law_ms(level, 5, 1000, 5000)
        assert law == pytest.approx(np.percentile(response, level), rel=0.01)


def test_medians_are_judged() -> None:
    rounds = [{"p50": -60.0}, {"p50": 10.0}, {"p50": 40.0}]
    assert judge(rounds, {"p50": 50.0, "max": 500.0}) == {
        "p50": {"median_us": 40.0, "limit_us": 50.0, "verdict": "PASS"},
        "max": {"median_us": None, "limit_us": 500.0, "verdict": "NOT MEASURED"},
    }
    assert judge(rounds[:1], {"p50": 50.0})["p50"]["verdict"] == "FAIL"
