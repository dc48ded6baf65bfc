"""Thresholds: exact limits, failures as infinitely slow, and the sign of every disturbance."""

from functools import cache

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.claims import Claim, judge_claim
from velroload.analysis.hold import in_hold
from velroload.analysis.result import ThresholdResult
from velroload.analysis.summary import summarise
from velroload.analysis.validity import assess
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData
from velroload.sample import ErrorKind

MS = rd.MS


def judged(data: RunData, text: str) -> ThresholdResult:
    threshold = parse_threshold(text)
    held = in_hold(data)
    summary = summarise(data, held)
    validity = assess(data, held, summary, [threshold])
    return judge_claim(Claim(held, data, summary, validity), threshold)


@cache
def violating(count: int, service_ns: int = 100 * MS, size: int = 10_000) -> RunData:
    """10,000 requests in 10 s of which `count`, evenly spread, are slow."""
    service = np.full(size, 3 * MS)
    service[np.linspace(0, size - 1, count).astype(int)] = service_ns
    return rd.build([rd.steady(1_000, size / 1_000, service)], size / 1_000)


@pytest.mark.parametrize(
    ("violations", "verdict"),
    [(463, "PASS"), (464, "INCONCLUSIVE"), (536, "INCONCLUSIVE"), (537, "FAIL")],
)
def test_463_of_10000_pass_a_p95(violations: int, verdict: str) -> None:
    found = judged(violating(violations), "p95(response) < 75ms")
    assert found.verdict == verdict
    assert found.why == f"{violations} of 10,000 above the limit"
    assert (found.needed is not None) == (verdict == "INCONCLUSIVE")
    assert found.count == 10_000


@pytest.mark.parametrize(("failures", "verdict"), [(463, "PASS"), (537, "FAIL")])
@pytest.mark.parametrize("kind", [ErrorKind.RESET, ErrorKind.STATUS, ErrorKind.TIMEOUT])
def test_a_failure_is_infinitely_slow(failures: int, verdict: str, kind: ErrorKind) -> None:
    error = np.zeros(10_000, np.int64)
    error[np.linspace(0, 9_999, failures).astype(int)] = kind
    data = rd.build([rd.steady(1_000, 10, 3 * MS, error=error)], 10)
    found = judged(data, "p95(response) < 75ms")
    assert found.verdict == verdict
    assert found.why == f"{failures} of 10,000 above the limit, {failures} of them failed"
    assert found.infinite == (failures > 500)
    assert judged(data, "max(response) < 75ms").infinite
    assert judged(data, "max(response) < 75ms").verdict == "FAIL"


def test_one_burst_settles_less_than_the_same_number_spread() -> None:
    service = np.full(10_000, 3 * MS)
    service[4_000:4_600] = 100 * MS
    burst = rd.build([rd.steady(1_000, 10, service)], 10)
    assert judged(violating(600), "p95(response) < 75ms").verdict == "FAIL"
    assert judged(burst, "p95(response) < 75ms").verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(("count", "verdict"), [(58, "INCONCLUSIVE"), (59, "PASS")])
def test_few_samples_do_not_pass(count: int, verdict: str) -> None:
    data = rd.build([rd.steady(10, count / 10)], 10)
    found = judged(data, "p95(response) < 75ms")
    assert found.verdict == verdict
    assert found.observed is None  # 72 are needed to state a p95
    assert found.needed == (59 if count == 58 else None)


@cache
def frozen() -> RunData:
    """30 s at 1,000/s, the generator frozen four times for 0.5 s; the server took 2.8 ms."""
    lag = np.full(30_000, 20_000)
    for start in range(4_200, 30_000, 7_000):
        lag[start : start + 500] = np.arange(500, 0, -1) * MS
    return rd.build([rd.steady(1_000, 30, int(2.8 * MS), lag_ns=lag)], 30)


