"""Runs that are watched: the embedded target's own truth, and a plan's probes against real ones."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.launch import CPUS, Launch
from tests.servers.scripted import ScriptedServer, read_request, respond
from tests.servers.services import Services
from velroload.journal import Counter
from velroload.plan.model import EMBEDDED, Capture, Load, Plan, Request, Scenario
from velroload.probe.source import UNITS
from velroload.rundata import RunData
from velroload.runfolder import load
from velroload.runner.embedded_probes import BREAKERS
from velroload.runner.options import Options
from velroload.runner.run import execute
from velroload.sample import CacheLayer
from velroload.target.accounts import DEFAULT_PASSWORD, email_of
from velroload.target.process import TargetProcess

GENERATIONS = "/api/v1/generations"
BEARER = (("Authorization", "Bearer ${token}"),)
FORM = (
    b'--f\r\nContent-Disposition: form-data; name="model_id"\r\n\r\nsdxl\r\n'
    b'--f\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na lighthouse\r\n--f--\r\n'
)
SETUP = (
    Request(
        "POST",
        "/api/v1/auth/login",
        (("Content-Type", "application/json"),),
        json.dumps({"email": email_of("${user}"), "password": DEFAULT_PASSWORD}).encode(),
        endpoint="login",
        captures=(Capture("token", "$.access_token"),),
    ),
    Request(
        "GET", f"{GENERATIONS}?limit=1", BEARER, endpoint="find",
        captures=(Capture("id", "$[0].id"),),
    ),
)  # fmt: skip
FLOW = (
    Request("GET", "/api/v1/auth/me", BEARER, endpoint="me"),
    Request("GET", f"{GENERATIONS}/${{id}}", BEARER, endpoint="read"),
    Request("GET", "/api/v1/models", endpoint="models"),
    Request("GET", f"{GENERATIONS}/stats", endpoint="refused", expect=((401, 401),)),
    Request("POST", GENERATIONS,
            (*BEARER, ("Content-Type", "multipart/form-data; boundary=f")), FORM, endpoint="order"),
)  # fmt: skip
ENDPOINTS = {
    "me": "GET /api/v1/auth/me",
    "read": "GET /api/v1/generations/{id}",
    "models": "GET /api/v1/models",
    "refused": "GET /api/v1/generations/stats",
}
"""Endpoint of the run → the target's own name."""


class Told:
    """A user interface that keeps what is said, and asks the target for its truth at the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        self.truth: dict[str, Any] = {}
        self.style: Callable[[str, str], str] = lambda role, text: text
        stop = TargetProcess.stop

        def ask_first(target: TargetProcess) -> int | None:
            if target.running:
                self.truth = target.truth()
            return stop(target)

        monkeypatch.setattr(TargetProcess, "stop", ask_first)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, figures: dict[str, Any]) -> None:
        """Not looked at."""

    def done(self, text: str) -> None:
        self.lines.append(text)


def said_of(data: RunData, name: str) -> dict[str, int]:
    """What the answers of an endpoint said of the cache, by layer."""
    (number,) = [e["id"] for e in data.manifest["endpoints"] if e["name"] == name]
    rows = data.counts[data.counts["endpoint"] == number]
    counted = {
        layer.name: int(
            rows["value"][rows["counter"] == Counter.CACHE + layer % CacheLayer.UNKNOWN].sum()
        )
        for layer in CacheLayer
        if layer
    }
    return {name: count for name, count in counted.items() if count}


def truth_of(truth: dict[str, Any], endpoint: str) -> dict[str, int]:
    """The same by the target's own books."""
    asked = sum(truth["requests"][endpoint].values())
    layers = truth["layers"].get(endpoint, {}).values()
    known = {name: sum(by[name] for by in layers) for name in ("L1", "L2", "L3")}
    known["UNKNOWN"] = asked - sum(known.values())
    return {name: count for name, count in known.items() if count}


def test_the_embedded_target_and_its_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache layers equal to the integer; the target's counters as it tells them at the end."""
    told = Told(monkeypatch)
    scenario = Scenario("s", Load("constant-vus", users=5, iterations=60), FLOW, SETUP)
    plan = Plan("watched", EMBEDDED, (scenario,), server_timing=True)
    folder = tmp_path / "run"
    execute(plan, Options("1", str(folder), quiet=True, allow_debug_core=True), told)
    data = load(folder)
    for name, endpoint in ENDPOINTS.items():
        assert said_of(data, name) == truth_of(told.truth, endpoint), name
    assert said_of(data, "order") == {}, "writes are outside"
    assert said_of(data, "models") == {"UNKNOWN": 60}, "unknown is no miss"
    assert sum(said_of(data, "read").values()) == 60
    assert {"cache L1", "cache L3", "db", "app"} <= set(data.manifest["series"])
    roles = data.roles()
    assert set(roles) >= {f"breaker_{name}" for name in BREAKERS}
    assert roles["db_connections"] == "target_pools.db_connections"
    assert roles["process_cpu_share"] == "target_process.cpu_share"
    lookups = told.truth["lookups"]
    authorization = [lookups["token"], lookups["permission"]]
    ends = {name: int(data.role(name)[1][-1]) for name in ("l1_hits", "l1_misses", "l3_hits")}
    assert ends == {
        name: sum(by[f"{name[:2].upper()} {name[3:]}"] for by in authorization) for name in ends
    }
    assert data.role("authz_hits")[1][-1] == sum(
        by["L1 hits"] + by["L2 hits"] for by in authorization
    )
    assert data.role("authz_misses")[1][-1] == sum(by["L3 hits"] for by in authorization)
    assert data.role("memory_bytes")[1].min() > 1 << 20
    assert set(data.role("breaker_database")[1]) == {0.0}
    assert [row for row in data.events if row.get("event") == "mark"] == []
    described = {probe["name"]: probe for probe in data.manifest["probes"]}
    assert described["generator"]["roles"] == {}
    for full in {name for row in data.probes for name in row["values"]}:
        probe, _, value = full.partition(".")
        assert described[probe]["values"][value]["unit"] in UNITS


