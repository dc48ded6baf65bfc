"""core/random.pxi: equal to its twin, and uniform."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.reference import pacer as reference
from velroload._core import Random

SEEDS = st.integers(0, 2**64 - 1)


@given(SEEDS, st.integers(0, 2**64 - 1))
def test_equals_its_twin(seed: int, n: int) -> None:
    core, twin = Random(seed), reference.Random(seed)
    for _ in range(5):
        assert core.u64() == twin.u64()
        assert core.double() == twin.double()
        assert core.below(n) == twin.below(n)
        assert core.exponential(2.5) == twin.exponential(2.5)


def test_known_answer_of_splitmix64() -> None:
    core = Random(1234567)
    assert [core.u64() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(SEEDS, st.integers(1, 2**64 - 1))
def test_below_stays_below(seed: int, n: int) -> None:
    core = Random(seed)
    assert all(0 <= core.below(n) < n for _ in range(20))


def test_below_zero_is_zero() -> None:
    assert Random(1).below(0) == 0


def test_distributions() -> None:
    core = Random(42)
    doubles = np.array([core.double() for _ in range(20_000)])
    assert ((doubles >= 0) & (doubles < 1)).all()
    assert stats.kstest(doubles, "uniform").pvalue > 0.001
    pauses = np.array([core.exponential(3.0) for _ in range(20_000)])
    assert stats.kstest(pauses, "expon", args=(0, 3.0)).pvalue > 0.001
    counts = np.bincount([core.below(7) for _ in range(20_000)], minlength=7)
    assert stats.chisquare(counts).pvalue > 0.001