def test_a_freeze_of_ours_voids_the_fail_it_caused() -> None:
    data = frozen()
    response = judged(data, "p95(response) < 75ms")
    assert response.verdict == "INCONCLUSIVE"
    assert response.observed is not None
    assert response.observed > 75 * MS
    assert response.added is not None
    assert response.added > response.observed - 3 * MS
    assert response.suspect == (
        "the limit was exceeded, but the generator's own lag may have done it"
    )
    service = judged(data, "p99(service) < 3ms")
    assert (service.verdict, service.suspect) == ("PASS", None)
    assert service.observed == pytest.approx(2.8 * MS, rel=0.001)
    assert judged(data, "max(response) < 75ms").verdict == "INCONCLUSIVE"
    assert judged(data, "mean(response) < 3ms").verdict == "INCONCLUSIVE"


def test_lag_never_voids_a_pass_nor_the_servers_own_fail() -> None:
    assert judged(frozen(), "p80(response) < 75ms").verdict == "PASS"
    assert judged(frozen(), "p50(response) < 2ms").verdict == "FAIL"
    assert judged(frozen(), "p50(service) < 2ms").verdict == "FAIL"


def test_a_free_running_loop_does_not_blame_its_lag() -> None:
    data = rd.build([rd.steady(1_000, 10, lag_ns=90 * MS)], 10, model={"paced": False})
    found = judged(data, "p95(response) < 75ms")
    assert (found.verdict, found.added, found.suspect) == ("FAIL", None, None)


