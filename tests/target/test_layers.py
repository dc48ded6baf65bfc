"""Within the target: api → service → store, never back."""

import ast
from pathlib import Path

import pytest

TARGET = Path(__file__).parents[2] / "velroload" / "target"
ABOVE = {"store": {"api", "service"}, "service": {"api"}, "api": set[str]()}
FILES = sorted(path for room in ABOVE for path in (TARGET / room).glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_imports_go_down(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    rooms = {m.split(".")[2] for m in modules if m.startswith("velroload.target.")}
    assert not rooms & ABOVE[path.parent.name]


def test_stores_know_no_request() -> None:
    for path in FILES:
        if path.parent.name != "api":
            assert "aiohttp" not in path.read_text(encoding="utf-8"), path
