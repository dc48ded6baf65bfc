"""The shipped suite, scaled, from one command to its reports: what the tool is for. Slow."""

import json
from pathlib import Path

import pytest

from tests.launch import Launch

CONFIGS = Path(__file__).parents[2] / "configs"
SETTLED = {"R1", "R3", "R4", "R5", "R6", "R7", "R8", "R11"}
"""What a scaled run answers; these are the critical ones."""
LEFT = {"R2", "R9", "R10", "R12", "R13"}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_the_quick_suite_passes_and_reports(tmp_path: Path) -> None:
    reports = [tmp_path / name for name in ("out.html", "out.json", "summary.pdf")]
    words = [word for path in reports for word in ("--report", str(path))]
    plan = str(CONFIGS / "velro-prd-quick.yaml")
    with Launch(tmp_path, "run", plan, *words) as launch:
        code = launch.finish(300.0)
    assert code == 0, launch.stdout + launch.stderr
    page, told, paper = reports
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert paper.read_bytes().startswith(b"%PDF-")
    result = json.loads(told.read_text(encoding="utf-8"))
    assert (result["verdict"], result["exit_code"]) == ("PASS", 0)
    assert result["validity"]["verdict"] in ("VALID", "SUSPECT")
    compliance = result["compliance"]
    assert compliance["scale"] == {"users": 0.01, "rate": 0.25}
    verdicts = {each["id"]: each["verdict"] for each in compliance["requirements"]}
    assert {id_ for id_, word in verdicts.items() if word.startswith("PASS")} == SETTLED
    assert {id_ for id_, word in verdicts.items() if word == "NOT MEASURED"} == LEFT
    limits = {each["id"]: each["limit"] for each in compliance["requirements"]}
    assert (limits["R1"], limits["R4"]) == (100, 250)
    assert len(result["suite"]) == 6
    gates = [phase["verdict"] for phase in result["suite"] if phase["gate"]]
    assert all(word.startswith("PASS") for word in gates)
    assert [event["name"] for event in result["resilience"]] == ["surge", "models_down"]
    (denied,) = [row for row in result["classes"] if row["name"] == "denied"]
    assert denied["failed"] == 0
    assert "velro-prd scaled: 8 PASS" in launch.stdout
