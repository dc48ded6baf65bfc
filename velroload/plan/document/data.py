"""`data`: rows from a file or from the plan itself; only a file's first row is read here."""

import csv
import json
from pathlib import Path
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.data import AT_END, PER, PICKS, Data
from velroload.plan.document.body import FILE
from velroload.plan.document.kinds import At, Given, Key, Made, Many, Named, Table, Value, words
from velroload.plan.document.node import Node

SOURCES = ("csv", "json", "jsonl", "inline")
_HEAD_BYTES = 1 << 16
_JSON_BYTES = 1 << 30


def _csv_columns(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(name.strip() for name in next(csv.reader(file), ()))


def _columns_of(row: object) -> tuple[str, ...]:
    if not isinstance(row, dict):
        raise ConfigError('its rows are no objects: {"name": value, …}')
    return tuple(row)


def _jsonl_columns(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        return _columns_of(json.loads(file.readline(_HEAD_BYTES) or b"null"))


def _json_columns(path: Path) -> tuple[str, ...]:
    """The first row of an array, without reading the rest where it is long."""
    with path.open(encoding="utf-8") as file:
        head = file.read(_HEAD_BYTES).lstrip("\ufeff \t\r\n")
    if not head.startswith("["):
        raise ConfigError("it is no array of rows: [{…}, …]")
    row, _ = json.JSONDecoder().raw_decode(head[1:].lstrip() or "null")
    return _columns_of(row)


_COLUMNS = {"csv": _csv_columns, "json": _json_columns, "jsonl": _jsonl_columns}


def columns_of(kind: str, path: str) -> tuple[str, ...]:
    """The columns that a file of rows has. ConfigError when its beginning is no such file."""
    try:
        return _COLUMNS[kind](Path(path))
    except (ValueError, RecursionError, csv.Error):
        raise ConfigError(f"{Path(path).name} does not begin as a file of {kind} does") from None


def _row(pairs: tuple[tuple[str, str], ...], node: Node, at: At) -> dict[str, str]:
    return dict(pairs)


def _build(given: Given) -> Data:
    name = given.at.key.rpartition(".")[2]
    source = given.one_of(*SOURCES)
    if source is None:
        raise ConfigError(f"write where its rows are: one of {', '.join(SOURCES)}")
    more: dict[str, Any] = given.picked(pick="pick", at_end="at_end", per="per")
    if more.get("pick") == "unique":
        more.setdefault("per", "user")
    if source == "inline":
        rows: tuple[dict[str, str], ...] = given["inline"]
        columns = tuple(rows[0])
        for index, row in enumerate(rows):
            if set(row) != set(columns):
                raise given.refuse("inline", f"row {index + 1} has other columns than the first")
        texts = tuple(tuple(row[column] for column in columns) for row in rows)
        return Data(name, source, columns, rows=texts, **more)
    with given.at.inside(source).guard(given.node.items[source]):
        columns = columns_of(source, given[source])
    return Data(name, source, columns, path=given[source], **more)


DATA = Table(
    {
        "csv": Key(FILE, "A CSV file beside the plan; its first line names the columns."),
        "json": Key(FILE, "A file with a JSON array of objects."),
        "jsonl": Key(FILE, "A file with a JSON object in each line."),
        "inline": Key(Many(Made(Named(Value()), _row)), "The rows themselves: [{id: a}, {id: b}]."),
        "pick": Key(words(*PICKS), "Who gets which row (circular)."),
        "at_end": Key(words(*AT_END), "When none is left: stop the user, repeat, fail (stop)."),
        "per": Key(words(*PER), "A new row per iteration, or one per user (iteration)."),
    },
    _build,
    name="data",
)
