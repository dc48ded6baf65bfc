"""The guide: every YAML block of its section on plans loads, every key stands in its tables.

`python -m tests.plan.document.test_guide` writes the tables of keys from the loader's own.
"""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from velroload.plan.loader import json_schema, parse_plan

GUIDE = Path(__file__).parents[3] / "docs" / "guide.md"
MARK = re.compile(r"<!-- keys: ([a-z_, ]+) -->\n(?:\n(?:\|.*\n)+)?")
FILES = {"accounts.csv": "email,password\na@example.com,secret\n"}
ENVIRON = {"SERVICE_KEY": "service-key", "JWT_SECRET": "jwt-secret", "AGENT_TOKEN": "agent"}
SCHEMA = json_schema()


def section() -> str:
    return GUIDE.read_text(encoding="utf-8").partition("\n## Plans\n")[2].partition("\n## ")[0]


def blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", section(), re.DOTALL)


def completed(block: str) -> str:
    """With what the first example says where this one says nothing."""
    given, text = yaml.safe_load(block), block
    if "target" not in given:
        text += "target: embedded\n"
    if not {"load", "scenarios", "phases"} & set(given):
        text += "load: {users: 50, ramp: 5s, hold: 20s}\n"
    if not {"flow", "scenarios"} & set(given):
        text += "flow: [GET /health]\n"
    return text


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.split("\n")[0][:40])
def test_every_example_loads(block: str, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    parse_plan(completed(block), str(tmp_path / "plan.yaml"), environ=ENVIRON)


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.split("\n")[0][:40])
def test_every_example_is_valid_by_the_schema(block: str) -> None:
    found = jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(completed(block)))
    assert [error.message for error in found] == []


def table_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA if name == "plan" else SCHEMA["$defs"][name]
    return found


def rows(names: str) -> str:
    """The table of keys of some definitions, as the guide has it."""
    lines = ["| key | |", "|---|---|"]
    several = ", " in names
    for name in names.split(", "):
        lines += [f"| *{name.removesuffix('_step')}* | |"] if several else []
        for key, form in table_of(name)["properties"].items():
            needed = " (needed)" if key in table_of(name).get("required", ()) else ""
            lines.append(f"| `{key}` | {form['description'].replace('|', chr(92) + '|')}{needed} |")
    return "\n".join(lines) + "\n"


def test_the_tables_of_keys_are_the_loaders() -> None:
    text = section()
    for found in MARK.finditer(text):
        assert found[0] == f"<!-- keys: {found[1]} -->\n\n{rows(found[1])}", found[1]


def test_every_table_of_the_loader_is_in_the_guide() -> None:
    shown = {name for found in MARK.finditer(section()) for name in found[1].split(", ")}
    tables = {name for name, form in SCHEMA["$defs"].items() if "properties" in form}
    assert shown == tables | {"plan"}


def write() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    fresh = MARK.sub(lambda found: f"<!-- keys: {found[1]} -->\n\n{rows(found[1])}", text)
    GUIDE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    write()
