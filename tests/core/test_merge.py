"""core/merge.pxi, take.pxi and keep.pxi against the plain Python twin."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import ring as twin
from velroload._core import Merger, RingReader, RingWriter, format_segment, segment_bytes
from velroload.histogram import Histogram, edges_ns
from velroload.journal import COUNTS, Delta, Rows, slowest, sum_rows
from velroload.journal import Counter as Number
from velroload.quantity import QUANTITIES
from velroload.rundata import RunData
from velroload.runfolder import set_figures
from velroload.sample import SAMPLE, ErrorKind, Flag, Kind

PHASES, ENDPOINTS, ADDRESSES = 2, 3, 3
SLOTS = 1 << 12


def drained(samples: Rows, *, merger: Merger | None = None, seed: int = 0) -> tuple[Delta, int]:
    """The delta of these samples, and how many were corrupt."""
    buffer = bytearray(segment_bytes(SLOTS))
    format_segment(buffer, SLOTS)
    reader, writer = RingReader(buffer), RingWriter(buffer)
    used = merger or Merger(PHASES, ENDPOINTS, seed=seed)
    for start in range(0, len(samples), SLOTS):
        writer.push(samples[start : start + SLOTS].tobytes())
        reader.drain(used)
    delta = Delta.from_parts(used.take())
    if merger is None:
        used.close()
    return delta, reader.corrupt


def made(rows: Iterable[tuple[int, ...]]) -> Rows:
    return np.array(list(rows), dtype=SAMPLE)


def request(**fields: int) -> Rows:
    """One request that is answered with 200 after 8 ms, but for `fields`."""
    row = np.zeros(1, SAMPLE)
    row["scheduled_ns"], row["sent_ns"], row["end_ns"] = 1_000_000, 2_000_000, 10_000_000
    row["status"] = 200
    for name, value in fields.items():
        row[name] = value
    return row


def u(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


plausible_ns = st.integers(0, 200).map(lambda n: n * 731_234_567)
wild_ns = st.one_of(plausible_ns, st.integers(-(1 << 63), (1 << 63) - 1))
some_us = st.one_of(st.just(0), u(20), u(32))
sample_rows = st.tuples(
    st.one_of(plausible_ns, wild_ns),
    st.one_of(plausible_ns, wild_ns),
    st.one_of(plausible_ns, wild_ns),
    some_us,
    some_us,
    some_us,
    some_us,
    u(32),
    u(32),
    u(32),
    u(32),
    st.integers(0, ENDPOINTS),
    st.one_of(st.just(200), st.integers(0, 1000), u(16)),
    st.one_of(st.sampled_from([int(kind) for kind in ErrorKind]), u(8)),
    st.integers(0, PHASES),
    u(16),
)
ordered_rows = sample_rows.map(lambda row: (*sorted(row[:3]), *row[3:]))


def keyed(rows: Rows, names: tuple[str, ...], digits: int) -> Counter[tuple[int, ...]]:
    """Count by key and lower edge of the bin."""
    edges = edges_ns(digits)
    counted = Counter[tuple[int, ...]]()
    for row in rows:
        counted[*(int(row[name]) for name in names), int(edges[row["bin"]])] += int(row["count"])
    return counted


def valued(rows: Rows) -> dict[tuple[int, ...], int]:
    counted = Counter[tuple[int, ...]]()
    for row in rows:
        key = (int(row[name]) for name in ("phase", "second", "endpoint", "counter"))
        counted[*key] += int(row["value"])
    return dict(counted)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(ordered_rows, sample_rows), max_size=40), st.sampled_from([0, ADDRESSES]))
def test_figures_equal_the_twins(rows: list[tuple[int, ...]], addresses: int) -> None:
    samples = made(rows)
    if addresses:
        samples["user_address"] >>= 6  # addresses 0 to 3, of which the last is not there
    reference = twin.Merger(PHASES, ENDPOINTS, addresses)
    for sample in samples:
        reference.add(sample)
    merger = Merger(PHASES, ENDPOINTS + addresses, addresses=addresses)
    delta, corrupt = drained(samples, merger=merger)
    merger.close()
    assert corrupt == reference.corrupt
    hist = keyed(delta.hist, ("phase", "outcome", "endpoint", "quantity"), 3)
    assert hist == reference.hist
    assert keyed(delta.series, ("phase", "second", "endpoint", "quantity"), 2) == reference.series
    assert valued(delta.counts) == dict(reference.counts)
    exact = {
        (int(r["phase"]), int(r["outcome"]), int(r["endpoint"]), int(r["quantity"])): tuple(
            int(r[name]) for name in ("count", "sum", "min", "max")
        )
        for r in delta.stats
    }
    mask = (1 << 64) - 1
    assert {key: (n, total & mask, *ends) for key, (n, total, *ends) in exact.items()} == {
        key: (len(v), sum(v) & mask, min(v), max(v)) for key, v in reference.values.items()
    }
    for key, responses in reference.responses.items():
        tail = delta.tail[(delta.tail["phase"] == key[0]) & (delta.tail["endpoint"] == key[1])]
        assert sorted((tail["end_ns"] - tail["scheduled_ns"]).tolist()) == sorted(responses)


def many(n: int, seed: int = 1) -> Rows:
    """Plausible requests over some seconds."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(n, SAMPLE)
    samples["sent_ns"] = rng.integers(10**9, 10 * 10**9, n)
    samples["scheduled_ns"] = samples["sent_ns"] - rng.integers(0, 10**6, n)
    samples["end_ns"] = samples["sent_ns"] + rng.lognormal(16, 1, n).astype(np.int64)
    samples["endpoint"] = rng.integers(0, ENDPOINTS, n)
    samples["phase"] = rng.integers(0, PHASES, n)
    samples["status"] = 200
    samples["iteration"] = np.arange(n)
    return samples


