"""Fewer points, the same extremes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload.report.charts.thin import POINTS, envelope, known, picked, stretch

NUMBERS = st.one_of(st.floats(-1e9, 1e9), st.just(float("nan")))


@settings(max_examples=50)
@given(st.lists(NUMBERS, min_size=1, max_size=400), st.integers(4, 60))
def test_the_least_and_the_greatest_survive(values: list[float], points: int) -> None:
    y = np.array(values)
    x, (thinned,) = envelope(np.arange(len(y), dtype=float), [y], points)
    assert len(x) == len(thinned)
    assert len(x) <= points
    assert list(x) == sorted(x)
    if not np.isnan(y).all():
        assert np.nanmin(thinned) == np.nanmin(y)
        assert np.nanmax(thinned) == np.nanmax(y)
    assert set(thinned[~np.isnan(thinned)]) <= set(y[~np.isnan(y)])


def test_what_is_short_stays_as_it_is() -> None:
    x, y = np.arange(3.0), np.array([1.0, np.nan, 2.0])
    same_x, (same_y,) = envelope(x, [y])
    assert same_x is x
    assert same_y is y
    assert stretch(POINTS) == 1


def test_a_peak_of_one_second_in_an_hour_is_drawn_in_its_order() -> None:
    y = np.full(4_140, 10.0)
    y[3_000], y[3_001] = 99.0, 1.0
    x, (thinned,) = envelope(np.arange(4_140.0), [y])
    assert len(x) <= POINTS
    high, low = list(thinned).index(99.0), list(thinned).index(1.0)
    assert high < low
    assert abs(x[high] - 3_000) <= stretch(4_140)


def test_few_failures_among_many_answers_are_picked() -> None:
    answers, failures = np.full(4_140, 1_000.0), np.zeros(4_140)
    failures[2_000] = 1.0
    places = picked(np.arange(4_140.0), [answers, failures])
    assert len(places) <= POINTS
    assert 2_000 in places
    assert list(places) == sorted(set(places.tolist()))


def test_known_values_have_four_digits_and_no_nan() -> None:
    assert known(np.array([1.23456, np.nan, np.inf, 0.0])) == (1.235, None, None, 0.0)
