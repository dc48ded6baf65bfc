"""threshold.py: the sentences, their mistakes, and what a value is worth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.errors import ConfigError
from velroload.plan.threshold import Selector, Verdict, judge, parse_threshold
from velroload.quantity import QUANTITIES

MS = 1e6
TEN_S = 10_000_000_000


@pytest.mark.parametrize(
    ("text", "metric", "quantile", "quantity", "op", "limit", "unit"),
    [
        ("p95(response) < 75ms", "percentile", 0.95, "response", "<", 75 * MS, "ns"),
        ("p99<75ms", "percentile", 0.99, "response", "<", 75 * MS, "ns"),
        ("p(95)<500", "percentile", 0.95, "response", "<", 500 * MS, "ns"),
        ("p(99.9)(service) <= 1.5", "percentile", 0.999, "service", "<=", 1.5 * MS, "ns"),
        ("p99.99 ( first_byte ) < 1s", "percentile", 0.9999, "first_byte", "<", 1000 * MS, "ns"),
        ("med < 10ms", "percentile", 0.5, "response", "<", 10 * MS, "ns"),
        ("errors < 1%", "errors", None, None, "<", 0.01, "share"),
        ("errors<0.01", "errors", None, None, "<", 0.01, "share"),
        ("rate >= 1000/s", "rate", None, None, ">=", 1000.0, "per_s"),
        ("rate>600/m", "rate", None, None, ">", 10.0, "per_s"),
        ("checks > 99%", "checks", None, None, ">", 0.99, "share"),
        ("checks == 100%", "checks", None, None, "==", 1.0, "share"),
        ("max(service) < 1s", "max", None, "service", "<", 1000 * MS, "ns"),
        ("mean(response) <= 20ms", "mean", None, "response", "<=", 20 * MS, "ns"),
        ("avg<20", "mean", None, "response", "<", 20 * MS, "ns"),
        ("min(connect)<1ms", "min", None, "connect", "<", MS, "ns"),
    ],
)
def test_sentences(
    text: str,
    metric: str,
    quantile: float | None,
    quantity: str | None,
    op: str,
    limit: float,
    unit: str,
) -> None:
    rule = parse_threshold(text)
    assert (rule.metric, rule.quantile, rule.quantity) == (metric, quantile, quantity)
    assert (rule.op, rule.limit, rule.unit) == (op, limit, unit)
    assert (rule.selector, rule.window_ns, rule.source, str(rule)) == (None, None, text, text)


@pytest.mark.parametrize(
    ("text", "selector", "window_ns"),
    [
        ("p95 of class:authorization < 75ms", Selector("class", "authorization"), None),
        ("checks of class:denied == 100%", Selector("class", "denied"), None),
        ("p95 of endpoint:GET /a b < 7ms over 10s", Selector("endpoint", "GET /a b"), TEN_S),
        ("p95 of endpoint:'a<b=c' < 7ms", Selector("endpoint", "a<b=c"), None),
        ('errors of endpoint: "x" <1% for 10s', Selector("endpoint", "x"), TEN_S),
        ("errors>5% for 10s", None, TEN_S),
        ("  rate >= 1k/s over 1m ", None, 60_000_000_000),
    ],
)
def test_selectors_and_windows(text: str, selector: Selector | None, window_ns: int | None) -> None:
    rule = parse_threshold(text)
    assert (rule.selector, rule.window_ns, rule.source) == (selector, window_ns, text.strip())


WORDS = (
    "it begins with one of p95(response), max(…), min(…), mean(…), errors, checks, cache, "
    "rate, recovery(…)"
)
KINDS = "after 'of' comes one of endpoint, class, group, tag, phase, scenario, a colon and a name"
AFTER = "after the limit only 'over 10s' or 'for 10s' may stand, and 'abort'"
NAMES = ", ".join(QUANTITIES)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("", 1, WORDS),
        ("speed < 1s", 1, WORDS),
        ("p < 1s", 1, WORDS),
        (
            "p0 < 1s",
            1,
            "p0 is not a percentile: write more than 0 and less than 100, such as p99.9",
        ),
        (
            "p999 < 1s",
            1,
            "p999 is not a percentile: write more than 0 and less than 100, such as p99.9",
        ),
        (
            "p9.9.9 < 1s",
            1,
            "p9.9.9 is not a percentile: write more than 0 and less than 100, such as p99.9",
        ),
        ("p95(lag) < 1s", 4, f"'lag' is not a quantity: write one of {NAMES}"),
        ("p95() < 1s", 4, f"'' is not a quantity: write one of {NAMES}"),
        ("p95", 4, "an operator is needed: one of < <= > >= =="),
        ("p95 != 3ms", 4, "an operator is needed: one of < <= > >= =="),
        ("p95 <", 6, "the limit is missing: write a value such as 75ms"),
        ("errors <", 9, "the limit is missing: write a value such as 1%"),
        ("rate > ", 8, "the limit is missing: write a value such as 1000/s"),
        (
            "p95 < 5x",
            7,
            "limit '5x': write a number with a unit, such as 30s, 1m30s or 250ms",
        ),
        (
            "errors < 5",
            10,
            "limit '5': write a percentage from 0% to 100%, such as 1% or 99.9%",
        ),
        (
            "rate > 5ms",
            8,
            "limit '5ms': write a number per second, such as 500, 1000/s, 10k/s or 600/m",
        ),
        ("p95 of kind:x < 1s", 5, KINDS),
        ("p95 of class: < 1s", 5, "the name is missing: write of class:NAME"),
        (
            "p95 < 1s soon",
            10,
            f"'soon' is not understood; {AFTER}",
        ),
        (
            "p95 < 1s of class:x",
            10,
            f"'of class:x' is not understood; {AFTER}",
        ),
        (
            "errors>5% for 10",
            15,
            "window '10': write a number with a unit, such as 30s, 1m30s or 250ms",
        ),
        ("errors>5% for 10ms", 15, "window '10ms': at least 1s is needed"),
    ],
)
def test_mistakes_are_located(text: str, column: int, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_threshold(text)
    assert str(error.value) == f"threshold {text!r}, column {column}: {what}"


@given(st.text(alphabet="p95()<>=% ofclass:x.1ms/ratenderoskchv'\"", max_size=25))
def test_any_text_is_parsed_or_refused_in_one_line(text: str) -> None:
    message = None
    try:
        parse_threshold(text)
    except ConfigError as error:
        message = str(error)
    assert message is None or message.startswith(f"threshold {text!r}, column ")


@pytest.mark.parametrize(
    ("text", "observed", "n", "interval", "verdict"),
    [
        ("p95<75ms", 74 * MS, 1000, None, Verdict.PASS),
        ("p95<75ms", 75 * MS, 1000, None, Verdict.FAIL),
        ("p95<=75ms", 75 * MS, 1000, None, Verdict.PASS),
        ("p95<75ms", 0.0, 0, None, Verdict.INCONCLUSIVE),
        ("errors<1%", 0.0, 0, None, Verdict.INCONCLUSIVE),
        ("p95<75ms", None, 5, None, Verdict.INCONCLUSIVE),
        ("p95<75ms", math.nan, 5, None, Verdict.INCONCLUSIVE),
        ("p95<75ms", math.inf, 5, None, Verdict.FAIL),
        ("p95<75ms", 70 * MS, 9, (65 * MS, 74 * MS), Verdict.PASS),
        ("p95<75ms", 70 * MS, 9, (65 * MS, 76 * MS), Verdict.INCONCLUSIVE),
        ("p95<75ms", 80 * MS, 9, (76 * MS, 90 * MS), Verdict.FAIL),
        ("rate>=1000/s", 1000.0, 9, None, Verdict.PASS),
        ("rate>=1000/s", 1010.0, 9, (990.0, 1030.0), Verdict.INCONCLUSIVE),
        ("rate>=1000/s", 900.0, 9, (880.0, 920.0), Verdict.FAIL),
        ("checks==100%", 1.0, 9, (0.99, 1.0), Verdict.PASS),
        ("checks==100%", 0.999, 9, (0.99, 1.0), Verdict.FAIL),
    ],
)
def test_judgement(
    text: str,
    observed: float | None,
    n: int,
    interval: tuple[float, float] | None,
    verdict: Verdict,
) -> None:
    assert judge(parse_threshold(text), observed, n, interval) is verdict


def test_verdicts_are_the_words_of_the_house() -> None:
    assert [str(v) for v in Verdict] == ["PASS", "FAIL", "INCONCLUSIVE", "NOT MEASURED"]


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("errors of tag:team=a < 1%", Selector("tag", "team=a")),
        ("errors of tag:team=a==0%", Selector("tag", "team=a")),
        ("checks of group:check out == 100%", Selector("group", "check out")),
        ("rate of scenario:buy >= 5/s", Selector("scenario", "buy")),
        ("p95 of phase:'a < b' < 1s", Selector("phase", "a < b")),
    ],
)
def test_more_selectors(text: str, selector: Selector) -> None:
    assert parse_threshold(text).selector == selector


def test_cache_and_recovery() -> None:
    cache = parse_threshold("cache of class:authorization >= 95%")
    assert (cache.metric, cache.unit, cache.limit) == ("cache", "share", 0.95)
    recovery = parse_threshold("recovery( redis down ) <= 30s")
    assert (recovery.metric, recovery.subject) == ("recovery", "redis down")
    assert (recovery.unit, recovery.limit) == ("ns", 30_000 * MS)


@pytest.mark.parametrize(
    ("text", "op", "good", "bad"),
    [
        ("errors < 1% abort", ">=", 0.005, 0.01),
        ("errors<=1% over 10s abort", ">", 0.01, 0.02),
        ("rate >= 100/s abort", "<", 100.0, 99.0),
        ("checks > 99% abort", "<=", 1.0, 0.99),
    ],
)
def test_abort_is_the_opposite(text: str, op: str, good: float, bad: float) -> None:
    rule = parse_threshold(text)
    assert rule.abort
    opposite = rule.opposite()
    assert (opposite.op, opposite.abort, opposite.window_ns) == (op, False, rule.window_ns)
    for value, holds in ((good, True), (bad, False)):
        assert rule.holds(value) == holds
        assert opposite.holds(value) != holds


ROW = {"name": "n", "kind": "request", "cls": "c", "scenario": "s", "setup": False,
       "tags": ["a=b", "x=y"]}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "row", "chosen"),
    [
        ("endpoint", "n", ROW, True),
        ("endpoint", "n", {**ROW, "setup": True}, True),
        ("endpoint", "m", ROW, False),
        ("class", "c", ROW, True),
        ("class", "c", {**ROW, "cls": None}, False),
        ("tag", "x=y", ROW, True),
        ("tag", "x=z", ROW, False),
        ("tag", "x=y", {"name": "n"}, False),
        ("scenario", "s", ROW, True),
        ("scenario", "s", {**ROW, "setup": True}, False),
        ("scenario", "s", {**ROW, "kind": "iteration"}, False),
        ("group", "n", ROW, False),
        ("group", "n", {**ROW, "kind": "group"}, True),
        ("phase", "n", ROW, False),
    ],
)
def test_what_a_selector_chooses(
    kind: str, name: str, row: dict[str, object], chosen: bool
) -> None:
    assert Selector(kind, name).chooses(row) is chosen


SENTENCES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["p95", "p(99.9)(service)", "max(connect)", "med", "errors", "rate",
                         "cache", "recovery(x)"]),
        st.sampled_from(["", " of class:a b", " of tag:t=1", " of endpoint:'a<b'"]),
        st.sampled_from([" < ", "<=", " == ", ">"]),
        st.sampled_from(["75ms", "1%", "100/s", "0.5", "10"]),
        st.sampled_from(["", " over 10s", " for 1m"]),
        st.sampled_from(["", " abort"]),
    ),
)  # fmt: skip


@given(SENTENCES)
def test_every_sentence_is_read_or_refused_at_a_column(text: str) -> None:
    try:
        rule = parse_threshold(text)
    except ConfigError as error:
        assert str(error).startswith(f"threshold {text!r}, column ")  # noqa: PT017
        return
    assert rule.source == text
    assert parse_threshold(f"  {text}  ") == rule
    assert rule.abort == text.endswith("abort")
    assert (rule.window_ns is not None) == (" over " in text or " for " in text)
