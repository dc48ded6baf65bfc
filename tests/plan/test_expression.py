"""expression.py: what may stand in one, and that simpleeval comes to what Python would."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload.errors import ConfigError
from velroload.plan.expression import FUNCTIONS, compile_expression, names_of, text_of

NAMES = {"a": "1", "b": "text", "data.column": "7"}
ATOMS = st.one_of(
    st.integers(0, 99).map(str),
    st.sampled_from(["1.5", "'x'", "'it''s'", "True", "None", "a", "b", "data.column", "int(a)"]),
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "==", "!=", "<", ">=", "in",
                                 "not in", "and", "or"])  # fmt: skip
    pair = st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})")
    return st.one_of(
        pair,
        inner.map(lambda text: f"(not {text})"),
        inner.map(lambda text: f"-{text}"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.lists(inner, min_size=1, max_size=2).map(lambda items: f"({', '.join(items)},)"),
        st.tuples(st.sampled_from(list(FUNCTIONS)), inner).map(lambda t: f"{t[0]}({t[1]})"),
    )


GRAMMAR = st.recursive(ATOMS, larger, max_leaves=8)


def outcome(act: Callable[[], object], wrong: type[Exception]) -> str | None:
    """What the error says; None when there was none."""
    try:
        act()
    except wrong as error:
        return str(error)
    return None


@given(GRAMMAR)
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_can_be_evaluated(source: str) -> None:
    assert set(names_of(source)) <= set(NAMES)
    evaluate = compile_expression(source, {})
    said = outcome(lambda: text_of(evaluate(NAMES)), ValueError)
    assert said is None or said.startswith(f"{source}: ")
    assert not said or not re.search("not (implemented|available|defined)", said)


@given(st.text(max_size=40))
@settings(deadline=None)
def test_any_text_is_an_expression_or_one_line(text: str) -> None:
    said = outcome(lambda: names_of(text), ConfigError)
    assert said is None or said.startswith("expression ")


@pytest.mark.parametrize(
    ("source", "slots", "value"),
    [
        ("status == '200' and int(left) > 1", {"status": "200", "left": "2"}, "true"),
        ("int(n) + 1", {"n": "41"}, "42"),
        ("id", {}, ""),
        ("data.role in ('admin', 'owner')", {"data.role": "owner"}, "true"),
        ("limit if len(x) else None", {"x": ""}, ""),
        ("float(limit) / 2", {}, "10.0"),
        ("startswith(upper(x), 'A')", {"x": "abc"}, "true"),
    ],
)
def test_values(source: str, slots: dict[str, str], value: str) -> None:
    assert text_of(compile_expression(source, {"limit": "20"})(slots)) == value


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("", "expression '': not understood; write one such as status == 200"),
        ("a ==", "expression 'a ==': not understood; write one such as status == 200"),
        ("a.b.c", "expression 'a.b.c': a.b.c cannot stand in an expression"),
        ("a[0]", "expression 'a[0]': a[0] cannot stand in an expression"),
        ("2 ** 9", "expression '2 ** 9': Pow cannot stand in an expression"),
        ("lambda: 1", "expression 'lambda: 1': lambda: 1 cannot stand in an expression"),
        ("{a: 1}", "expression '{a: 1}': {a: 1} cannot stand in an expression"),
        ("int(*a)", "expression 'int(*a)': *a cannot stand in an expression"),
        ("f'{a}'", "expression \"f'{a}'\": f'{a}' cannot stand in an expression"),
        ("eval('1')", "expression \"eval('1')\": eval() is not known; there are int, float, str, "
         "len, abs, min, max, round, lower, upper, startswith, endswith"),
        ("a == a.b", "expression 'a == a.b': a is a slot and a data set here; rename one"),
        ("1" * 1001, "expression '" + "1" * 30 + "'…: at most 1000 characters"),
    ],
)  # fmt: skip
def test_mistakes(source: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        names_of(source)
    assert str(caught.value) == line


@pytest.mark.parametrize("source", ["int(b)", "1 / 0", "'a' * 999999", "b < 1"])
def test_what_cannot_be_computed_is_a_value_error(source: str) -> None:
    with pytest.raises(ValueError, match=r"^.+: .+"):
        compile_expression(source, {})(NAMES)