def test_shards_equal_one_stream_bin_by_bin() -> None:
    samples = many(20_000)
    one, several = RunData(), RunData()
    set_figures(one, [drained(samples)[0]])
    set_figures(several, [drained(samples[shard::7])[0] for shard in range(7)])
    for name in ("hist", "stats", "series", "counts", "tail"):
        assert np.array_equal(np.sort(getattr(one, name)), np.sort(getattr(several, name))), name


def test_several_takes_equal_one() -> None:
    samples = many(10_000)
    merger = Merger(PHASES, ENDPOINTS)
    parts = [drained(part, merger=merger)[0] for part in np.array_split(samples, 9)]
    assert [len(array) for array in Delta.from_parts(merger.take()).arrays] == [0] * 5
    one, several = RunData(), RunData()
    set_figures(one, [drained(samples)[0]])
    set_figures(several, parts)
    for name in ("hist", "stats", "series", "counts", "tail"):
        assert np.array_equal(np.sort(getattr(one, name)), np.sort(getattr(several, name))), name


def test_histograms_equal_those_of_the_values() -> None:
    samples = many(5_000)
    data = RunData()
    set_figures(data, [drained(samples)[0]])
    service_ns = samples["end_ns"] - samples["sent_ns"]
    assert data.histogram("service") == Histogram.of(service_ns)
    chosen = (samples["endpoint"] == 1) & (samples["phase"] == 0)
    assert data.histogram("service", phase=0, endpoints=[1]) == Histogram.of(service_ns[chosen])


def test_tail_is_the_1000_slowest_of_each_phase_and_endpoint() -> None:
    samples = many(30_000)
    merger = Merger(PHASES, ENDPOINTS)
    parts = [drained(part, merger=merger)[0].tail for part in np.array_split(samples, 5)]
    assert sum(len(part) for part in parts) < len(samples) // 2
    found = slowest(np.concatenate(parts))
    assert np.array_equal(np.sort(found), np.sort(slowest(samples)))


@pytest.mark.parametrize("order", [1, -1])
def test_tail_of_a_target_that_slows_down_or_recovers(order: int) -> None:
    samples = np.repeat(request(), 3_000)
    samples["end_ns"] += np.arange(3_000)[::order] * 1_000
    found = slowest(drained(samples)[0].tail)
    assert np.array_equal(found["end_ns"], np.sort(samples["end_ns"])[::-1][:1_000])


