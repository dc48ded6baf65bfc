"""Cases and their rows."""

from bench.cases import CASES, STALL_MS, entries_for, seconds_for


def test_a_stall_is_measured_over_whole_periods() -> None:
    stall = CASES["stall"][0]
    assert [seconds_for(stall, n) for n in (1, 10, 11, 15)] == [10, 10, 15, 15]
    assert seconds_for(CASES["fixed"][0], 7) == 7
    assert stall.delay == "stall:5:1000:5000"


def test_the_stalls_numbers_are_those_of_the_law() -> None:
    assert STALL_MS == (5.0, 1000.0, 5000.0)


def test_all_rows_are_there() -> None:
    rows = {name: entries_for(name, ["quiet", "busy"]) for name in CASES}
    assert list(rows) == ["fixed", "bimodal", "lognormal", "stall", "lag"]
    assert [len(entries) for entries in rows.values()] == [4, 4, 4, 4, 6]
    bare = [(e.case.name, e.condition) for e in rows["lag"] if e.tool == "timerfd"]
    assert bare == [("lag", "quiet"), ("lag-spin", "quiet")]
