"""`velroload init`: files to begin with, never over others."""

import json
from pathlib import Path

import pytest
import yaml

from velroload.cli.main import main
from velroload.cli.shipped import names


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plan_and_its_schema(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written: quickstart.yaml",
        "written: velroload.schema.json",
        "next:    velroload plan quickstart.yaml; velroload try quickstart.yaml; velroload run "
        "quickstart.yaml",
    ]
    assert main(["check", "quickstart.yaml"]) == 0
    assert json.loads((here / "velroload.schema.json").read_text())["title"] == "velroload plan"
    text = (here / "quickstart.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./velroload.schema.json\n")


@pytest.mark.parametrize("name", names())
def test_every_plan_checks_where_it_was_put(name: str, here: Path) -> None:
    assert main(["init", name, "--out", "sub/mine.yaml"]) == 0
    assert main(["check", "sub/mine.yaml"]) == 0


def test_nothing_is_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "spike.yaml").write_text("mine")
    assert main(["init", "spike", "--ci", "github"]) == 2
    assert capsys.readouterr().err == (
        "velroload: spike.yaml: it is there already; nothing is overwritten\n"
    )
    assert [path.name for path in here.iterdir()] == ["spike.yaml"]
    assert (here / "spike.yaml").read_text() == "mine"


def test_a_second_plan_shares_the_schema(here: Path) -> None:
    assert main(["init"]) == 0
    (here / "velroload.schema.json").write_text("{}")
    assert main(["init", "spike"]) == 0
    assert (here / "velroload.schema.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("kind", "path"), [("github", ".github/workflows/velroload.yml"), ("gitlab", ".gitlab-ci.yml")]
)
def test_a_ci_file(kind: str, path: str, here: Path) -> None:
    assert main(["init", "--ci", kind]) == 0
    text = (here / path).read_text()
    found = yaml.safe_load(text)
    assert "velroload run quickstart.yaml" in json.dumps(found)
    assert "velroload check quickstart.yaml" in json.dumps(found)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["spyke"], "init spyke: no such plan; did you mean spike?"),
        (["--ci", "jenkins"], "--ci 'jenkins': write github or gitlab"),
        (["--out", "x.txt"], "--out 'x.txt': a plan's name ends in .yaml"),
        (["zzz"], f"init zzz: no such plan; there are {', '.join(names())}"),
    ],
)
def test_what_cannot_be_written(
    words: list[str], line: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *words]) == 2
    assert capsys.readouterr().err == f"velroload: {line}\n"
    assert list(here.iterdir()) == []


def test_a_folder_that_takes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").write_text("")
    assert main(["init", "--out", "file/x.yaml"]) == 2
    assert capsys.readouterr().err == (
        "velroload: file/x.yaml: file is no folder, and cannot become one\n"
    )


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names()
    assert lines[names().index("quickstart")] == (
        "quickstart           50 users for 20 s, against a target of our own."
    )
