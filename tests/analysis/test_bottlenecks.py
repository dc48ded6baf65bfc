"""A planted bottleneck of each kind is found as the first; without one there is no hint at all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.reference import planted as pl
from tests.reference import rundata as rd
from velroload.analysis import summary as summary_
from velroload.analysis.analyse import analyse
from velroload.analysis.bottlenecks import bottlenecks
from velroload.analysis.finding import CODES, Finding
from velroload.analysis.hold import in_hold
from velroload.analysis.result import Result
from velroload.analysis.scene import Scene
from velroload.analysis.validity import assess
from velroload.rundata import RunData

N = pl.LENGTH


def generator(seed: int) -> RunData:
    busy = [rd.healthy_second(s, throttled=s > 30) for s in range(N)]
    return rd.with_evidence(pl.Service(seed, lag_ms=4.0).make(), seconds=busy)


def network(seed: int) -> RunData:
    lost = np.cumsum(np.random.default_rng(seed).poisson(8, N)).astype(float)
    return pl.Service(seed, values={"retransmitted": lost}).make()


def connect(seed: int) -> RunData:
    """Half of the requests open a connection, which takes longer than the request."""
    data, loads = pl.Service(seed).made()
    for place, load in enumerate(loads):
        size = len(load.scheduled_ns) // 2
        values = np.full(size, 9 * rd.MS, np.int64)
        hist, stats = rd.extra_times(place, 1, 5, values)
        data = replace(data, hist=np.concatenate([data.hist, hist]),
                       stats=np.concatenate([data.stats, stats]))  # fmt: skip
    return data


def cpu(seed: int) -> RunData:
    return pl.Service(seed, slow=pl.queued(), values={"cpu_share": pl.used_up(seed)}).make()


def memory(seed: int) -> RunData:
    full = pl.used_up(seed, 0.93, 0.97)
    return pl.Service(seed, slow=pl.queued(), values={"memory_share": full}).make()


def pool(seed: int) -> RunData:
    rng = np.random.default_rng(seed)
    load = np.clip(np.arange(N) / pl.RAMP_S, 0.05, 1.0)
    full = np.where(load > 0.8, 20.0, 14 * load)
    queue = np.where(load > 0.8, rng.poisson(6, N), 0).astype(float)
    return pl.Service(
        seed, slow=pl.queued(), values={"db_in_use": np.round(full), "db_waiting": queue}
    ).make()


def database(seed: int) -> RunData:
    queue = np.where(pl.queued() > 1, np.random.default_rng(seed).poisson(3, N), 0)
    return pl.Service(seed, slow=pl.queued(), values={"db_waiting": queue.astype(float)}).make()


def users(seed: int) -> RunData:
    return pl.Service(seed, wait_ms=4.0).make()


def cache(seed: int) -> RunData:
    return pl.Service(seed, miss_share=pl.swinging(0.02, 0.5), miss_times=8.0).make()


def standing_cache(seed: int) -> RunData:
    return pl.Service(seed, miss_share=0.4, miss_times=8.0).make()


def breaker(seed: int) -> RunData:
    opened = np.where((np.arange(N) > 40) & (np.arange(N) < 60), 2.0, 0.0)
    return pl.Service(
        seed, failing=np.where(opened > 0, 0.6, 0.0005), status=503,
        values={"breaker_database": opened},
    ).make()  # fmt: skip


def rate_limit(seed: int) -> RunData:
    return pl.Service(seed, failing=np.where(pl.queued() > 1, 0.2, 0.0), status=429).make()


def errors(seed: int) -> RunData:
    return pl.Service(seed, failing=0.03).make()


def endpoint(seed: int) -> RunData:
    return pl.Service(seed, slow_by_endpoint=(1.0, 1.0, 8.0)).make()


def address(seed: int) -> RunData:
    return pl.with_addresses(pl.Service(seed).make(), 2.0, seed)


def queueing(seed: int) -> RunData:
    return pl.Service(seed, slow=pl.queued()).make()


def growing(seed: int) -> RunData:
    """More comes in than is served: a queue that grows through the hold."""
    times = 1.0 + np.maximum(0.0, np.arange(N) - pl.RAMP_S) / 10
    return pl.Service(seed, slow=times).make()


PLANTED: list[tuple[str, Callable[[int], RunData]]] = [
    ("generator", generator), ("network", network), ("connect", connect), ("cpu", cpu),
    ("memory", memory), ("pool", pool), ("pool", users), ("database", database),
    ("cache", cache), ("cache", standing_cache), ("breaker", breaker),
    ("rate_limit", rate_limit), ("errors", errors), ("endpoint", endpoint),
    ("address", address), ("queueing", queueing), ("queueing", growing),
]  # fmt: skip


@pytest.mark.parametrize(("code", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_what_was_planted_is_found_first(
    code: str, plant: Callable[[int], RunData], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each of three noisy runs, with evidence of its own and a recommendation."""
    if code != "address":
        without_intervals(monkeypatch)
    for seed in (1, 2, 3):
        result = analyse(plant(seed))
        assert result.findings, code
        first = result.findings[0]
        assert first.code == code, [each.code for each in result.findings]
        assert first.evidence
        assert [each.code for each in result.recommendations] == [
            each.code for each in result.findings
        ]
        sound(result)


