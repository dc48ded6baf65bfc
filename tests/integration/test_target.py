"""The report against the target's own truth: equal to the integer, service times alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.target import Silent, flags_of, scenario_of
from tests.servers.services import Services
from velroload.plan.model import Plan
from velroload.runner.options import Options
from velroload.runner.run import execute
from velroload.target.process import TargetProcess

ENDPOINTS = {
    "authentication_check": "GET /api/v1/auth/me",
    "authorization_check": "GET /api/v1/generations/{id}",
    "generation_list": "GET /api/v1/generations",
    "model_access": "GET /api/v1/models",
    "generation_create": "POST /api/v1/generations",
    "media_url_access": "GET /api/v1/generations/{id}/media-urls",
}


@pytest.mark.parametrize("place", ["sqlite", "services"])
def test_a_short_compliance_mix(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    log = tmp_path / "log"
    options = ["--service-log", str(log), "--scrypt-n", "2"]
    if place == "services":
        services: Services = request.getfixturevalue("services")
        options += ["--database", services.database_url, "--redis", services.redis_url]
    flags = flags_of(["--users", "40", "--rate", "150", "--ramp", "0", "--seconds", "2"])
    with TargetProcess().start(users=40, options=options) as target:
        plan = Plan("mix", target.url, (scenario_of(flags),))
        users = flags.users
        addresses = (("127.0.0.1", target.port),)
        folder = tmp_path / "run"
        run = Options("1", str(folder), quiet=True, addresses=addresses, allow_debug_core=True)
        execute(plan, run, Silent())
        truth = target.truth()
        assert target.stderr() == ""
    ledger = json.loads((folder / "run.json").read_text())["end"]["ledger"]
    assert ledger["problems"] == []
    result = json.loads((folder / "result.json").read_text())
    said = {row["name"]: row for row in result["endpoints"]}
    facts = truth["service_log"]
    kind_of: Any = {key: facts[key] for key in ("names", "formats")}
    records: NDArray[Any] = np.fromfile(log, np.dtype(kind_of))
    counts = {name: sum(by.values()) for name, by in truth["requests"].items()}
    for kind, endpoint in ENDPOINTS.items():
        setup = users if kind == "generation_list" else 0  # every user looks once for his id
        assert said[kind]["count"] == counts[endpoint] - setup
        assert said[kind]["failed"] == 0
    assert counts["POST /api/v1/auth/login"] == users
    assert truth["in_flight"] == truth["crossed"] == 0
    assert truth["audited"] > 0
    assert len(records) == sum(counts.values())
    number = facts["endpoints"].index(ENDPOINTS["authentication_check"])
    mine = records[records["endpoint"] == number]
    manifest = json.loads((folder / "run.json").read_text())
    (row,) = [e["id"] for e in manifest["endpoints"] if e["name"] == "authentication_check"]
    samples = np.load(folder / "reservoir.npy")
    samples = samples[samples["endpoint"] == row]
    sent, received, ended = (
        np.sort(instants)
        for instants in (
            samples["sent_ns"] + manifest["epoch_monotonic_ns"],
            mine["received_ns"],
            samples["end_ns"] + manifest["epoch_monotonic_ns"],
        )
    )
    assert len(sent) == len(received)
    assert (sent <= received).all()  # one by one, so in order too
    assert (received <= ended).all()