def test_reservoir_keeps_all_while_there_is_room() -> None:
    samples = many(15_000)
    merger = Merger(PHASES, ENDPOINTS)
    drained(samples, merger=merger)
    assert merger.reservoir() == samples.tobytes()


def test_reservoir_is_uniform_and_reproducible() -> None:
    samples = many(200_000)
    kept = []
    for _ in range(2):
        merger = Merger(PHASES, ENDPOINTS, seed=4711)
        drained(samples, merger=merger)
        kept.append(np.frombuffer(merger.reservoir(), SAMPLE))
    assert np.array_equal(kept[0], kept[1])
    assert len(np.unique(kept[0]["iteration"])) == 20_000
    per_tenth = np.bincount(kept[0]["iteration"] // 20_000, minlength=10)
    assert abs(per_tenth - 2_000).max() < 5 * np.sqrt(2_000 * 0.9)  # fixed seed: cannot flake


def test_reservoir_is_of_requests_only() -> None:
    merger = Merger(PHASES, ENDPOINTS)
    drained(request(flags=Kind.ITERATION), merger=merger)
    assert merger.reservoir() == b""


def test_timeout_is_failed_and_timed_but_has_no_status() -> None:
    delta, _ = drained(
        request(error=ErrorKind.TIMEOUT, flags=Flag.CENSORED | Flag.USER_CLOCK, status=0)
    )
    assert set(delta.hist["outcome"]) == {1}
    assert valued(delta.counts) == {
        (0, 0, 0, 1000 + ErrorKind.TIMEOUT): 1,
        (0, 0, 0, 1257): 1,
        (0, 0, 0, 1260): 1,
        (0, 0, 0, 1261): 1,
        (0, 0, 0, 1267): 1,
        (0, 0, 0, 1268): 1,
    }


def test_transport_failure_enters_counters_only() -> None:
    delta, _ = drained(request(error=ErrorKind.CONNECT_REFUSED, status=0, sent_ns=0))
    assert (len(delta.hist), len(delta.stats), len(delta.series), len(delta.tail)) == (0, 0, 0, 0)
    assert valued(delta.counts) == {(0, 0, 0, 1020): 1, (0, 0, 0, 1258): 1, (0, 0, 0, 1267): 1}


def test_iteration_is_timed_with_and_without_think_time() -> None:
    delta, _ = drained(request(flags=Kind.ITERATION, status=0, connect_us=3_000, sent_ns=0))
    stats = {QUANTITIES[row["quantity"]]: int(row["sum"]) for row in delta.stats}
    assert stats == {"response": 9_000_000, "service": 6_000_000}
    assert valued(delta.counts) == {(0, 0, 0, 1256): 1, (0, 0, 0, 1267): 1}


def test_seconds_64_apart_share_a_slot_and_lose_nothing() -> None:
    samples = np.concatenate(
        [request(scheduled_ns=0, sent_ns=0, end_ns=n * 64_000_000_000) for n in range(4)] * 3
    )
    delta, _ = drained(samples)
    assert sum_rows(delta.series)["second"].tolist() == [0, 0, 64, 64, 128, 128, 192, 192]
    assert int(delta.series["count"].sum()) == 2 * len(samples)
    assert valued(delta.counts)[0, 0, 0, 1267] == len(samples)


def test_disorder_within_a_millisecond_counts_as_zero() -> None:
    delta, corrupt = drained(request(end_ns=1_999_000))
    service = delta.stats[delta.stats["quantity"] == 1]
    assert (corrupt, int(service["sum"][0])) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": ENDPOINTS},
        {"phase": PHASES},
        {"status": 1000},
        {"end_ns": -1},
        {"scheduled_ns": -1},
        {"sent_ns": -1},
        {"end_ns": (1 << 61) + 1},
        {"end_ns": 900_000},
        {"sent_ns": 12_000_001},
        {"scheduled_ns": 4_000_000},
    ],
    ids=str,
)
def test_senseless_sample_is_counted_as_corrupt_and_enters_nothing(wrong: dict[str, int]) -> None:
    delta, corrupt = drained(request(**wrong))
    assert corrupt == 1
    assert [len(array) for array in delta.arrays] == [0] * 5


