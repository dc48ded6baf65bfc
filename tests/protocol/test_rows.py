"""Rows out of files: what is in them, and every way in which a file can be no such file."""

import json
import time
from pathlib import Path

import pytest

from tests.protocol.test_table import cells_of
from tests.rig import iterations, plan_for
from velroload.errors import ConfigError
from velroload.plan.data import Data
from velroload.plan.flow import Take
from velroload.plan.model import Plan, Request
from velroload.plan.session import Accounts
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import Program, compile_program
from velroload.protocol.rows import LINE_BYTES_MAX, read_table, tables_of

AB = ("a", "b")


def read(folder: Path, source: str, content: str | bytes) -> list[tuple[str, ...]]:
    path = folder / f"d.{source}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return cells_of(read_table(Data("d", source, AB, path=str(path))))


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("csv", "a,b\n1,x y\n2,\n"),
        ("csv", "\ufeffa,b\r\n1,x y\r\n\r\n2,"),
        ("csv", 'a,b\n"1","x y"\n2,""'),
        ("jsonl", '{"a": 1, "b": "x y"}\n\n{"b": "", "a": "2"}'),
        ("jsonl", '\ufeff{"a": "1", "b": "x y"}\r\n{"b": null, "a": 2}\r\n'),
        ("json", '[{"a": 1, "b": "x y"},\n {"a": 2, "b": null}]'),
        ("json", '\ufeff \n[ {"b":"x y","a":"1"} , {"a":"2","b":""} ] \n'),
    ],
)
def test_the_same_rows_from_each_kind_of_file(tmp_path: Path, source: str, content: str) -> None:
    assert read(tmp_path, source, content) == [("1", "x y"), ("2", "")]


def test_values_of_json_as_a_request_would_have_them(tmp_path: Path) -> None:
    row = {"a": [1, {"x": "é"}], "b": True}
    expected = [('[1,{"x":"é"}]', "true"), ("1.5", '{"y":[]}')]
    more = {"a": 1.5, "b": {"y": []}}
    assert read(tmp_path, "jsonl", f"{json.dumps(row)}\n{json.dumps(more)}") == expected
    assert read(tmp_path, "json", json.dumps([row, more])) == expected


def test_quotes_commas_and_quotes_in_quotes(tmp_path: Path) -> None:
    assert read(tmp_path, "csv", 'a,b\n"x, y","say ""hi"""\n') == [("x, y", 'say "hi"')]


@pytest.mark.parametrize(
    ("source", "content", "said"),
    [
        ("csv", "a,b\n1,2\n\n1,2,3\n", "d.csv:4: 3 cells, 2 columns"),
        ("csv", "a,b\n1,2\n1\n", "d.csv:3: 1 cells, 2 columns"),
        ("csv", 'a,b\n1,"x\ny"\n', "d.csv:2: cell 2 has a line break or control character"),
        ("csv", "a,b\n1,x\0\n", "d.csv:2: cell 2 has a line break or control character"),
        ("csv", b"a,b\n1,2\n1,\xff\n", "d.csv:3: cell 2 is not UTF-8"),
        ("csv", 'a,b\n1,"2"3\n', "d.csv:2: ',' expected after '\"'"),
        ("csv", 'a,b\n1,"2\n', "d.csv:2: unexpected end of data"),
        ("csv", 'a,b\n1,"' + "x" * 140_000, "d.csv:2: field larger than field limit (131072)"),
        ("csv", "a,b\n1," + "x" * 65_537, "d.csv:2: cell 2 has 65,537 bytes, 65,536 are possible"),
        ("jsonl", '{"a":1,"b":2}\n{"a":1}\n', "d.jsonl:2: the row has no 'b'; the first has a, b"),
        ("jsonl", '{"a":1,"b":2,"c":3}\n',
         "d.jsonl:1: the row has more columns; the first has a, b"),
        ("jsonl", '\n[1]\n', 'd.jsonl:2: a row is no object: {"name": value, …}'),
        ("jsonl", '{"a":1,"b":"\\n"}\n', "d.jsonl:1: cell 2 has a line break or control character"),
        ("json", '{"a":1}', "d.json:1: it is no array of rows: [{…}, …]"),
        ("json", '[{"a":1,"b":2},\n{"a":1}]', "d.json:2: the row has no 'b'; the first has a, b"),
        ("json", '[{"a":1,"b":2},\n\n{"a":1,"b":\n}]', "d.json:4: no JSON: expecting value"),
        ("json", '[{"a":1,"b":2}\n{}]',
         "d.json:2: no JSON: a comma or the end of the array is missing"),
        ("json", '[{"a":1,"b":2}]\n x', "d.json:2: no JSON: something stands behind the array"),
        ("json", b'[{"a":1,\n"b":"\xff"}]', "d.json:2: it is not UTF-8"),
        ("json", "[" * 100_000, "d.json:1: no JSON that can be read"),
        ("json", '[{"a":1,"b":"\\ud800"}]', "d.json:1: cell 2 is not UTF-8"),
        ("json", '[{"a":1,"b":2},\n{"a":1,"b":"\\t"}]',
         "d.json:2: cell 2 has a line break or control character"),
    ],
)  # fmt: skip
def test_files_that_are_told_with_their_line(
    tmp_path: Path, source: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, source, content)
    assert str(caught.value) == f"data d: {said}"


