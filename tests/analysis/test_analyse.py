"""analysis/analyse.py, the room's door: a saved run and the one in memory, and at what price."""

from pathlib import Path

import pytest

from tests.reference import richrun
from velroload import journal
from velroload.analysis.analyse import analyse
from velroload.runfolder import load, save


def test_a_saved_run_says_the_same_and_no_array_of_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read stays in its index: all rows at once would be gigabytes of a long run."""
    data = richrun.rich(30.0, 3)
    fresh = analyse(data)
    save(tmp_path, data)

    def never(*arguments: object) -> None:
        raise AssertionError("an array of the whole run was made")

    monkeypatch.setattr(journal, "sum_rows", never)
    loaded = analyse(load(tmp_path))
    for name in ("verdict", "thresholds", "summary", "suite", "compliance", "watched", "findings"):
        assert getattr(loaded, name) == getattr(fresh, name), name
