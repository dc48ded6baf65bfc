"""Rows of data sets and the users who need them: where each begins, and whether they suffice."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from velroload.errors import ConfigError
from velroload.load.schedule import ROW, Schedule, Share, derive_seed
from velroload.plan.flow import Take
from velroload.plan.model import Plan
from velroload.protocol.layout import AT_ENDS, PICKS
from velroload.protocol.program import Program
from velroload.protocol.table import Table

SHUFFLES = 1 << 16
"""Seeds of shuffles are drawn from this number on: scenarios have those below."""

Shares = Sequence[Sequence[Share]]
"""Per worker its share of each scenario's schedule."""


def table_settings(
    plan: Plan, program: Program, schedules: Sequence[Schedule]
) -> list[dict[str, Any]]:
    """Per data set what an engine has to know of it. firsts: per scenario the number of its first
    user, among all who have rows of their own."""
    return [
        {
            "pick": PICKS[table.pick],
            "at_end": AT_ENDS[at_end_of(table)],
            "seed": derive_seed(plan.seed, SHUFFLES + number),
            "firsts": firsts(program, schedules, number),
        }
        for number, table in enumerate(program.tables)
    ]


def at_end_of(table: Table) -> str:
    """Circular, random and shuffled rows have no end."""
    return "repeat" if table.pick in ("circular", "random", "shuffle") else table.at_end


def firsts(program: Program, schedules: Sequence[Schedule], number: int) -> list[int]:
    """Scenarios that do not use the data set take up no numbers."""
    found, first = [], 0
    for compiled, each in zip(program.scenarios, schedules, strict=True):
        found.append(first)
        if any(bits >> number & 1 for bits in compiled.rows):
            first += each.peak_vus
    return found


def require_rows(
    plan: Plan, program: Program, schedules: Sequence[Schedule], shares: Shares
) -> None:
    """ConfigError when a data set that is to fail the run at its end is known to come to it."""
    for number, table in enumerate(program.tables):
        if at_end_of(table) != "fail":
            continue
        needed = rows_needed(plan, program, schedules, shares, number)
        if needed is not None and needed > table.rows:
            raise ConfigError(
                f"data {table.name}: it has {table.rows:,} row(s), and the run needs "
                f"{needed:,}, for worker w of n takes w, w + n, …; add rows, or write "
                "at_end: stop or repeat"
            )


def rows_needed(
    plan: Plan, program: Program, schedules: Sequence[Schedule], shares: Shares, number: int
) -> int | None:
    """How many rows there have to be, so that each worker has enough; None where nobody knows."""
    most = 0
    for worker, own in enumerate(shares):
        total = 0
        for index, (each, share) in enumerate(zip(schedules, own, strict=True)):
            need = _needed_by(plan, program, each, share, index, number)
            if need is None:
                return None
            total += need
        if total:
            most = max(most, (total - 1) * len(shares) + worker + 1)
    if program.tables[number].pick != "unique":
        return most
    return firsts(program, [*schedules], number)[-1] + (
        schedules[-1].peak_vus if any(b >> number & 1 for b in program.scenarios[-1].rows) else 0
    )


def _needed_by(
    plan: Plan, program: Program, each: Schedule, share: Share, index: int, number: int
) -> int | None:
    """What one worker takes for one scenario."""
    setup, once, every = (bool(bits >> number & 1) for bits in program.scenarios[index].rows)
    if not (setup or once or every):
        return 0
    name = program.tables[number].name
    steps = plan.scenarios[index].every_step
    if any(isinstance(step, Take) and step.data == name for step in steps):
        return None
    if (once or setup) and each.is_open and each.users is None:
        return None  # users begin as they are needed
    users = share.max_vus if once or setup else 0
    if not every:
        return users
    if each.is_open:
        return users + int(np.frombuffer(share.arrivals, ROW)["count"].sum())
    if share.iterations is None or each.end_ns is not None:
        return None
    return users + share.iterations
