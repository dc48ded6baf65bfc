"""`velroload report`: from a folder of a finished run."""

import json
from pathlib import Path

import pytest

from tests.reference.rundata import build, steady, with_thresholds
from velroload.cli.main import main
from velroload.errors import Exit
from velroload.runfolder import save


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/one"
    folder.mkdir(parents=True)
    save(folder, with_thresholds(build([steady(100, 5.0)], 5.0), "p95(response) < 75ms"))
    (tmp_path / "runs/latest").symlink_to("one")
    return folder


def test_the_latest_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == Exit.PASS
    out, err = capsys.readouterr()
    assert out.startswith("PASS")
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    assert err == ""
    assert (runs / "result.json").exists()


def test_a_named_run_and_reports(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "runs/one", "--report", "a.json", "--report", "b.txt"]) == Exit.PASS
    assert json.loads(Path("a.json").read_bytes())["verdict"] == "PASS"
    out = capsys.readouterr().out
    told = Path("b.txt").read_text()
    assert told.partition(" files ")[0] == out.partition(" files ")[0]
    assert " files      runs/one · a.json · b.txt\n" in out


def test_a_report_that_cannot_be_written(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--report", "no/a.json"]) == Exit.INVALID
    out, err = capsys.readouterr()
    assert out.startswith("PASS")
    assert err == "velroload: no/a.json: not written: no such file or directory\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("report runs/two", "runs/two: no run folder there; name one: velroload report DIR"),
        ("report runs", "runs: no run can be read here: run.json is missing."),
        (
            "report --report a.doc",
            "--report 'a.doc': its name says its kind: *summary.html, *.html, *summary.md, *.md, "
            "*.pdf, *.json, *series.csv, *endpoints.csv, *errors.csv, *.csv, *.xml, *.txt, *.hgrm, "
            "*.hlog, *.png, *.svg",
        ),
        ("report --inconclusive x", "--inconclusive 'x': write pass"),
    ],
)
def test_mistakes(words: str, line: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == Exit.USAGE
    assert capsys.readouterr() == ("", f"velroload: {line}\n")