def test_bad_seconds_void_the_fail_they_caused_and_no_service_time() -> None:
    service = np.where((np.arange(40_000) // 1_000) % 9 == 4, 100 * MS, 3 * MS)
    data = rd.build([rd.steady(1_000, 40, service)], 40)
    bad = [rd.healthy_second(s, **({"steal": 0.3} if s % 9 == 4 else {})) for s in range(40)]
    stolen = rd.with_evidence(data, seconds=bad)
    assert judged(data, "p80(response) < 75ms").verdict != "FAIL"
    assert judged(data, "p95(response) < 75ms").suspect is None
    assert judged(stolen, "p95(response) < 75ms").suspect == (
        "the limit was exceeded, but not without the generator's bad seconds"
    )
    assert judged(stolen, "p95(service) < 75ms").suspect is None


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("p95(response) < 75ms over 2s", True),
        ("mean(response) < 30ms over 2s", True),
        ("rate >= 990/s over 1s", True),
        ("p95(service) < 75ms over 2s", False),
        ("min(response) > 50ms over 2s", False),
    ],
)
def test_a_window_that_fails_only_where_we_were_disturbed(text: str, ours: bool) -> None:
    service = np.where(np.arange(20_000) // 1_000 == 6, 80 * MS, 3 * MS)
    data = rd.build([rd.steady(1_000, 20, service)], 20)
    seconds = [rd.healthy_second(s, **({"steal": 0.3} if s == 6 else {})) for s in range(20)]
    assert judged(data, text).verdict == "FAIL"
    found = judged(rd.with_evidence(data, seconds=seconds), text)
    assert found.verdict == ("INCONCLUSIVE" if ours else "FAIL")
    said = "the limit was exceeded, but not without the generator's bad seconds"
    assert found.suspect == (said if ours else None)
    elsewhere = [rd.healthy_second(s, **({"steal": 0.3} if s == 12 else {})) for s in range(20)]
    assert judged(rd.with_evidence(data, seconds=elsewhere), text).verdict == "FAIL"


def test_unsent_load_voids_a_pass_and_never_a_fail() -> None:
    unsent = {"planned": 10_000, "unstarted": 80}
    nearly = rd.with_ledger(violating(420), "iterations", **unsent)
    found = judged(nearly, "p95(response) < 75ms")
    assert found.verdict == "INCONCLUSIVE"
    assert found.suspect == "it holds for what was sent, but 0.8 % of the planned load was not"
    safe = rd.with_ledger(violating(300), "iterations", **unsent)
    assert judged(safe, "p95(response) < 75ms").verdict == "PASS"
    slow = rd.with_ledger(violating(600), "iterations", **unsent)
    assert judged(slow, "p95(response) < 75ms").verdict == "FAIL"
    assert judged(nearly, "rate > 1004/s").suspect == (
        "the rate was missed, but so was part of the planned load"
    )
    assert judged(nearly, "rate > 2000/s").verdict == "FAIL"


@pytest.mark.parametrize(
    ("text", "errors", "verdict"),
    [
        ("errors < 1%", 83, "PASS"),
        ("errors < 1%", 84, "INCONCLUSIVE"),
        ("errors < 1%", 118, "FAIL"),
        ("errors == 0%", 0, "PASS"),
        ("errors <= 0%", 1, "FAIL"),
        ("checks >= 99%", 83, "PASS"),
        ("checks >= 99%", 118, "FAIL"),
        ("checks == 100%", 1, "FAIL"),
        ("checks == 100%", 0, "PASS"),
        ("errors > 50%", 3, "FAIL"),
    ],
)
def test_shares_are_judged_by_their_bounds(text: str, errors: int, verdict: str) -> None:
    error = np.zeros(10_000, np.int64)
    error[np.linspace(0, 9_999, errors).astype(int)] = ErrorKind.CHECK_FAILED
    found = judged(rd.build([rd.steady(1_000, 10, error=error)], 10), text)
    assert found.verdict == verdict
    assert found.low is not None
    assert found.high is not None
    assert found.low <= (found.observed or 0.0) <= found.high


def test_transport_errors_are_no_checks() -> None:
    data = rd.build([rd.steady(100, 10, error=np.arange(1_000) % 2 * ErrorKind.RESET)], 10)
    assert judged(data, "checks == 100%").verdict == "PASS"
    assert judged(data, "errors < 50%").observed == 0.5


def test_a_rate_is_compared_as_counted() -> None:
    data = rd.build([rd.steady(1_000, 10, 0)], 10)
    assert judged(data, "rate >= 999/s").verdict == "PASS"
    found = judged(data, "rate > 1001/s")
    assert found.verdict == "FAIL"
    assert found.observed == pytest.approx(1_000, rel=0.001)
    assert found.why == "over 10 s"


def test_selectors_choose_rows() -> None:
    data = rd.build(
        [rd.steady(100, 10), rd.steady(100, 10, 90 * MS, name="slow one", cls="heavy")], 10
    )
    assert judged(data, "p50 of endpoint:'slow one' < 75ms").verdict == "FAIL"
    assert judged(data, "p50 of class:heavy < 95ms").verdict == "PASS"
    missing = judged(data, "p95 of class:none < 75ms")
    assert (missing.verdict, missing.why) == ("NOT MEASURED", "no class 'none' in this run")


def test_upward_thresholds_are_mirrored() -> None:
    assert judged(violating(9_000), "p50(response) > 75ms").verdict == "PASS"
    assert judged(violating(1_000), "p50(response) > 75ms").verdict == "FAIL"
    assert judged(violating(10), "min(response) >= 1ms").verdict == "PASS"
    assert judged(violating(10), "p99(generator_lag) < 1ms").verdict == "PASS"


@pytest.mark.parametrize(
    "text",
    [
        "p95 < 1s",
        "max < 1s",
        "mean < 1s",
        "errors < 1%",
        "checks == 100%",
        "rate > 1/s",
        "p95 < 1s over 1s",
        "rate > 1/s over 1s",
    ],
)
def test_no_sample_is_never_a_pass(text: str) -> None:
    found = judged(rd.empty(5), text)
    assert found.verdict in ("INCONCLUSIVE", "FAIL")
    assert found.why


def test_a_group_is_timed_as_one_with_and_without_its_think_time() -> None:
    """Its requests take 3 ms each; the group of them 60 ms, 40 of these thinking."""
    group = rd.steady(100, 10, 60 * rd.MS, name="buy", kind="group", think_ns=40 * rd.MS)
    data = rd.build([rd.steady(200, 10), group], 10)
    texts = ("p95(response) of group:buy < 50ms", "p95(service) of group:buy < 50ms",
             "errors of group:buy < 1%", "rate of group:buy > 99/s", "max of group:sell < 1s",
             "p95(response) < 50ms")  # fmt: skip
    found = analyse(rd.with_thresholds(data, *texts)).thresholds
    assert [each.verdict for each in found] == [
        "FAIL", "PASS", "PASS", "PASS", "NOT MEASURED", "PASS",
    ]  # fmt: skip
    assert found[4].why == "no group 'sell' in this run"
    assert [each.count for each in found] == [1000, 1000, 1000, 994, 0, 2000]
