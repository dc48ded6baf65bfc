"""`velroload compare RUN RUN`."""

import json
from pathlib import Path

import pytest

from tests.reference.rundata import build, steady, with_ledger
from velroload.cli.main import main
from velroload.errors import Exit
from velroload.rundata import RunData
from velroload.runfolder import save


def saved(folder: Path, data: RunData) -> str:
    folder.mkdir()
    save(folder, data)
    return str(folder)


def test_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = saved(tmp_path / "one", build([steady(100, 10.0)], 10.0))
    two = saved(tmp_path / "two", build([steady(100, 10.0, 6_000_000)], 10.0))
    assert main(["compare", one, two]) == Exit.PASS
    out = capsys.readouterr().out
    assert "response p95 ms" in out
    assert "differs" in out
    assert "one run of each" in out
    assert main(["compare", one, two, "--json"]) == Exit.PASS
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "velroload-comparison/1"
    assert document["runs"] == [one, two]


def test_a_run_that_claims_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = saved(tmp_path / "one", build([steady(100, 2.0)], 2.0))
    two = saved(tmp_path / "two", with_ledger(build([steady(100, 2.0)], 2.0), "samples", lost=1))
    assert main(["compare", one, two]) == Exit.INVALID
    assert "run 2 is INVALID" in capsys.readouterr().out


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path), str(tmp_path / "no")]) == Exit.USAGE
    assert capsys.readouterr().err == (
        f"velroload: {tmp_path}/no: no run folder there; write velroload compare RUN RUN\n"
    )