def test_an_address_that_is_not_there_is_corrupt() -> None:
    merger = Merger(1, 3, addresses=2)
    delta, corrupt = drained(request(user_address=2 << 24), merger=merger)
    assert (corrupt, [len(array) for array in delta.arrays]) == (1, [0] * 5)
    delta, corrupt = drained(request(endpoint=1), merger=merger)  # a row of the addresses
    assert corrupt == 1
    with pytest.raises(ValueError, match=r"^Merger: 1 of 1 endpoints are addresses: one must be "):
        Merger(1, 1, addresses=1)


@pytest.mark.parametrize(("phases", "endpoints"), [(0, 1), (257, 1), (1, 0), (1, 65_537)])
def test_sizes_beyond_the_sample_are_refused(phases: int, endpoints: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 256 and 1 to 65536 are possible\.$") as caught:
        Merger(phases, endpoints)
    assert str(caught.value).startswith(f"Merger: {phases} phases and {endpoints} endpoints: ")


def test_largest_sizes_are_possible() -> None:
    merger = Merger(256, 300)
    merger.close()


def test_closed_merger_says_so() -> None:
    merger = Merger(1, 1)
    merger.close()
    merger.close()
    with pytest.raises(ValueError, match=r"^Merger: it is closed\.$"):
        merger.take()


def users_counted(samples: Rows, windows: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """(phase, second) → users counted there, of samples that one worker pushed."""
    buffer = bytearray(segment_bytes(1 << 12))
    format_segment(buffer, 1 << 12)
    reader, writer = RingReader(buffer), RingWriter(buffer)
    merger = Merger(2, 1, windows=windows)
    writer.push(samples.tobytes())
    reader.drain(merger)
    counts = np.frombuffer(merger.take()[3], COUNTS)
    counts = counts[counts["counter"] == Number.USERS]
    return {(int(row["phase"]), int(row["second"])): int(row["value"]) for row in counts}


def answers(*rows: tuple[int, int, int, int]) -> Rows:
    """(user, second, phase, error) of requests."""
    samples = np.zeros(len(rows), SAMPLE)
    for sample, (user, second, phase, error) in zip(samples, rows, strict=True):
        sample["user_address"], sample["phase"], sample["error"] = user, phase, error
        sample["scheduled_ns"] = sample["sent_ns"] = sample["end_ns"] = second * 10**9
    return samples


def test_a_user_counts_once_in_a_window() -> None:
    samples = answers((7, 2, 0, 0), (7, 3, 0, 0), (8, 4, 0, 0), (7, 5, 0, 0), (7, 9, 0, 0))
    assert users_counted(samples, [(2, 3), (0, 0)]) == {(0, 2): 1, (0, 4): 1, (0, 5): 1, (0, 9): 1}


def test_only_good_answers_of_a_phase_that_counts_users() -> None:
    samples = answers((1, 2, 0, 70), (1, 2, 1, 0), (1, 1, 0, 0), (2, 3, 0, 0))
    assert users_counted(samples, [(2, 3), (0, 0)]) == {(0, 3): 1}


def test_a_user_is_another_in_another_phase() -> None:
    samples = answers((1, 2, 0, 0), (1, 2, 1, 0), (2**24 - 1, 2, 1, 0))
    assert users_counted(samples, [(0, 9), (0, 9)]) == {(0, 2): 1, (1, 2): 2}


def test_windows_are_of_all_phases_or_none() -> None:
    with pytest.raises(ValueError, match=r"^Merger: 1 windows for 2 phases\.$"):
        Merger(2, 1, windows=[(0, 1)])
    with pytest.raises(ValueError, match=r"^Merger: a window begins at 0 or later and is 0 s"):
        Merger(1, 1, windows=[(0, -1)])
