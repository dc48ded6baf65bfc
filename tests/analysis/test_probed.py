"""Probes as series: by role, the generator's apart, counters as rates."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.probed import sensors

NAN = float("nan")


def test_values_stand_in_their_seconds() -> None:
    data = watched.with_probe(rd.build([rd.steady(10, 5)], 5), {"cpu_share": [0.1, NAN, 0.3, 0.4]})
    data = watched.with_probe(data, {"cpu_share": [0.9]}, name="generator")
    data.probes.append({"time_s": -3.0, "values": {"service.cpu_share": 9.0}})
    data.probes.append({"time_s": 99.0, "values": {"service.cpu_share": 9.0}})
    data.probes.append({"time_s": 1.0, "values": {"unheard.of": 9.0}})
    service, ours = sensors(data, 5)
    assert (service.where, service.role, service.own) == ("service.cpu_share", "cpu_share", False)
    assert np.array_equal(service.values, [0.1, NAN, 0.3, 0.4, NAN], equal_nan=True)
    assert (ours.own, ours.values[0]) == (True, 0.9)


def test_counters_become_rates_and_a_restart_is_a_gap() -> None:
    read = [10.0, NAN, 14.0, 20.0, 3.0, 5.0]
    data = watched.with_probe(rd.build([rd.steady(10, 6)], 6), {"l1_hits": read})
    (hits,) = sensors(data, 6)
    assert np.array_equal(hits.per_s(), [NAN, 2.0, 2.0, 6.0, NAN, 2.0], equal_nan=True)


@pytest.mark.parametrize("probes", [None, [], [{"name": "x"}], [{"name": "x", "values": ["a"]}]])
def test_probes_that_say_nothing(probes: object) -> None:
    data = rd.build([rd.steady(10, 2)], 2)
    data.manifest["probes"] = probes
    data.probes.append({"time_s": 0.5, "values": {"x.a": 1.0}})
    assert sensors(data, 2) == ()