def test_a_loopback_loses_nothing() -> None:
    """What the machine sends again while the target is on it belongs to other traffic."""
    data = network(1)
    target = data.manifest["target"] | {"addresses": ["127.0.0.1:8080"]}
    data = replace(data, manifest=data.manifest | {"target": target})
    assert "network" not in [each.code for each in analyse(data).findings]


def sound(result: Result) -> None:
    """Nothing is said without a figure; nothing is NaN or infinite; scores fall."""
    scores = [each.score for each in result.findings]
    assert scores == sorted(scores, reverse=True)
    for finding in result.findings:
        assert finding.confidence in ("likely", "possible", "weak")
        assert all(np.isfinite(each.value) for each in finding.evidence)
        assert "nan" not in finding.text
    for advice in result.recommendations:
        assert advice.figure
        assert "nan" not in f"{advice.text} {advice.gain}"
    assert [each.code for each in result.examined] == list(CODES)


def without_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bootstrap of the percentiles takes most of the time and is not asked here."""
    monkeypatch.setattr(
        summary_, "percentile_columns", lambda weights, quantiles: [None] * len(quantiles)
    )


def found_in(data: RunData) -> tuple[Finding, ...]:
    held = in_hold(data)
    summary = summary_.summarise(data, held)
    scene = Scene(data, held, summary, assess(data, held, summary, []), ())
    return bottlenecks(scene)[0]


def healthy(seed: int) -> RunData:
    """A healthy service, each one differently: how the response rises with the load, misses that
    come and go, one endpoint three times as slow, many CPUs or few in use."""
    rng = np.random.default_rng([seed, 4711])
    load = np.clip(np.arange(N) / pl.RAMP_S, 0.05, 1.0)
    return pl.Service(
        seed,
        slow=1.0 + rng.uniform(0.0, 0.5) * load,
        slow_by_endpoint=(1.0, 1.0, float(rng.uniform(1.0, 3.0))),
        failing=float(rng.choice([0.0, 0.0002, 0.0005])),
        miss_share=float(rng.uniform(0.01, 0.12)),
        miss_times=float(rng.uniform(1.0, 4.0)),
        values={"cpu_share": np.clip(rng.uniform(0.2, 0.75) * load + 0.05 * pl.wander(rng, N),
                                     0.0, 1.0)},
    ).make()  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_no_hint_without_a_bottleneck(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    without_intervals(monkeypatch)
    assert found_in(healthy(seed)) == ()


@pytest.mark.slow
def test_no_false_hint_in_two_hundred_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one: a false hint costs an engineer a day."""
    without_intervals(monkeypatch)
    found = {seed: [each.code for each in found_in(healthy(seed))] for seed in range(200)}
    wrong = {seed: codes for seed, codes in found.items() if codes}
    assert wrong == {}
