"""Rows by endpoint and quantity: the same as searching all of them."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from velroload.index import Index, Kept, read_index
from velroload.journal import COUNTS, HIST_SUM, SERIES, Rows


def rows(dtype: np.dtype[np.void], count: int) -> Rows:
    rng = np.random.default_rng(3)
    made = np.zeros(count, dtype)
    made["endpoint"] = rng.choice([0, 7, 65_535], count)
    name = "counter" if "counter" in (dtype.names or ()) else "quantity"
    made[name] = rng.choice([0, 3, 17], count)
    if "outcome" in (dtype.names or ()):
        made["outcome"] = rng.integers(0, 2, count)
    made["value" if name == "counter" else "count"] = np.arange(count)
    return made


@pytest.mark.parametrize("dtype", [HIST_SUM, SERIES, COUNTS])
@pytest.mark.parametrize("endpoints", [[7], [0, 65_535], [1], None])
@pytest.mark.parametrize("what", [3, 4, None])
def test_a_part_is_what_a_search_finds(
    dtype: np.dtype[np.void], endpoints: list[int] | None, what: int | None
) -> None:
    given = rows(dtype, 500)
    name = "counter" if "counter" in (dtype.names or ()) else "quantity"
    wanted = np.ones(500, np.bool_)
    if endpoints is not None:
        wanted &= np.isin(given["endpoint"], endpoints)
    if what is not None:
        wanted &= given[name] == what
    found = Index(given).part(endpoints, what)
    last = "value" if name == "counter" else "count"
    assert sorted(found[last].tolist()) == given[last][wanted].tolist()


def test_outcomes_are_told_apart() -> None:
    given = rows(HIST_SUM, 500)
    found = Index(given).part([7], 3, (1,))
    assert len(found) > 0
    assert set(found["outcome"].tolist()) == {1}


def test_nothing_has_no_parts() -> None:
    assert len(Index(np.empty(0, SERIES)).part([1], 0)) == 0


@pytest.mark.slow
def test_many_endpoints_and_counters() -> None:
    given = np.zeros(70_000, COUNTS)
    given["endpoint"], given["counter"] = np.arange(70_000) % 60_000, np.arange(70_000) % 1_300
    assert Index(given).part([59_999], None)["counter"].tolist() == [59_999 % 1_300]


@pytest.mark.parametrize("dtype", [HIST_SUM, SERIES, COUNTS])
def test_pieces_joined_are_the_whole(dtype: np.dtype[np.void]) -> None:
    given = rows(dtype, 500)
    whole = Index(given)
    parts = [Index(given[first : first + 70]) for first in range(0, 500, 70)]
    joined = Index.joined(parts, dtype)
    assert np.array_equal(joined.keys, whole.keys)
    assert np.array_equal(joined.part().rows(), whole.part().rows())
    assert np.array_equal(np.sort(joined.part().rows()), np.sort(given))


def test_what_counts_is_chosen_without_a_copy() -> None:
    given = rows(COUNTS, 500)
    given["phase"] = np.arange(500) % 3
    part = Index(given).part()
    kept = part.where(Kept(frozenset({1}), frozenset({7}), frozenset({0, 1})).of(part)).rows()
    wanted = (given["phase"] == 1) | ((given["endpoint"] == 7) & (given["phase"] == 0))
    assert np.array_equal(np.sort(kept), np.sort(given[wanted]))


def test_a_file_of_another_layout_or_cut_off_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, counts=rows(COUNTS, 500))
    assert len(read_index(path, "counts", COUNTS).part()) == 500
    with pytest.raises(ValueError, match="another layout"):
        read_index(path, "counts", SERIES)
    with ZipFile(path) as archive:
        whole = archive.read("counts.npy")
    for wrong in (whole[:-10], whole + b"more"):
        with ZipFile(path, "w") as archive:
            archive.writestr("counts.npy", wrong)
        with pytest.raises(ValueError, match=r"cut off|multiple"):
            read_index(path, "counts", COUNTS)
