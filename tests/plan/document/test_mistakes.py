"""mistakes.txt: every mistake is told at its place, in whole lines, all at once."""

from pathlib import Path

import pytest

from tests.plan.document.plans import completed
from velroload.errors import ConfigErrors
from velroload.plan.loader import parse_plan

ENVIRON = {"SECRET": "hunter2", "SECRET_LINES": "hunter2\nhunter3"}
GOLDEN = Path(__file__).with_name("mistakes.txt")


def cases() -> list[tuple[str, list[str]]]:
    found = []
    for case in GOLDEN.read_text(encoding="utf-8").split("===\n")[1:]:
        lines = case.splitlines(keepends=True)
        piece = "".join(line for line in lines if not line.startswith(">>> "))
        found.append((piece, [line[4:-1] for line in lines if line.startswith(">>> ")]))
    return found


@pytest.mark.parametrize(("piece", "lines"), cases(), ids=lambda value: str(value)[:60])
def test_mistakes(piece: str, lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email,password\n")
    with pytest.raises(ConfigErrors) as caught:
        parse_plan(completed(piece), str(tmp_path / "p.yaml"), environ=ENVIRON)
    assert [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines] == lines


def test_there_are_many_of_them() -> None:
    assert len(cases()) >= 60
