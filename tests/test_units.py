"""units.py: round trips, and strictness to the letter."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload import units
from velroload.errors import ConfigError

DURATION = "write a number with a unit, such as 30s, 1m30s or 250ms"
RATE = "write a number per second, such as 500, 1000/s, 10k/s or 600/m"
COUNT = "write a whole number, such as 100, 10k or 1M"
SIZE = "write a number with a unit, such as 512B, 64KiB or 10MB"
SHARE = "write a percentage from 0% to 100%, such as 1% or 99.9%"
JUNK = ["", " ", "5x", "1 s s", "-1s", "nan", "inf", "1e400", "1e3s", "s", "٣s", "0x1s", "1_0s"]


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("30s", 30_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1d2h3m4s5ms6us7ns", 93_784_005_006_007),
        ("7µs", 7_000),
        ("0s", 0),
    ],
)
def test_durations(text: str, expected_ns: int) -> None:
    assert units.parse_duration(text) == expected_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000/s", Fraction(1000)),
        ("10k/s", Fraction(10_000)),
        ("1.5M/s", Fraction(1_500_000)),
        ("600/m", Fraction(10)),
        ("1/h", Fraction(1, 3600)),
        ("5000", Fraction(5000)),
        ("0.1/s", Fraction(1, 10)),
    ],
)
def test_rates(text: str, expected: Fraction) -> None:
    assert units.parse_rate(text) == expected


def test_sizes_counts_and_shares() -> None:
    assert [units.parse_bytes(t) for t in ("1MiB", "64KiB", "10MB", "3B", "1kB", "1.5KiB")] == [
        1_048_576,
        65_536,
        10_000_000,
        3,
        1_000,
        1_536,
    ]
    assert [units.parse_count(t) for t in ("10k", "1.5M", "7", "0")] == [10_000, 1_500_000, 7, 0]
    assert [units.parse_share(t) for t in ("1%", "99.9%", "100%", "0%")] == [
        Fraction(1, 100),
        Fraction(999, 1000),
        Fraction(1),
        Fraction(0),
    ]


@given(st.integers(0, units.DURATION_MAX_NS))
def test_durations_round_trip(duration_ns: int) -> None:
    assert units.parse_duration(units.format_duration(duration_ns)) == duration_ns


@given(st.integers(0, 10**12), st.sampled_from([1, 60, 3600]), st.sampled_from([1, 10, 1000]))
def test_rates_round_trip(number: int, seconds: int, decimals: int) -> None:
    rate = Fraction(number, seconds * decimals)
    if rate <= units.RATE_MAX_PER_S:
        assert units.parse_rate(units.format_rate(rate)) == rate


@given(st.integers(0, units.BYTES_MAX))
def test_sizes_and_counts_round_trip(number: int) -> None:
    assert units.parse_bytes(units.format_bytes(number)) == number
    assert units.parse_count(units.format_count(number)) == number


@given(st.integers(0, 10**9))
def test_shares_round_trip(number: int) -> None:
    share = Fraction(number, 10**9)
    assert units.parse_share(units.format_share(share)) == share


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (units.format_duration(0), "0s"),
        (units.format_duration(90_000_000_000), "1m30s"),
        (units.format_duration(1_500_000), "1.5ms"),
        (units.format_duration(86_400_000_000_000), "1d"),
        (units.format_duration(61_000_000_001), "1m1.000000001s"),
        (units.format_rate(Fraction(1, 3)), "20/m"),
        (units.format_rate(Fraction(1000, 7)), "142.857/s"),
        (units.format_rate(1000), "1000/s"),
        (units.format_bytes(65_536), "64KiB"),
        (units.format_bytes(0), "0B"),
        (units.format_count(10_000), "10k"),
        (units.format_count(0), "0"),
        (units.format_share(Fraction(1, 3)), "33.3333%"),
    ],
)
def test_formats(given: str, text: str) -> None:
    assert given == text


PARSERS: list[tuple[Callable[[str], object], str, str, list[str]]] = [
    (units.parse_duration, "duration", DURATION, ["30", "1m1h", "1s1s", "1s2s", "1h 30m", " 1s"]),
    (units.parse_rate, "rate", RATE, ["5/x", "5s", "1//s", "/s", "1000/ s", "10K/s"]),
    (units.parse_count, "count", COUNT, ["1.5", "10K", "1 000", "99999999G"]),
    (units.parse_bytes, "size", SIZE, ["512", "0.5B", "1kib", "99999999GiB"]),
    (units.parse_share, "share", SHARE, ["5", "101%", "1%%", "1 %"]),
]
REFUSED = [
    (parse, noun, hint, text) for parse, noun, hint, own in PARSERS for text in [*JUNK, *own]
]


@pytest.mark.parametrize(("parse", "noun", "hint", "text"), REFUSED)
def test_half_understood_is_refused(
    parse: Callable[[str], object], noun: str, hint: str, text: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert str(error.value) == f"{noun} {text!r}: {hint}"


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (units.parse_duration, "366d", "duration '366d': at most 365d are accepted"),
        (
            units.parse_duration,
            "0.5ns",
            "duration '0.5ns': nothing finer than a nanosecond is accepted",
        ),
        (units.parse_rate, "1001M/s", "rate '1001M/s': at most 1000M/s are accepted"),
        (units.parse_count, "9" * 50, f"count '{'9' * 40}…': {COUNT}"),
    ],
)
def test_limits(parse: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert str(error.value) == message


def test_the_noun_names_the_flag() -> None:
    with pytest.raises(ConfigError) as error:
        units.parse_duration("5x", "--timeout")
    assert str(error.value) == f"--timeout '5x': {DURATION}"


def test_a_negative_duration_has_no_form() -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the whole text is asserted)
        units.format_duration(-1)
    assert str(error.value) == "a duration is not negative: -1 ns"


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused_in_one_line(text: str) -> None:
    for parse, noun, _, _ in PARSERS:
        message = f"{noun} "
        try:
            parse(text)
        except ConfigError as error:
            message = str(error)
        assert message.startswith(f"{noun} ")
        assert "\n" not in message
