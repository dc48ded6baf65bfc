"""velroload/histogram.py against its definition and against the hdrhistogram package."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.percentile import bin_edges, nearest_rank
from velroload.histogram import BINS, Histogram, bin_of, edges_ns, rank_of

TOP_NS = (1 << 42) - 1
values_ns = st.integers(0, 40).flatmap(lambda bits: st.integers(0, 1 << bits))
PERCENTS = ["0", "1", "50", "90", "99", "99.9", "99.99", "100"]


def reference(digits: int) -> HdrHistogram:
    return HdrHistogram(100, 3_600_000_000_000, digits)


@pytest.mark.parametrize("digits", [2, 3])
def test_size_is_hdrhistograms(digits: int) -> None:
    assert reference(digits).counts_len == BINS[digits]


@pytest.mark.parametrize("digits", [2, 3])
@given(value=values_ns)
def test_bin_is_hdrhistograms(digits: int, value: int) -> None:
    assert bin_of(value, digits) == reference(digits)._counts_index_for(value)


@pytest.mark.parametrize("digits", [2, 3])
@given(value=values_ns)
def test_edges_hold_the_value(digits: int, value: int) -> None:
    which = bin_of(value, digits)
    edges = edges_ns(digits)
    assert (edges[which], edges[which + 1] - 1) == bin_edges(value, digits)


@pytest.mark.parametrize("digits", [2, 3])
def test_every_edge_opens_its_own_bin(digits: int) -> None:
    edges = edges_ns(digits)
    assert len(edges) == BINS[digits] + 1
    assert [bin_of(int(e), digits) for e in edges[:-1:97]] == list(range(0, BINS[digits], 97))
    assert edges[-1] == TOP_NS + 1


@given(st.lists(values_ns, min_size=1, max_size=60))
def test_percentiles_are_nearest_ranks_to_their_bins_edge(values: list[int]) -> None:
    histogram = Histogram.of(values)
    for percent in PERCENTS:
        exact = nearest_rank(values, percent)
        upper = min(bin_edges(exact, 3)[1], max(values))
        assert histogram.percentile(float(percent)) == upper


def test_percentile_equals_the_hdrhistogram_package() -> None:
    values = np.random.default_rng(1).lognormal(15, 1, 20_000).astype(np.int64)
    ours, theirs = Histogram.of(values), reference(3)
    for value in values:
        theirs.record_value(int(value))
    for percent in (50.0, 90.0, 95.0, 99.0, 99.9):
        assert ours.percentile(percent) == theirs.get_value_at_percentile(percent)


@pytest.mark.parametrize(
    ("percent", "count", "rank"),
    [
        (99.9, 1000, 999),
        (99.9, 1001, 1000),
        (50, 3, 2),
        (0, 5, 0),
        (100, 7, 7),
        (95, 10_000, 9_500),
    ],
)
def test_rank(percent: float, count: int, rank: int) -> None:
    assert rank_of(percent, count) == rank


@given(st.lists(st.lists(values_ns, max_size=20), max_size=6))
def test_merged_shards_equal_one_stream(shards: list[list[int]]) -> None:
    merged = Histogram()
    for shard in shards:
        merged.merge(Histogram.of(shard))
    assert merged == Histogram.of([value for shard in shards for value in shard])


@given(st.lists(values_ns, min_size=1, max_size=30))
def test_sparse_round_trip(values: list[int]) -> None:
    histogram = Histogram.of(values)
    bins, counts = histogram.to_sparse()
    again = Histogram.from_sparse(
        bins, counts, total_ns=sum(values), min_ns=min(values), max_ns=max(values)
    )
    assert again == histogram


def test_sparse_without_exact_figures_is_bounded_by_its_edges() -> None:
    histogram = Histogram.from_sparse(np.array([200, 200, 2]), np.array([1, 2, 1]), digits=2)
    edges = edges_ns(2)
    assert (histogram.count, histogram.min, histogram.max) == (4, edges[2], edges[201] - 1)


def test_longer_than_the_bins_is_its_exact_maximum() -> None:
    histogram = Histogram.of([5_000, TOP_NS + 5])
    assert histogram.counts[-1] == 1
    assert histogram.percentile(99) == histogram.max == TOP_NS + 5


def test_mean_and_negative_values() -> None:
    assert Histogram.of([-5, 100, 200]).mean == 100
    assert Histogram().mean == 0


def test_count_above_never_too_few() -> None:
    histogram = Histogram.of([1_000, 75_000_000, 75_001_000, 90_000_000])
    assert histogram.count_above(75_000_000) == 3
    assert histogram.count_above(80_000_000) == 1
    assert histogram.count_above(90_000_000) == 0


def test_empty_has_no_percentile() -> None:
    with pytest.raises(ValueError, match=r"^an empty histogram has no percentiles\.$"):
        Histogram().percentile(50)


def test_different_digits_do_not_add() -> None:
    with pytest.raises(ValueError, match=r"^histograms of 3 and 2 digits do not add\.$"):
        Histogram().merge(Histogram(2))


def test_repr_says_what_it_holds() -> None:
    assert repr(Histogram.of([100, 300])) == "Histogram(2 values, 100–300 ns)"