def test_json_lines_say_why_they_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^data d: d\.jsonl:2: no JSON: [a-z].*$"):
        read(tmp_path, "jsonl", '{"a":1,"b":2}\n{"a":1,\n')


def test_a_line_without_an_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "jsonl", '{"a":1,"b":2}\n{"a":"' + "x" * LINE_BYTES_MAX)
    assert str(caught.value) == "data d: d.jsonl:2: a line of more than 4,194,304 bytes"


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a,b\n\n\n"])
def test_a_file_without_rows(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "csv", content)
    assert str(caught.value) == "data d: it has no row"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    data = Data("d", "csv", AB, path=str(tmp_path / "gone.csv"))
    with pytest.raises(ConfigError) as caught:
        read_table(data)
    assert str(caught.value) == "data d: gone.csv cannot be read: no such file or directory"


@pytest.mark.timing
@pytest.mark.slow
def test_a_million_rows_in_a_few_seconds(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    with path.open("w") as file:
        file.write("a,b\n")
        file.writelines(f"{i},user{i}@example.com\n" for i in range(1_000_000))
    begun = time.process_time()
    table = read_table(Data("d", "csv", AB, path=str(path)))
    assert time.process_time() - begun < 4
    assert table.rows == 1_000_000
    assert table.size < path.stat().st_size + 9 * table.rows
    table.close()


def plan_of(*flow: Request | Take, **data: Data) -> Plan:
    return plan_for("http://127.0.0.1:80", iterations(1), flow, data=tuple(data.values()))


def compiled(plan: Plan) -> Program:
    return compile_program(plan, Target.of(plan.target), pack_address("127.0.0.1", 80))


def inline(name: str, *cells: str, **rule: str) -> Data:
    return Data(name, "inline", ("x",), rows=tuple((cell,) for cell in cells), **rule)


def test_only_what_is_used_is_read() -> None:
    gone = Data("gone", "csv", AB, path="/nowhere.csv")
    plan = plan_of(Request("GET", "/${d.x}"), Take("e"), gone=gone, e=inline("e", "1"),
                   d=inline("d", "2"), f=inline("f", "3"))  # fmt: skip
    assert [table.name for table in tables_of(plan)] == ["e", "d"]


def test_rows_that_nobody_has_made() -> None:
    plan = plan_for("http://127.0.0.1:80", iterations(1), (Request("GET", "/${accounts.id}"),),
                    accounts=Accounts(3, secret="s"))  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        compiled(plan)
    assert str(caught.value) == "data accounts: its rows are made when the run begins"


@pytest.mark.parametrize("cell", ["x y", "é", "a#b"])
def test_cells_that_no_path_can_have(cell: str) -> None:
    data = inline("d", "good", cell)
    compiled(plan_of(Request("GET", "/", body=b"${d.x}"), d=data))
    with pytest.raises(ConfigError) as caught:
        compiled(plan_of(Request("GET", "/a/${d.x}", endpoint="GET a"), d=data))
    assert str(caught.value) == (
        "data d: row 2: its x cannot stand in the path of GET a: write it %-encoded, in ASCII "
        "without spaces and #"
    )


def test_nothing_is_next_to_a_row_of_one_s_own() -> None:
    data = inline("d", "1", pick="unique", per="user")
    with pytest.raises(ConfigError) as caught:
        compiled(plan_of(Request("GET", "/"), Take("d"), d=data))
    assert str(caught.value) == (
        "take: the rows of d stay with their users (pick: unique): there is no next one; take "
        "sequential or once with per: user"
    )


def test_more_data_sets_than_there_are_bits() -> None:
    many = {f"d{n}": inline(f"d{n}", "1") for n in range(65)}
    with pytest.raises(ConfigError) as caught:
        compiled(plan_of(Request("GET", "/"), *map(Take, many), **many))
    assert str(caught.value) == "data: a plan can use 64 data sets, got 65"
