"""A compliance run on PostgreSQL and Redis: what the report says against the target's own truth."""

import json
from typing import Any

import pytest

from tests.integration.test_probes import said_of, truth_of
from tests.launch import Launch
from tests.servers.services import Services
from velroload.plan.probe import WITH_VALUES, Probe
from velroload.rundata import RunData
from velroload.runfolder import load
from velroload.runner.embedded_probes import embedded_probes
from velroload.target.process import TargetProcess

pytestmark = [pytest.mark.slow, pytest.mark.timing]
USERS = 300
Ran = tuple[RunData, dict[str, Any], dict[str, Any]]
ENDPOINTS = {
    "me": "GET /api/v1/auth/me",
    "list": "GET /api/v1/generations",
    "read": "GET /api/v1/generations/{id}",
    "stats": "GET /api/v1/generations/stats",
    "models": "GET /api/v1/models",
    "order": "POST /api/v1/generations",
    "media": "GET /api/v1/generations/{id}/media-urls",
}
"""Endpoint of the plan → the target's own name."""
PLAN = """
name: compliance
target: {url}
accounts: {{count: {users}, token: minted, secret: "{secret}", service_key: "{key}", life: 1h,
           creations: 60, hot_each: 1, remove_after: false}}
session:
  login: minted
  steps: [set: {{token: "${{accounts.token}}"}}]
  headers: {{Authorization: "Bearer ${{token}}"}}
flow:
  - GET /api/v1/auth/me: {{name: me}}
  - GET /api/v1/generations/${{accounts.generation}}: {{name: read, probability: 0.95}}
  - GET /api/v1/generations: {{name: list, query: {{limit: 20}}, probability: 0.85}}
  - GET /api/v1/generations/stats: {{name: stats, probability: 0}}
  - GET /api/v1/models: {{name: models, probability: 0.6}}
  - POST /api/v1/generations:
      name: order
      multipart: {{model_id: sdxl, prompt: a}}
      probability: 0.25
  - GET /api/v1/generations/${{accounts.generation}}/media-urls: {{name: media, probability: 0.4}}
phases:
  - name: down
    users: 40
    ramp: 500ms
    hold: 6s
    cool_down: 1s
    rate: 160/s
    events:
      - {{at: 1s, fault: database_down, name: cut, for: 3s, with: {{token: "{token}"}}}}
  - name: steady
    users: 40
    hold: 4s
    cool_down: 1s
    rate: 160/s
    events:
      - {{at: 1s, fault: flush_cache, name: cold, with: {{layer: L1, token: "{token}"}}}}
  - name: pressed
    users: {users}
    ramp: 500ms
    hold: 9s
    cool_down: 2s
    mix: {{me: 0, read: 0, list: 1, stats: 0.3, models: 0, order: 0.5, media: 0}}
    events:
      - {{at: 500ms, fault: latency, name: slow_database, for: 8s,
         with: {{latency: 700ms, endpoint: database, token: "{token}"}}}}
probes: {probes}
"""


def own_set(target: TargetProcess, services: Services) -> str:
    """The target's set by URL, as a plan of somebody else names it; PostgreSQL and Redis beside."""
    found: dict[str, Any] = {
        "postgres": {"postgres": services.database_url},
        "redis": {"redis": services.redis_url},
    }

    def written(probe: Probe) -> dict[str, Any]:
        if probe.kind == "process":
            return {"process": {"pid": target.pid}}
        row: dict[str, Any] = {probe.kind: probe.where}
        if probe.values:
            row[WITH_VALUES[probe.kind]] = dict(probe.values)
        return row | ({"roles": dict(probe.roles)} if probe.roles else {})

    for probe in embedded_probes(target.url, target.pid):
        found[probe.name] = written(probe)
    return json.dumps(found)


