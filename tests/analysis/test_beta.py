"""Quantiles of beta and Student's t, against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv, stdtrit

from velroload.analysis.beta import beta_quantile, student_quantile

LEVELS = [0.0025, 0.025, 0.05, 0.5, 0.95, 0.975, 0.9975]


@given(
    st.floats(-2, 6).map(lambda power: 10**power),
    st.floats(-2, 6).map(lambda power: 10**power),
    st.sampled_from(LEVELS),
)
def test_beta_quantiles_are_those_of_scipy(a: float, b: float, level: float) -> None:
    assert beta_quantile(a, b, level) == pytest.approx(betaincinv(a, b, level), rel=1e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("a", "b"), [(1.0, 1e9), (1e9, 1.0), (5e8, 5e8), (1e7, 1e9)])
def test_beta_quantiles_of_huge_samples(a: float, b: float, level: float) -> None:
    assert beta_quantile(a, b, level) == pytest.approx(betaincinv(a, b, level), rel=2e-6)


@pytest.mark.parametrize("level", [0.6, 0.95, 0.975, 0.995])
@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 19, 239])
def test_student_quantiles_are_those_of_scipy(freedom: int, level: float) -> None:
    assert student_quantile(freedom, level) == pytest.approx(stdtrit(freedom, level), rel=1e-10)
