"""What the accuracy bench measures: servers that delay, tools that load them, and the limits."""

from dataclasses import dataclass

CONNECTIONS = 20
OPEN_RATE = 500
STALL_MS = (5.0, 1000.0, 5000.0)
"""Base, stall and period."""

LAG_LIMITS_MS = {"": 2.0, "spin": 0.5}
"""p99 of generator lag at 500/s, core idle: sleeping and spinning."""

BARE_SPIN_US = {"": 0, "spin": 500}
"""How early the bare timer loop wakes up; velroload's own is 50 to 500 us."""


@dataclass(frozen=True, slots=True)
class Case:
    """A delay model and how velroload loads it; `idle` is velroload's idle strategy."""

    name: str
    delay: str
    open_load: bool = False
    idle: str = ""
    beside: str = "wrk"


CASES = {
    "fixed": (Case("fixed", "fixed:10"),),
    "bimodal": (Case("bimodal", "bimodal:5:100:0.05"),),
    "lognormal": (Case("lognormal", "lognormal:10:0.5"),),
    "stall": (Case("stall", "stall:{:g}:{:g}:{:g}".format(*STALL_MS), open_load=True),),
    "lag": (
        Case("lag", "fixed:10", open_load=True, beside="timerfd"),
        Case("lag-spin", "fixed:10", open_load=True, idle="spin", beside="timerfd"),
    ),
}
"""Measured in this order, one after the other. `timerfd` is bench/lag.c: no request at all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table."""

    case: Case
    condition: str
    tool: str


def entries_for(case_name: str, conditions: list[str]) -> list[Entry]:
    """All rows of a case; the bare timer loop only where the lag is judged."""
    return [
        Entry(case, condition, tool)
        for case in CASES[case_name]
        for condition in conditions
        for tool in ("velroload", case.beside)
        if tool != "timerfd" or condition == "quiet"
    ]


def seconds_for(case: Case, seconds: int) -> int:
    """A stall is measured over whole periods, two at least."""
    period_s = int(STALL_MS[2] // 1000)
    return max(2, -(-seconds // period_s)) * period_s if case.name == "stall" else seconds