@pytest.fixture(scope="module")
def ran(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of half a minute: its folder, its result, the target's truth afterwards."""
    folder = tmp_path_factory.mktemp("compliance")
    options = ["--database", services.database_url, "--redis", services.redis_url,
               "--breaker-recovery", "200ms"]  # fmt: skip
    with TargetProcess().start(users=10, options=options) as target:
        plan = folder / "plan.yaml"
        plan.write_text(
            PLAN.format(
                url=target.url, users=USERS, secret=target.secret, key=target.service_key,
                token=target.fault_token, probes=own_set(target, services),
            )
        )  # fmt: skip
        with Launch(folder, str(plan), "-w", "1") as run:
            code = run.finish()
        assert code in (0, 4, 97, 99), run.stderr  # the database was down: failures are data
        truth = target.truth()
        assert target.stderr() == ""
    return load(run.out), run.result, truth


def marks(data: RunData, kind: str) -> list[tuple[str, str, str | None]]:
    return [
        (row["name"], row["what"], row["phase"])
        for row in data.events
        if row.get("event") == "mark" and row["kind"] == kind
    ]


def statuses(data: RunData, name: str) -> dict[str, int]:
    """Answers to an endpoint in the whole run, by status."""
    (number,) = [e["id"] for e in data.manifest["endpoints"] if e["name"] == name]
    rows = data.counts[(data.counts["endpoint"] == number) & (data.counts["counter"] < 1000)]
    return {
        str(code): int(rows["value"][rows["counter"] == code].sum())
        for code in sorted(set(rows["counter"].tolist()))
    }


def test_counts_and_layers_are_the_targets_own(ran: Ran) -> None:
    """To the integer: answers by status, and what they told of the cache."""
    data, result, truth = ran
    assert data.end is not None
    assert data.end["ledger"]["problems"] == []
    for name, endpoint in ENDPOINTS.items():
        asked = dict(truth["requests"][endpoint])
        told = truth_of(truth, endpoint)
        if name == "models":  # one more asked for the price of a generation, before the run
            asked["200"] -= 1
            told["UNKNOWN"] -= 1
        assert statuses(data, name) == asked, name
        assert said_of(data, name) == ({} if name == "order" else told), name
    assert truth["crossed"] == truth["in_flight"] == 0
    held = [phase["watched"]["cache"] for phase in result["suite"]]
    whole = result["watched"]["cache"]
    for key in ("l1", "l2", "l3", "unknown"):
        assert sum(cache[key] for cache in held) == whole[key]


def test_hit_rates_are_those_of_the_target_and_of_redis(ran: Ran) -> None:
    data, _, truth = ran
    every = truth["lookups"]
    authorization = [every["token"], every["permission"]]
    for layer in ("L1", "L2"):
        for what in ("hits", "misses"):
            name, told = f"{layer.lower()}_{what}", f"{layer} {what}"
            assert data.role(name)[1][-1] == sum(by[told] for by in authorization), name
            _, counted = data.probe_series(f"target_metrics.{name}")
            assert counted[-1] == sum(by[told] for by in every.values()), name
    for what in ("hits", "misses"):  # Redis says so itself; nobody else asked it
        counted = data.role(f"redis_{what}")[1]
        _, own = data.probe_series(f"target_metrics.l2_{what}")
        assert counted[-1] - counted[0] == own[-1] - own[0] > 0
    assert sum(said_of(data, name).get("L2", 0) for name in ENDPOINTS) > 0


def test_connections_are_those_of_the_pools(ran: Ran) -> None:
    """pg_stat_activity beside the target's own pools: 47 at the start, over 200 under load."""
    data, result, truth = ran
    _, seen = data.probe_series("postgres.connections")
    _, pools = data.probe_series("target_pools.db_connections")
    assert seen[0] == pools[0] == truth["pools"]["total"]["min"] == 47
    assert 200 <= seen.max() <= truth["pools"]["total"]["max"] == 210
    assert seen.max() == pools.max()
    assert seen[-1] == pools[-1] == truth["pools"]["total"]["size"]
    assert data.probe_series("target_pools.db_in_use")[1].max() > 150  # admin's stay idle
    assert set(data.role("db_max")[1]) == {300.0}
    pressed = result["suite"][2]["watched"]["levels"]
    assert pressed["db_connections"]["maximum"] == seen.max()
    assert pressed["open_connections"]["maximum"] >= USERS


def test_a_database_that_is_down_trips_the_breaker_and_recovers(ran: Ran) -> None:
    """In the run folder, in the report, in the truth: opened in its phase, closed at the end."""
    data, result, truth = ran
    assert marks(data, "fault") == [
        ("cut", "begin", "down"), ("cut", "end", "down"), ("cold", "begin", "steady"),
        ("slow_database", "begin", "pressed"), ("slow_database", "end", "pressed"),
    ]  # fmt: skip
    states = [what for name, what, _ in marks(data, "breaker") if name == "database"]
    assert "open" in states
    assert states[-1] == "closed"
    down, steady, _ = result["suite"]
    assert "open" in [each["state"] for each in down["watched"]["breakers"]]
    assert steady["watched"]["breakers"] == []
    assert truth["breakers"]["database"]["state"] == "closed"
    changes = [e["after"] for e in truth["events"] if e.get("breaker") == "database"]
    assert (changes[0], changes[-1]) == ("open", "closed")
    assert min(data.role("db_connections")[1]) == 0
    assert down["total"]["failed"] > 0
    assert steady["total"]["failed"] == 0
    ended = [fault for fault in truth["faults"] if fault["fault"] == "database_down"]
    assert [2.5e9 < fault["ended_ns"] - fault["started_ns"] < 5e9 for fault in ended] == [True]
