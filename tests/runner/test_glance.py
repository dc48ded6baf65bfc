"""What the live display is told of the probes: rates of a window, nothing that is not known."""

from typing import Any

import pytest

from velroload.probe.source import Figure, Reading
from velroload.runner.glance import STALE_S, WINDOW_S, Glance


class Fake:
    """A source that is not asked here."""

    def __init__(self, name: str, *roles: str) -> None:
        self.name, self.kind, self.timeout_ns = name, "json", 1
        self.figures: dict[str, Figure] = {}
        self.roles = {role: f"its_{role}" for role in roles}

    async def read(self) -> Reading:
        raise AssertionError

    async def close(self) -> None:
        """Nothing is held."""


def told(glance: Glance, name: str, time_s: float, **values: float) -> None:
    row = {f"{name}.its_{role}": value for role, value in values.items()}
    glance.add({"time_s": time_s, "values": {**row, "generator.cpu0_share": 1.0}})


def test_hit_rates_are_those_of_the_window() -> None:
    glance = Glance([Fake("a", "l1_hits", "l1_misses", "l2_hits", "l2_misses")])
    told(glance, "a", -0.5, l1_hits=0, l1_misses=0, l2_hits=5, l2_misses=5)
    assert glance.figures(0.0) == {}, "one reading is no rate"
    for second in range(1, 31):
        hits, misses = (0, 10 * second) if second <= 15 else (30 * (second - 15), 150)
        told(glance, "a", second, l1_hits=hits, l1_misses=misses, l2_hits=5, l2_misses=5)
    assert glance.figures(30.0) == {"cache": {"L1": 1.0}}, "L2 was not asked"
    assert WINDOW_S == 10.0


def test_a_counter_that_began_anew_is_no_rate() -> None:
    glance = Glance([Fake("a", "l1_hits", "l1_misses")])
    told(glance, "a", 1.0, l1_hits=100, l1_misses=10)
    told(glance, "a", 2.0, l1_hits=3, l1_misses=12)
    assert glance.figures(2.0) == {}


def test_what_was_not_read_lately_is_not_known() -> None:
    glance = Glance([Fake("a", "db_connections", "db_max"), Fake("b", "process_cpu_share")])
    told(glance, "a", 1.0, db_connections=204, db_max=210)
    told(glance, "b", 4.0, process_cpu_share=0.0)
    both: dict[str, Any] = {"db": [204, 210, None], "cpu_share": 0.0}
    assert glance.figures(1.0 + STALE_S) == both
    assert glance.figures(1.1 + STALE_S) == {"cpu_share": 0.0}
    assert glance.figures(60.0) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_the_machine_before_the_process_the_first_source_that_answers(order: int) -> None:
    sources = [Fake("b", "process_cpu_share"), Fake("a", "cpu_share"), Fake("c", "cpu_share")]
    glance = Glance(sources[::order])
    told(glance, "b", 1.0, process_cpu_share=0.9)
    told(glance, "c", 1.0, cpu_share=0.3)
    assert glance.figures(1.0) == {"cpu_share": 0.3}
    told(glance, "a", 1.1, cpu_share=0.5)
    assert glance.figures(1.1) == {"cpu_share": 0.5 if order == 1 else 0.3}
