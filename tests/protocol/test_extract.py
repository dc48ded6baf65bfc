"""What a capture takes out of a body."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.protocol.extract import json_rule

Path = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("path", "body", "value"),
    [
        (("a",), b'{"a": "text"}', b"text"),
        (("a", "b", 1), b'{"a": {"b": [0, 1.5]}}', b"1.5"),
        ((0, "id"), b'[{"id": 7}]', b"7"),
        (("a",), b'{"a": true}', b"true"),
        (("a",), b'{"a": ""}', b""),
        (("a",), '{"a": "é"}'.encode(), "é".encode()),
        (("a",), b'{"a": "\\u00e9"}', "é".encode()),
        (("a",), b'{"a": -0.25}', b"-0.25"),
    ],
)
def test_value(path: Path, body: bytes, value: bytes) -> None:
    assert json_rule(path)(body) == value


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (("a",), b"{}"),
        (("a",), b'{"a": null}'),
        (("a",), b'{"a": {}}'),
        (("a",), b'{"a": [1]}'),
        (("a",), b"[1]"),
        ((0,), b"{}"),
        ((5,), b"[1]"),
        (("a", 0), b'{"a": 3}'),
        (("a",), b""),
        (("a",), b"not json"),
        (("a",), b'{"a": "\xff"}'),
        (("a",), b'{"a": "x"} more'),
    ],
)
def test_nothing(path: Path, body: bytes) -> None:
    assert json_rule(path)(body) is None


def test_an_index_does_not_take_a_letter_of_a_text() -> None:
    assert json_rule(("a", 0))(b'{"a": "text"}') is None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), min_size=1), st.data())
def test_every_text_comes_out_as_it_was(values: dict[str, str], data: Any) -> None:
    key = data.draw(st.sampled_from(sorted(values)))
    rule = json_rule((key,))
    encoded = json.dumps(values).encode()
    assert rule(encoded) == values[key].encode()
