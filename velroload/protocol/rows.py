"""Rows out of a plan's data sets: CSV (RFC 4180), JSON, JSON Lines, inline.

Read once, by the coordinator. A file is a stranger: what cannot be taken in is told with its line.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import orjson

from velroload.errors import ConfigError
from velroload.plan.data import Data
from velroload.plan.model import Plan
from velroload.plan.session import ACCOUNTS
from velroload.protocol.table import BadRow, Row, Table

LINE_BYTES_MAX = 4 << 20
JSON_BYTES_MAX = 1 << 30
_BLANK = " \t\r\n"


class _Bad(Exception):
    """What is wrong, and in which line of the file, from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def tables_of(plan: Plan, given: Sequence[Table] = ()) -> tuple[Table, ...]:
    """The data sets that the plan's users take rows of, read; those in `given` as they are.
    ConfigError for a file that is not as it says, and for rows that only a run has made."""
    known = {table.name: table for table in given}
    found = []
    for name in used_by(plan):
        if name not in known and name == ACCOUNTS and plan.accounts is not None:
            raise ConfigError(f"data {name}: its rows are made when the run begins")
        found.append(known.get(name) or read_table(next(d for d in plan.data if d.name == name)))
    return tuple(found)


def used_by(plan: Plan) -> tuple[str, ...]:
    """The names of the data sets that something reads or takes, in the plan's order."""
    used = {name for scenario in plan.scenarios for name in scenario.data}
    return tuple(name for name in plan.columns if name in used)


def read_table(data: Data) -> Table:
    """The data set as workers read it. ConfigError, with the line where it is a file's."""
    rule = (data.pick, data.at_end, data.per)
    if data.path is None:
        return Table.of(data.name, data.columns, data.rows, *rule)
    path = Path(data.path)
    read = READERS[data.source]
    try:
        return Table.of(data.name, data.columns, read(path, data.columns), *rule)
    except _Bad as bad:
        line, what = bad.line, str(bad)
    except BadRow as bad:
        line, what = LINES[data.source](path, bad.index), bad.what
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"data {data.name}: {path.name} cannot be read: {why}") from None
    raise ConfigError(f"data {data.name}: {path.name}:{line}: {what}")


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """All but the first line; empty lines are none."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            next(reader, None)
            yield from filter(None, reader)
        except csv.Error as error:
            raise _Bad(reader.line_num, str(error)) from None


def _csv_line(path: Path, index: int) -> int:
    """Where a row begins."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        next(reader)
        line = reader.line_num
        for row in reader:
            if row and index == 0:
                return line + 1
            index -= bool(row)
            line = reader.line_num
    raise AssertionError("the row was there when it was read")


def _jsonl_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """A line is an object; empty lines are none."""
    cut = _cut(columns)
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                raise _Bad(number, f"a line of more than {LINE_BYTES_MAX:,} bytes")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.isspace():
                continue
            try:
                yield cut(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise _Bad(number, f"no JSON: {error.msg}") from None
            except ValueError as error:
                raise _Bad(number, str(error)) from None


def _jsonl_line(path: Path, index: int) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.isspace():
                if index == 0:
                    return number
                index -= 1
    raise AssertionError("the row was there when it was read")


def _json_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """The objects of an array, one by one: never all of them as Python's."""
    text, cut = _json_text(path), _cut(columns)
    for row, at in _json_items(text):
        try:
            yield cut(row)
        except ValueError as error:
            raise _Bad(_line(text, at), str(error)) from None


def _json_line(path: Path, index: int) -> int:
    text = _json_text(path)
    for number, (_, at) in enumerate(_json_items(text)):
        if number == index:
            return _line(text, at)
    raise AssertionError("the row was there when it was read")


def _json_text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(JSON_BYTES_MAX + 1)
    if len(data) > JSON_BYTES_MAX:
        raise _Bad(1, "more than 1 GiB of JSON: write it as JSON Lines, which is read line by line")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Bad(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8") from None


def _json_items(text: str) -> Iterator[tuple[object, int]]:
    """(item, where it begins) of an array."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise _Bad(_line(text, at), "it is no array of rows: [{…}, …]")
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        while True:
            try:
                item, end = decode(text, at)
            except json.JSONDecodeError as error:
                raise _Bad(error.lineno, f"no JSON: {error.msg.lower()}") from None
            except (ValueError, RecursionError):
                raise _Bad(_line(text, at), "no JSON that can be read") from None
            yield item, at
            at = _skip(text, end)
            if text[at : at + 1] == "]":
                at += 1
                break
            if text[at : at + 1] != ",":
                raise _Bad(_line(text, at), "no JSON: a comma or the end of the array is missing")
            at = _skip(text, at + 1)
    at = _skip(text, at)
    if at < len(text):
        raise _Bad(_line(text, at), "no JSON: something stands behind the array")


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _BLANK:
        at += 1
    return at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _cut(columns: tuple[str, ...]) -> Callable[[object], Row]:
    """A function from an object to its texts in the order of the columns; ValueError says what is
    wrong with it."""
    take, n = itemgetter(*columns), len(columns)

    def cut(row: object) -> Row:
        if not isinstance(row, dict):
            raise ValueError('a row is no object: {"name": value, …}')
        if len(row) != n or not all(column in row for column in columns):
            missing = [column for column in columns if column not in row]
            what = f"has no {missing[0]!r}" if missing else "has more columns"
            raise ValueError(f"the row {what}; the first has {', '.join(columns)}")
        values = take(row) if n > 1 else (take(row),)
        return [value if type(value) is str else _text_of(value) for value in values]

    return cut


def _text_of(value: object) -> str:
    """As a request would have it: nothing for null, and JSON for all but texts."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


READERS: dict[str, Callable[[Path, tuple[str, ...]], Iterator[Row]]] = {
    "csv": _csv_rows,
    "json": _json_rows,
    "jsonl": _jsonl_rows,
}
LINES: dict[str, Callable[[Path, int], int]] = {
    "csv": _csv_line,
    "json": _json_line,
    "jsonl": _jsonl_line,
}