PLAN = """
target: {url}
load: {{users: 2, hold: 2s, think: 20ms}}
flow: [GET /hit, POST /write: {{json: {{a: 1}}}}, GET /other]
probes:
  db: {{postgres: "{database}", timeout: 5s}}
  store: {{redis: "{redis}"}}
  page: {{prometheus: "{url}/metrics", metrics: {{open: open, l1: 'hits_total{{layer="L1"}}'}},
         roles: {{open_connections: open}}}}
  gone: {{json: "http://127.0.0.1:1/", values: {{a: $.a}}}}
  box: {{process: {{port: {port}}}}}
  cdn: {{cache_header: X-Cache, map: {{"Hit from cdn": hit, "Miss from cdn": miss}}}}
"""
PAGE = b'open 12\nhits_total{layer="L1"} 3\n'


def test_a_plan_with_probes(services: Services, tmp_path: Path) -> None:
    plan = tmp_path / "p.yaml"
    with ScriptedServer(serve) as server:
        places = {"database": services.database_url, "redis": services.redis_url}
        plan.write_text(PLAN.format(url=server.url, port=server.port, **places))
        with Launch(tmp_path, str(plan), "-w", f"cpus:{CPUS[-1]}", "-v") as run:
            assert run.finish() in (0, 4, 97), run.stderr  # a busy machine makes a run SUSPECT
    data = load(run.out)
    assert said_of(data, "GET /hit").keys() == {"HIT"}
    assert said_of(data, "POST /write") == {}
    assert said_of(data, "GET /other").keys() == {"UNKNOWN"}
    assert {"db", "store", "page", "box"} <= {
        name.partition(".")[0] for row in data.probes for name in row["values"]
    }
    assert set(data.role("open_connections")[1]) == {12.0}
    assert set(data.role("db_max")[1]) == {300.0}
    assert len(data.probe_series("store.hits_per_s")[0]) >= 2
    marks = [row for row in data.events if row.get("event") == "mark"]
    assert [(m["name"], m["what"], m["detail"]) for m in marks] == [
        ("gone", "missing", "connection refused")
    ]
    assert "probe gone is missing: connection refused" in run.stderr
    shown = b"".join(path.read_bytes() for path in run.out.rglob("*") if path.is_file())
    for url in (services.database_url, services.redis_url):
        password = url.partition("@")[0].rpartition(":")[2]
        assert password.encode() not in shown + run.stdout.encode() + run.stderr.encode()


def serve(connection: Any, number: int) -> None:
    """The plan's target: tells its cache, and its metrics."""
    heads = {b"/hit": b"X-Cache: hit FROM cdn\r\n", b"/write": b"X-Cache: Hit from cdn\r\n"}
    while request := read_request(connection):
        path = request.split(b" ", 2)[1]
        body = PAGE if path == b"/metrics" else b"ok"
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b"
            % (len(body), heads.get(path, b""), body)
        )


def test_a_probe_that_hangs_costs_the_run_nothing(tmp_path: Path) -> None:
    """Neither at its start nor at its end does it take longer than a second each."""
    gone = threading.Event()

    def hang(connection: Any, number: int) -> None:
        gone.wait()

    plan = tmp_path / "p.yaml"
    with ScriptedServer(respond()) as server, ScriptedServer(hang) as stuck:
        plan.write_text(
            f"target: {server.url}\nload: {{users: 1, hold: 1s, think: 10ms}}\nflow: [GET /]\n"
            f"probes: {{a: {{json: '{stuck.url}', values: {{a: $.a}}, timeout: 30s}}}}\n"
        )
        with Launch(tmp_path, str(plan), "-w", f"cpus:{CPUS[-1]}") as run:
            code = run.finish()
        gone.set()
    assert code in (0, 4, 97), run.stderr
    data = load(run.out)
    assert data.end is not None
    assert 1e9 <= data.end["ended_ns"] < 4e9
    assert len(data.probe_series("generator.memory_share")[0]) >= 2
    assert run.ledger()["ok"] > 20
