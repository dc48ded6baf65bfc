"""Findings in words: the first and how many more; all of it under -v; hostile names are cleaned."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.reference import planted as pl
from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.analyse import analyse
from velroload.analysis.result import Result
from velroload.report.as_text import as_text
from velroload.report.findings import finding_lines
from velroload.report.table import plain


def lines(result: Result, *, verbose: bool = False) -> list[str]:
    return finding_lines(result, verbose, plain)


def slow_cpu(**more: Any) -> Result:
    data = pl.Service(1, slow=pl.queued(), values={"cpu_share": pl.used_up(1)}, **more).make()
    return analyse(replace(data, events=watched.event("redis_down", 40, 50)))


def test_the_first_and_how_many_more() -> None:
    found = lines(slow_cpu())
    assert found[0] == (
        " hint       The target's CPU is used up, likely (and 1 more: -v): service.cpu_share stood "
        "at 98 %"
    )
    assert found[1].startswith("            (median), at 90 % or more for 100 % of the hold")
    assert found[2].split() == [
        "event", "at", "s", "onset", "fast", "fail", "worst", "failed", "lost", "back", "s", "open",
        "s", "probes",
    ]  # fmt: skip
    assert all(len(line) <= 100 for line in found)


def test_everything_under_v() -> None:
    text = "\n".join(lines(slow_cpu(), verbose=True))
    for part in (
        " hints      1. The target's CPU is used up, likely: ",
        "               The target's CPU, median: 98 % · service.cpu_share\n",
        "            2. Requests queue, likely: ",
        " advice     1. give the target more CPU, or find what a request spends it on",
        "               gain: for 100/s at 70 % it needs 1.41 times the CPU",
        "            not watched: address (needs several addresses)",
        " tail       slowest 0.96 % (above ",
        " CPU                   main   98 %",
    ):
        assert part in text, part


def test_a_quiet_run_is_quiet() -> None:
    result = analyse(rd.build([rd.steady(100, 5)], 5))
    assert lines(result) == []
    assert "hint" not in as_text(result)
    assert lines(result, verbose=True)[0].startswith(" hints      not watched: network (needs ")


def test_names_from_outside_are_cleaned() -> None:
    evil = "\x1b[31mred\x1b[0m\n\x07"
    load = rd.steady(100, 30, error=np.where(np.arange(3_000) // 100 == 20, 40, 0), name=evil)
    data = rd.build([load], 30)
    data = watched.with_probe(data, {"cpu_share": np.ones(30)}, name=evil)
    data = replace(data, events=watched.event(evil, 15, 20))
    text = "\n".join(lines(analyse(data), verbose=True))
    assert "red" in text
    assert "\x1b" not in text
    assert "\x07" not in text
