"""Prometheus's text, held to Prometheus's own parser; and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from velroload.errors import ConfigError
from velroload.plan.metric import Metric, parse_metric
from velroload.probe.exposition import Exposition, decoded, not_found, slices
from velroload.probe.source import MissingError

PAGE = r"""# HELP up Whether it is.
# TYPE up gauge
up{job="a",instance="b"} 1
up{job="b"} 0 1700000000000
# what is this
hits_total 1.5e3
lone{quote="a \"b\" \\ \n c",} -2
 spaced { a = "1" , b="2" }   7
times_bucket{le="+Inf"} 4
odd NaN
vast +Inf
weird{a="}"} 3
"""


def read(page: str, **wanted: str) -> dict[str, float]:
    found = Exposition({name: parse_metric(text) for name, text in wanted.items()})
    for lines in slices(page):
        for number, line in lines:
            found.line(number, line)
    return found.values


def test_metrics_by_name_and_labels() -> None:
    wanted = {
        "all": "up",
        "a": 'up{job="a"}',
        "both": 'up{instance="b", job="a"}',
        "hits": "hits_total",
        "lone": r'lone{quote="a \"b\" \\ \n c"}',
        "spaced": 'spaced{b="2"}',
        "more": 'times_bucket{le="+Inf"}',
        "weird": 'weird{a="}"}',
    }
    found = {"all": 1, "a": 1, "both": 1, "hits": 1500, "lone": -2, "spaced": 7, "more": 4}
    assert read(PAGE, **wanted) == {**found, "weird": 3}


def test_what_is_not_there_or_no_number_is_absent() -> None:
    assert read(PAGE, a="u", b='up{job="c"}', c='hits_total{job="a"}', d="odd", e="vast") == {}


@pytest.mark.parametrize(
    ("page", "line", "shown"),
    [
        ("<html>", 1, "'<html>'"),
        ('{"a": 1}', 1, """'{"a": 1}'"""),
        ("up 1\nup", 2, "'up'"),
        ("up one", 1, "'up one'"),
        ("up 1_000", 1, "'up 1_000'"),
        ('up{a="b} 1', 1, """'up{a="b} 1'"""),
        ('up{a="b" c="d"} 1', 1, """'up{a="b" c="d"} 1'"""),
        ('up{"a"} 1', 1, """'up{"a"} 1'"""),
        (r'up{a="\x"} 1', 1, r"""'up{a="\\x"} 1'"""),
        ("9up 1", 1, "'9up 1'"),
        ("up 1 2 3", 1, "'up 1 2 3'"),
        ("\x1b[2J", 1, r"'\x1b[2J'"),
        ("up " + "1" * 50 + "x", 1, "'up " + "1" * 37 + "'"),
    ],
)
def test_what_is_no_such_text_is_no_reading(page: str, line: int, shown: str) -> None:
    with pytest.raises(MissingError) as caught:
        read(page, up="up")
    assert str(caught.value) == f"no Prometheus text: line {line} is {shown}"


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(MissingError) as caught:
        decoded(b"up \xff")
    assert str(caught.value) == "no Prometheus text: it is not UTF-8"


def test_why_a_value_is_absent() -> None:
    assert not_found(["a", "b"], {"a": 1.0}, "gone") == {"b": "gone"}


NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,5}", fullmatch=True)
LABELS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
    max_size=3,
)
ROWS = st.lists(
    st.tuples(NAMES, LABELS, st.floats(allow_nan=False, allow_infinity=False, width=32)),
    max_size=8,
)


def written(name: str, labels: dict[str, str], value: float) -> str:
    pairs = (
        f'{key}="{text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for key, text in labels.items()
    )
    return f"{name}{{{','.join(pairs)}}} {value!r}\n" if labels else f"{name} {value!r}\n"


@given(ROWS)
def test_it_reads_what_prometheus_reads(rows: list[tuple[str, dict[str, str], float]]) -> None:
    text = "".join(written(*row) for row in rows)
    theirs: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            theirs[sample.name] = theirs.get(sample.name, 0.0) + sample.value
    ours = read(text, **{f"v{at}": name for at, name in enumerate(theirs)})
    assert list(ours.values()) == pytest.approx(list(theirs.values()))


def test_a_metric() -> None:
    assert parse_metric(' up{job="a\\\\b",} ') == Metric("up", frozenset({("job", "a\\b")}))


@pytest.mark.parametrize("text", ["", "1up", "up{", 'up{a="b"', "up 1", "up{a=b}", 'up{a="b"}}'])
def test_no_metric(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_metric(text)
    assert str(caught.value) == f'{text!r} is not a metric such as up or up{{job="a"}}'
