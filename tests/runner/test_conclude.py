"""A folder in, what is told of it out, also when something cannot be written."""

import json
from pathlib import Path

import pytest

from tests.reference.rundata import build, steady, with_thresholds
from velroload.errors import ConfigError, Exit
from velroload.rundata import RunData
from velroload.runfolder import save
from velroload.runner.conclude import conclude


@pytest.fixture
def data() -> RunData:
    return build([steady(100, 5.0)], 5.0)


def test_a_finished_run(data: RunData, tmp_path: Path) -> None:
    save(tmp_path, data)
    asked = tmp_path / "again.json"
    conclusion = conclude(tmp_path, (str(asked), str(tmp_path / "again.txt")))
    assert conclusion.exit_code == Exit.PASS
    assert conclusion.lost == ()
    told = (tmp_path / "again.txt").read_text()
    assert told.partition(" files ")[0] == conclusion.text.partition(" files ")[0]
    assert "again.json" in conclusion.text
    result = json.loads((tmp_path / "result.json").read_bytes())
    assert result == json.loads(asked.read_bytes())
    assert (result["verdict"], result["exit_code"]) == ("PASS", 0)


def test_a_threshold_decides(data: RunData, tmp_path: Path) -> None:
    save(tmp_path, with_thresholds(data, "p95(response) < 1ms"))
    conclusion = conclude(tmp_path, verbose=True)
    assert conclusion.exit_code == Exit.FAIL
    assert conclusion.text.startswith("FAIL")


def test_a_report_that_cannot_be_written_costs_the_code_not_the_text(
    data: RunData, tmp_path: Path
) -> None:
    save(tmp_path, data)
    lost = tmp_path / "nowhere/report.json"
    conclusion = conclude(tmp_path, (str(lost), str(tmp_path / "there.txt")))
    assert conclusion.exit_code == Exit.INVALID
    assert conclusion.lost == (f"{lost}: not written: no such file or directory",)
    assert conclusion.text.startswith("PASS")
    assert (tmp_path / "there.txt").exists()


def test_a_folder_that_is_lost_leaves_the_text(data: RunData, tmp_path: Path) -> None:
    """Disk gone after the measurement: the data at hand are told all the same."""
    gone = tmp_path / "gone"
    conclusion = conclude(gone, data=data)
    assert conclusion.exit_code == Exit.INVALID
    assert conclusion.lost == (f"{gone}/result.json: not written: no such file or directory",)
    assert "exit 4" in conclusion.text.splitlines()[0]


def test_no_run_in_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        conclude(tmp_path)
    assert str(caught.value) == f"{tmp_path}: no run can be read here: run.json is missing."


def test_github_gets_a_step_summary_and_annotations(data: RunData, tmp_path: Path) -> None:
    save(tmp_path, with_thresholds(data, "p95(response) < 1ms"))
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    text = conclude(tmp_path, environ=environ).text
    assert summary.read_text().startswith("before\n### ❌ FAIL: synthetic\n")
    assert "\n::error title=velroload%3A FAIL::synthetic: " in text
    assert "::error" not in conclude(tmp_path).text
    assert "::error" not in conclude(tmp_path, environ={"GITHUB_ACTIONS": "false"}).text


def test_a_step_summary_that_cannot_be_written_is_said(data: RunData, tmp_path: Path) -> None:
    save(tmp_path, data)
    lost = tmp_path / "no/summary"
    conclusion = conclude(tmp_path, environ={"GITHUB_STEP_SUMMARY": str(lost)})
    assert conclusion.lost == (f"{lost}: not written: no such file or directory",)


def test_every_kind_of_report_is_written(data: RunData, tmp_path: Path) -> None:
    save(tmp_path, data)
    names = ["report.html", "summary.pdf", "junit.xml", "series.csv", "pr.md", "run.hlog"]
    conclusion = conclude(tmp_path, tuple(str(tmp_path / name) for name in names))
    assert conclusion.lost == ()
    assert all((tmp_path / name).stat().st_size for name in names)
