"""interpolation.py: what ${…} stands for, and that a secret never shows in an error."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.document.plans import completed
from velroload.errors import ConfigError, ConfigErrors
from velroload.plan.document.interpolation import Interpolation
from velroload.plan.loader import parse_plan
from velroload.plan.manifest import plan_json

ENVIRON = {"SET": "value", "EMPTY": "", "KEY": "s3cret", "DOLLAR": "a${user}"}
MARK = "Zq7"
CANARY = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="${}\x7f\xad"),
    max_size=60,
).map(lambda text: f"{MARK}{text}|")


def filled(text: str, folder: Path = Path()) -> tuple[str, bool]:
    return Interpolation(ENVIRON, folder, {"limit": ("20", False), "k": ("x", True)}).fill(text)


@pytest.mark.parametrize(
    ("text", "value", "secret"),
    [
        ("plain", "plain", False),
        ("${SET:-other}", "value", False),
        ("a${UNSET:-other}b", "aotherb", False),
        ("${EMPTY:-other}${UNSET:-}", "other", False),
        ("${SET:?}", "value", False),
        ("Bearer ${env:KEY}", "Bearer s3cret", True),
        ("${env:UNSET:-dev}", "dev", True),
        ("${limit}/${user}/${data.column}", "20/${user}/${data.column}", False),
        ("${k}", "x", True),
        ("${UNSET}", "${UNSET}", False),
        ("${uuid()}", "${uuid()}", False),
        ("$limit {limit}", "$limit {limit}", False),
    ],
)
def test_what_stands_for_what(text: str, value: str, secret: bool) -> None:
    assert filled(text) == (value, secret)


def test_a_file_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one\ntwo\r\n")
    assert filled("${file:key}", tmp_path) == ("one\ntwo", True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("${UNSET:?}", "UNSET is not set in the environment; set it"),
        ("${env:EMPTY}", "EMPTY is not set in the environment; set it, or write "
         "${env:EMPTY:-default}"),
        ("${env:a b}", "${env:a b}: write ${env:NAME} or ${env:NAME:-default}"),
        ("${file:none}", "file 'none' cannot be read: no such file or directory"),
        ("${file:empty}", "file 'empty' is empty"),
        ("${file:large}", "file 'large' is larger than 1 MiB: too long for a secret"),
        ("${file:bytes}", "file 'bytes' cannot be read: it is no utf-8 text"),
        ("${env:DOLLAR}", "the value of ${env:DOLLAR} has ${ in it, which is sent nowhere"),
    ],
)  # fmt: skip
def test_mistakes(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        filled(text, tmp_path)
    assert str(caught.value) == line


@given(st.text("ab${}:-?/VAR1_ ()", max_size=30))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        value, _ = filled(text)
    except ConfigError:
        return
    if "${" not in text:
        assert value == text


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True), st.text("ab ")),
       st.text("xy /"))  # fmt: skip
def test_every_variable_has_its_value_or_its_default(environ: dict[str, str], default: str) -> None:
    values = Interpolation(environ, Path())
    for name in [*environ, "UNKNOWN"]:
        assert values.fill(f"<${{{name}:-{default}}}>")[0] == f"<{environ.get(name) or default}>"


# Where a secret can be written by mistake, and where it may stand.
WRONG = [
    "name: '${env:KEY}'",
    "load: {users: '${env:KEY}', hold: 1s}",
    "load: {users: 5, hold: '${env:KEY}'}",
    "flow: [GET /x: {expect: '${env:KEY}'}]",
    "flow: [GET /x: {when: '${env:KEY}'}]",
    "flow: [GET /x: {capture: {a: '${env:KEY}'}}]",
    "flow: [GET /x: {json: '{${env:KEY}'}]",
    "flow: [GET /x: {headers: {A: '${env:KEY}\u20ac'}}]",
    "flow: [set: {a: '${env:KEY}'}]",
    "flow: ['${env:KEY}']",
    "thresholds: ['${env:KEY}']",
    "accounts: {count: 1, token: login, secret: '${env:KEY}'}",
    "probes: {a: {redis: '${env:KEY}'}}",
    "variables: {v: '${env:KEY}'}\nflow: [GET /x: {check: {json: '${v}'}}]",
    "flow:\n  - GET x${env:KEY}\n",
    "flow:\n  - GET /x: {'${env:KEY}': 1}\n",
    "seed: '${env:KEY}'",
]
RIGHT = """
variables: {v: "${env:KEY}"}
defaults: {headers: {X-Plan: "a ${v}"}}
accounts: {count: 1, secret: "${env:KEY}", service_key: "${v}"}
probes: {box: {agent: "http://u:${env:KEY}@h/", token: "${v}"}}
flow:
  - POST /x:
      headers: {Authorization: "Bearer ${v}"}
      query: {q: "${v}"}
      json: {note: "x ${v} y", list: ["${v}"]}
  - POST /y: {form: {a: "${v}"}}
  - POST /z: {body: "x=${v}"}
  - GET /n/x: {when: "user == v"}
  - set: {a: "${v}${user}", b: {base64: "u:${v}"}, c: {compute: "v + user"}}
"""


@given(CANARY, st.sampled_from(WRONG))
@settings(max_examples=150, deadline=None)
def test_a_canary_is_in_no_error(secret: str, piece: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_plan(completed(piece), "p.yaml", environ={"KEY": secret})
    assert MARK not in str(caught.value)


@given(CANARY)
@settings(max_examples=50, deadline=None)
def test_a_canary_is_not_in_the_manifest(secret: str) -> None:
    secret = secret.encode("latin-1", "ignore").decode("latin-1")  # what a header can carry
    secret = re.sub(r"[\x80-\x9f]", "", secret)
    plan = parse_plan(completed(RIGHT), "p.yaml", environ={"KEY": secret})
    assert MARK not in repr(plan_json(plan))
    assert plan.secrets == (secret,)
