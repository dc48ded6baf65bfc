"""From a plan's probes to sources, in order; what is missing is said before anything is sent."""

import asyncio
import ssl
from importlib import util

import pytest

from velroload.errors import ConfigError
from velroload.plan.model import Load, Plan, Request, Scenario
from velroload.plan.probe import KINDS, Probe
from velroload.probe import sources as module
from velroload.probe.source import UNITS, describe
from velroload.probe.sources import make_sources

PROBES = (
    Probe("a", "prometheus", "http://x/", (("up", "up"),), roles=(("db_max", "up"),)),
    Probe("b", "json", "https://x/", (("n_bytes", "$.n"), ("s", "$.s")),
          roles=(("breaker_z", "s"),)),
    Probe("c", "postgres", "postgresql://x/y"),
    Probe("d", "redis", "redis://x"),
    Probe("e", "process", "pid:1"),
    Probe("f", "cache_header", "X", (("HIT", "hit"),)),
    Probe("g", "agent", "http://x", token="t"),
)  # fmt: skip


def test_every_kind() -> None:
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    found = make_sources(PROBES, context)
    assert {probe.kind for probe in PROBES} == set(KINDS)
    assert [source.name for source in found] == ["a", "b", "c", "d", "e", "g"]
    assert len(made) == 1, "for the https page"
    for source in found:
        row = describe(source)
        assert row["kind"] == source.kind
        assert {figure.unit for figure in source.figures.values()} <= set(UNITS)
        assert set(source.roles.values()) <= set(source.figures)
        asyncio.run(source.close())
    assert describe(found[0])["roles"] == {"db_max": "up"}
    assert describe(found[1])["values"] == {
        "n_bytes": {"unit": "bytes", "says": "$.n"}, "s": {"unit": "state", "says": "$.s"},
    }  # fmt: skip


@pytest.mark.parametrize(("probe", "package"), [(PROBES[2], "asyncpg"), (PROBES[3], "redis")])
def test_a_missing_package(probe: Probe, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert util.find_spec(package) is not None
    with pytest.raises(ConfigError) as caught:
        make_sources([probe])
    assert str(caught.value) == (
        f"probe {probe.name}: {probe.kind} needs the package {package}: "
        "pip install 'velroload[probes]'"
    )


def test_a_plan_has_one_probe_of_a_name() -> None:
    scenario = Scenario("s", Load("constant-vus", users=1, iterations=1), (Request("GET", "/"),))
    with pytest.raises(ConfigError) as caught:
        Plan("p", "http://x", (scenario,), probes=(PROBES[3], PROBES[3]))
    assert str(caught.value) == "probe 'd' stands twice: give each a name of its own"
