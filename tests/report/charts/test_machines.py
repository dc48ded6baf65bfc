"""Charts of the target's and the generator's machines."""

import dataclasses

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.charts.frame import Frame
from velroload.report.charts.machines import breakers, generator, lags, pools, target, watched
from velroload.report.kind import Told
from velroload.sample import SAMPLE


def test_what_probes_read(rich: Told) -> None:
    frame = Frame(rich)
    assert [line.name for line in pools(frame).lines] == [
        "database connections in use",
        "requests waiting for one",
        "their limit",
    ]
    states = breakers(frame)
    assert states.says == "Opened: database."
    assert {value for line in states.lines for value in line.y} == {0.0, 2.0}
    machine = target(frame)
    assert machine.right is not None
    assert [line.second for line in machine.lines] == [False, False, True]
    first = rich.data.probes[0]["values"]["host.cpu"]
    assert machine.lines[0].y[0] == pytest.approx(100 * first, rel=1e-3)


def test_what_nobody_watched_says_how_to(plain: Told) -> None:
    frame = Frame(plain)
    watch = "Watch it with `probes:` in the plan (/metrics, JSON, /proc, PostgreSQL, Redis)."
    assert pools(frame).missing == f"Not known: no probe reads the target's pools. {watch}"
    assert breakers(frame).missing == f"Not known: no probe reads breakers. {watch}"
    assert target(frame).missing == (
        "Not known: nobody watched the target's machine. Start `velroload agent` there or name its "
        "metrics with `probes:` in the plan."
    )
    assert watched(frame).missing == f"Nothing: no probe read more than the charts above. {watch}"
    assert lags(frame).missing == "Not known: the run folder has no sample (reservoir.npy)."


def test_every_other_value_of_a_probe_can_be_seen(rich: Told) -> None:
    chart = watched(Frame(rich))
    assert chart.says == "3 values, of which 2 changed."
    assert [(line.name, line.hidden) for line in chart.lines] == [
        ("velro.jobs", False),
        ("generator.sockets", True),
    ]
    assert max(y for y in chart.lines[0].y if y is not None) == pytest.approx(32, abs=2)
    probes = [{"time_s": at, "values": {f"a.{n:02}": at * n for n in range(40)}} for at in (1, 2.0)]
    data = dataclasses.replace(rich.data, manifest={}, probes=probes)
    many = watched(Frame(Told(rich.result, data)))
    assert many.says == "40 values, of which 39 changed."
    assert [line.name for line in many.lines] == [f"a.{n:02}" for n in range(1, 25)]
    still = dataclasses.replace(data, probes=[{"time_s": 1.0, "values": {"a.b": 7.0}}])
    assert [line.y for line in watched(Frame(Told(rich.result, still))).lines] == [(7.0,)]


def test_the_generators_cpus(rich: Told, plain: Told) -> None:
    chart = generator(Frame(rich))
    assert [line.name for line in chart.lines] == [
        "CPU of worker 0", "CPU of worker 1", "longest wait for a CPU", "stolen by the hypervisor",
    ]  # fmt: skip
    assert chart.lines[2].y[0] == 2.0
    many = [rd.healthy_second(s, worker_cpu=[0.1, 0.2, None, 0.4, 0.9]) for s in range(3)]
    data = rd.with_evidence(plain.data, seconds=many)
    crowd = generator(Frame(Told(plain.result, data)))
    assert [(line.name, line.y[0]) for line in crowd.lines[:2]] == [
        ("CPU of worker (busiest)", 90.0),
        ("CPU of worker (idlest)", 10.0),
    ]


def test_lag_is_what_is_left_of_the_wait_before_sending() -> None:
    data = rd.build([rd.steady(100, 2.0)], 2.0)
    data.reservoir = np.zeros(200, SAMPLE)
    data.reservoir["scheduled_ns"] = np.arange(200) * 10 * rd.MS
    data.reservoir["sent_ns"] = data.reservoir["scheduled_ns"] + 5 * rd.MS
    data.reservoir["wait_us"] = 3_000
    data.reservoir["connect_us"] = 1_500
    data.reservoir["end_ns"] = data.reservoir["sent_ns"]
    data.reservoir["read_lag_ns"] = 20_000
    chart = lags(Frame(Told(analyse(data), data)))
    assert [(line.name, line.y[0]) for line in chart.lines] == [
        ("generator lag p50", 0.5), ("generator lag p99", 0.5),
        ("read lag p50", 0.02), ("read lag p99", 0.02),
    ]  # fmt: skip
