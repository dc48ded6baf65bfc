"""The predecessor's scenario file as a plan: golden, and what is not mapped is named."""

from pathlib import Path

import pytest

from velroload.errors import ConfigError
from velroload.plan.importers.velro import import_velro
from velroload.plan.loader import parse_plan

HERE = Path(__file__).parent
SOURCE = HERE / "velro.yaml"
GOLDEN = HERE / "velro.out"
"""Made anew: python -m tests.plan.importers.test_velro"""


def imported() -> str:
    return import_velro(SOURCE.read_text(encoding="utf-8"), "velro.yaml").text()


def test_the_plan_is_as_it_was() -> None:
    assert imported() == GOLDEN.read_text(encoding="utf-8")


def test_check_accepts_it() -> None:
    plan = parse_plan(imported(), "imported.yaml", environ={"VELRO_API_URL": "http://127.0.0.1:1"})
    assert plan.target == "http://127.0.0.1:1"
    assert [(phase.name, phase.users, float(phase.rate_per_s or 0)) for phase in plan.phases] == [
        ("warm_up_baseline", 500, 105), ("prd_compliance_validation", 10_000, 1050),
        ("stress_test_beyond_prd", 15_000, 1260),
    ]  # fmt: skip
    assert plan.requirements is not None
    assert plan.requirements.phase == "prd_compliance_validation"


def leaves(value: object, path: str = "") -> list[str]:
    if isinstance(value, dict) and value:
        return [p for key, each in value.items() for p in leaves(each, f"{path}.{key}".lstrip("."))]
    return [path]


def test_every_key_is_mapped_or_named() -> None:
    """Each leaf is changed in turn: either the plan changes, or a note names it."""
    import yaml

    document = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    whole = import_velro(SOURCE.read_text(encoding="utf-8"), "velro.yaml")
    silent = []
    for path in leaves(document):
        if any(path in note for note in whole.notes):
            continue
        changed = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
        *above, last = path.split(".")
        at = changed
        for key in above:
            at = at[key]
        at[last] = other_than(at[last])
        other = import_velro(yaml.safe_dump(changed, sort_keys=False), "velro.yaml")
        if (other.document, other.notes) == (whole.document, whole.notes):
            silent.append(path)
    assert silent == [
        f"scenarios.prd_compliance_validation.prd_validation.{word}"
        for word in ("strict_mode", "fail_on_violation")
    ]  # their being there is what counts: gate: true


def other_than(value: object) -> object:
    if isinstance(value, bool):
        return not value
    return value * 0.7 if isinstance(value, int | float) else "${OTHER:-http://other.example}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "import velro: x.yaml: it has no scenarios"),
        ("- a", "import velro: x.yaml: it is no scenario file"),
        ("scenarios: {a: {concurrent_users: many}}",
         "import velro: scenarios.a.concurrent_users: 'many' is no number"),
        ("scenarios: {a: {concurrent_users: -1}}",
         "import velro: scenarios.a.concurrent_users: -1: 0 or more is needed"),
        ("a: [1", "import velro: x.yaml:2:1: it is no YAML: did not find expected ',' or ']'"),
        ("x" * (2 << 20), "import velro: x.yaml: it is larger than 1 MiB"),
        ("a: &a 1\nb: [" + ", ".join(["*a"] * 101) + "]",
         "import velro: x.yaml: it has more than 100 aliases"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_file(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        import_velro(text, "x.yaml")
    assert str(caught.value) == message


def test_other_demands_become_thresholds_and_secrets_stay_out() -> None:
    made = import_velro("""
prd_requirements: {concurrent_users: 50, throughput_rps: 20, response_times: {media_url_ms: 300}}
test_environment: {base_url: "http://127.0.0.1:8000/api/v1/", service_key: "eyJhbGciOiJIUzI1"}
scenarios: {only: {concurrent_users: 50, request_patterns: {media_url_access: 1.0}}}
""", "x.yaml")  # fmt: skip
    assert "eyJ" not in made.text()
    assert made.document["target"] == "http://127.0.0.1:8000"
    assert made.document["phases"][0]["thresholds"] == [
        "p95(response) of class:media_url < 300ms", "rate >= 20/s"
    ]  # fmt: skip
    assert "requirements" not in made.document
    assert made.notes == (
        "test_environment.service_key: set SUPABASE_SERVICE_KEY to it: a plan holds no secrets",
        "not mapped: prd_requirements.concurrent_users: no threshold speaks of it",
    )
    assert parse_plan(made.text(), "x.yaml", environ={}).phases[0].users == 50


def test_a_comment_cannot_become_a_key() -> None:
    made = import_velro('scenarios: {a: {name: "x\\nflow: [GET /evil]"}}', "x.yaml")
    assert "# a: x flow: [GET /evil]\n" in made.text()


if __name__ == "__main__":
    GOLDEN.write_text(imported(), encoding="utf-8")
