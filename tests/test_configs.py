"""Every shipped plan loads, passes its own forecast, and says what it is."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.runner.forecast.plans import MACHINE
from velroload.cli.main import main
from velroload.cli.shipped import names, title
from velroload.plan.loader import load_plan
from velroload.plan.model import EMBEDDED, Plan
from velroload.plan.requirements import Scale
from velroload.runner.forecast.forecast import forecast

CONFIGS = Path(__file__).parents[1] / "configs"
PLANS = sorted(CONFIGS.glob("*.yaml"))
S = 10**9
FEW_CONNECTIONS = (
    "R2 database connections ≥ 200: the embedded target's SQLite has 5; start `velroload target "
    "--database postgresql://…` and name its address"
)
"""The whole suite is for a service with a database of its own."""


def load(name: str, **environ: str) -> Plan:
    return load_plan(CONFIGS / f"{name}.yaml", environ=environ)


def test_they_are_all_there() -> None:
    assert set(names()) >= {
        "quickstart", "velro-prd", "velro-prd-quick", "spike", "soak", "step-capacity",
        "ab-compare", "circuit-breaker", "cache-invalidation",
    }  # fmt: skip


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./velroload.schema.json"
    assert len(title(path)) > 20
    plan = load_plan(path, environ={})
    assert (plan.name, plan.target) == (path.stem, EMBEDDED)
    certain = [each.text for each in forecast(plan, MACHINE).obstacles if each.certain]
    assert certain == ([FEW_CONNECTIONS] if path.stem == "velro-prd" else [])
    assert main(["check", str(path)]) == 0
    assert "no mistakes" in capsys.readouterr().out


PHASES = [  # users, ramp s, hold s, demanded per s, p95 ms, cache %, errors %
    ("warm_up_baseline", 500, 30, 120, 100, 75, 85, 1),
    ("intermediate_scaling", 2_500, 60, 300, 500, 75, 90, 2),
    ("large_scale_validation", 5_000, 90, 450, 800, 75, 93, 3),
    ("prd_compliance_validation", 10_000, 120, 600, 1_000, 75, 95, 1),
    ("stress_test_beyond_prd", 15_000, 90, 300, 1_200, 100, 90, 5),
    ("endurance_test", 8_000, 180, 1_800, 800, 75, 93, 2),
]
KINDS = (
    "authentication_check", "authorization_check", "generation_list", "model_access",
    "generation_create", "media_url_access",
)  # fmt: skip
MIX = [
    (".90", ".80", ".60", ".30", ".10", ".20"),
    (".95", ".85", ".70", ".40", ".15", ".25"),
    ("1.0", ".90", ".80", ".50", ".20", ".30"),
    ("1.0", ".95", ".85", ".60", ".25", ".40"),
    ("1.0", ".90", ".80", ".40", ".15", ".30"),
    ("1.0", ".90", ".75", ".45", ".20", ".30"),
]


def test_velro_prd_is_the_document() -> None:
    plan = load("velro-prd")
    for phase, row, mix in zip(plan.phases, PHASES, MIX, strict=True):
        demanded = {each.metric: each.limit for each in phase.thresholds}
        found = (
            phase.name, phase.users, phase.ramp_ns // S, phase.hold_ns // S, demanded["rate"],
            demanded["percentile"] / 1e6, 100 * demanded["cache"], 100 * demanded["errors"],
        )  # fmt: skip
        assert (
            found == pytest.approx(row)
            if row[0] != found[0]
            else found[1:] == pytest.approx(row[1:])
        )
        assert phase.rate_per_s == Fraction(row[4]) * Fraction(105, 100)
        assert dict(phase.mix) == dict(zip(KINDS, map(Fraction, mix), strict=True))
    assert [phase.name for phase in plan.phases if phase.gate] == [
        "prd_compliance_validation", "endurance_test"
    ]  # fmt: skip
    assert plan.phases[3].judges == tuple(f"R{number}" for number in range(1, 13))
    assert plan.phases[5].judges == ("R13",)
    assert plan.phases[4].events
    assert plan.requirements is not None
    assert plan.requirements.phase == "prd_compliance_validation"
    assert plan.accounts is not None
    assert (plan.accounts.count, plan.accounts.hot_each) == (15_000, 1)


def test_the_negative_traffic_of_velro_prd() -> None:
    requests = {r.endpoint: r for r in load("velro-prd").scenarios[0].requests}
    flow = load("velro-prd").scenarios[0]
    assert requests["foreign_read"].expect == ((403, 403), (404, 404))
    assert flow.requests_of("foreign_read") == Fraction(2, 100)
    for name in ("forged_token", "expired_token", "unsigned_token"):
        assert requests[name].expect == ((401, 401),)
        assert requests[name].cls == "denied"
    assert [str(t) for t in load("velro-prd").thresholds] == ["checks of class:denied == 100%"]


def test_velro_s_own_names_are_honoured() -> None:
    plan = load(
        "velro-prd", VELRO_API_URL="https://api.example.com", SUPABASE_SERVICE_KEY="key-1",
        VELRO_JWT_SECRET="secret-1", REDIS_URL="redis://127.0.0.1:6379",
    )  # fmt: skip
    assert [(probe.name, probe.kind, probe.where) for probe in plan.probes] == [
        ("redis", "redis", "redis://127.0.0.1:6379")
    ]  # fmt: skip
    assert load("velro-prd").probes == ()
    assert plan.target == "https://api.example.com"
    assert plan.accounts is not None
    assert (plan.accounts.service_key, plan.accounts.secret) == ("key-1", "secret-1")
    assert {"key-1", "secret-1"} <= set(plan.secrets)


def test_the_quick_suite_is_the_suite_scaled() -> None:
    whole, quick = load("velro-prd"), load("velro-prd-quick")
    assert replace(quick.scenarios[0], load=whole.scenarios[0].load) == whole.scenarios[0]
    assert quick.setup == whole.setup
    for one, other in zip(whole.phases, quick.phases, strict=True):
        assert (one.name, one.mix, one.gate, one.stop_on) == (
            other.name, other.mix, other.gate, other.stop_on
        )  # fmt: skip
        assert one.users == 100 * other.users
        assert one.rate_per_s == 4 * (other.rate_per_s or 0)
    assert quick.requirements is not None
    assert quick.requirements.scale == Scale(Fraction(1, 100), Fraction(1, 4))
    assert quick.duration_ns is not None
    assert quick.duration_ns <= 150 * S
