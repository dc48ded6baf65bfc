"""Numbers and foreign text as people read them."""

import pytest

from velroload.report.words import clean, cut, digits, duration, ms, number, per_second, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.0004, "0.000"),
        (0.141, "0.141"),
        (0.9996, "1.00"),
        (5.832, "5.83"),
        (9.996, "10.0"),
        (38.04, "38.0"),
        (99.96, "100"),
        (143.4, "143"),
        (2001.0, "2,001"),
    ],
)
def test_three_digits_count(value: float, text: str) -> None:
    assert digits(value) == text
    assert ms(value * 1e6) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00001, "< 0.01 %"),
        (0.0007, "0.07 %"),
        (0.0026, "0.26 %"),
        (0.01, "1 %"),
        (0.0993, "9.9 %"),
        (0.00094, "0.09 %"),
        (0.0996, "10 %"),
        (0.38, "38 %"),
        (0.9972, "99.72 %"),
        (0.99999, "> 99.99 %"),
        (-0.09, "−9 %"),
        (-18.12, "−1,812 %"),
        (-0.00001, "−< 0.01 %"),
    ],
)
def test_what_is_not_nothing_never_looks_like_it(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_the_unknown_is_a_dash() -> None:
    assert (ms(None), per_second(None), number(None)) == ("–", "–", "–")
    assert (per_second(1049.84), per_second(12_345.6), number(155_556)) == (
        "1,049.8",
        "12,346",
        "155,556",
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (0.2, "1s"), (90.0, "1m30s"), (7_200.0, "2h")]
)
def test_a_duration_can_be_typed_back(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ≤ ü 文", "plain – ≤ ü 文"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\r\tc\x7f\x9b", "a\\nb\\r\\tc\\x7f\\x9b"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_cut() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")
