"""`velroload import`: from files, stdin and the command itself."""

import io
from pathlib import Path

import pytest

from velroload.cli.main import main

VELRO = str(Path(__file__).parents[1] / "plan/importers/velro.yaml")


def test_a_curl_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "curl", "curl http://127.0.0.1/x --proxy p:1"]) == 0
    out, err = capsys.readouterr()
    assert "  - GET /x: {expect: 200-399}\n" in out
    assert err == "velroload: not mapped: --proxy\n"


def test_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["import", "curl"], ["import", "curl", "-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("curl http://127.0.0.1/y"))
        assert main(words) == 0
        assert "GET /y" in capsys.readouterr().out


def test_a_file_that_is_checked_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "made.yaml")
    assert main(["import", "velro", VELRO, "--out", out]) == 0
    said = capsys.readouterr()
    assert said.out == f"written: {out}\n"
    assert "velroload: not mapped: monitoring.metrics: probes watch the target" in said.err
    assert main(["check", out]) == 0
    assert main(["import", "velro", VELRO, "--out", out]) == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["har", "x"], "import har: no such kind; known: curl, velro"),
        (["velo", "x"], "import velo: no such kind; did you mean velro?"),
        (["velro", "/nowhere"],
         "import velro: /nowhere: cannot be read: no such file or directory"),
        ([], "kind is missing (see --help)"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", *words]) == 2
    assert capsys.readouterr().err == f"velroload: {line}\n"


def test_what_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xff")
    assert main(["import", "velro", str(path)]) == 2
    assert capsys.readouterr().err == f"velroload: import velro: {path}: it is no UTF-8 text\n"
