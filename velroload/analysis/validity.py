"""Can the generator vouch for this run? VALID | SUSPECT | INVALID, from the run folder's evidence.

INVALID rules stand here, each a function of its own that gives reasons; what merely might have
moved a figure is priced per claim (verdict.py), because a rule that cries wolf on every shared
machine is worthless. Limits: MEASURE's list, as constants below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from velroload.analysis.books import command_of, evidence, ledger
from velroload.analysis.cells import slices
from velroload.analysis.hold import SECOND_NS
from velroload.analysis.interval import samples_needed
from velroload.analysis.remarks import over_unix, remarks
from velroload.analysis.result import (
    INVALID,
    NOTE,
    SUSPECT,
    BadSecond,
    Quantity,
    Reason,
    Row,
    Summary,
    Validity,
)
from velroload.analysis.seconds import bad_seconds, busy_share, hold_seconds, stalls, steal_share
from velroload.analysis.summary import is_flow
from velroload.analysis.unsent import unsent
from velroload.plan.threshold import Threshold
from velroload.rundata import RunData

LITTLE_SHARE = 0.005
LITTLE_EDGE_NS = 1_000_000
"""Per worker: its two sums are not taken at the same instant."""
LITTLE_REQUESTS = 1_000
SENT_SHARE = 0.99
USER_CLOCK_SHARE = 0.10
BAD_SHARE = 0.25
BUSY_SHARE = 0.5
ADDED_SHARE = 0.10
ADDED_NS = 2_000_000
"""MEASURE's limit for generator lag p99; less is not worth a word when no threshold was set."""
RING_HIGH_WATER = 0.5
QUIET = "keep other work off the workers' CPUs, then"


def assess(
    data: RunData,
    held: RunData,
    summary: Summary,
    thresholds: Sequence[Threshold],
    *,
    of_run: bool = True,
    of_hold: bool = True,
) -> Validity:
    """The validity that follows from evidence; verdict.py adds what its claims turn up.

    `held`: what counts of the run. Ledger, Little's law and what was not sent are of all of it; in
    a suite what was not sent is of its holds. `of_run`, `of_hold`: look at what concerns the whole
    run (ledger, machine), and at what concerns what counts of it.
    """
    bad = bad_seconds(data)
    hold = hold_seconds(data)
    share = sum(1 for entry in bad if entry.second in hold) / len(hold) if hold else 0.0
    missing, missing_share, limited = unsent(data, held)
    clock = None if over_unix(data) else _user_clock_share(summary)
    reasons: list[Reason] = []
    if of_run:
        reasons += [*_ledger(data), *_little(data), *_machine(data), *remarks(data)]
        reasons += [*_incomplete(data)]
    if of_hold:
        reasons += [*_load(data, missing, missing_share, limited), *_clock(data, clock)]
        reasons += [*_bad(data, bad, share), *_busy(data, thresholds), *_steal(data)]
        reasons += [] if thresholds else _figures(held, summary, bad, share)
    return with_reasons(
        Validity(
            verdict="VALID",
            reasons=(),
            bad_seconds=tuple(bad),
            bad_share=share,
            stalls=tuple((at, length) for at, length, _ in stalls(data)),
            user_clock_share=clock,
            unsent=missing,
            unsent_share=missing_share,
        ),
        reasons,
    )


def with_reasons(validity: Validity, more: Sequence[Reason]) -> Validity:
    """The same with more reasons, the strongest first; the strongest decides."""
    order = (INVALID, SUSPECT, NOTE)
    reasons = sorted((*validity.reasons, *more), key=lambda reason: order.index(reason.level))
    strongest = reasons[0].level if reasons else NOTE
    verdict = "VALID" if strongest == NOTE else strongest
    return replace(validity, verdict=verdict, reasons=tuple(reasons))


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"


def again(data: RunData, flags: str = "") -> str:
    """The command that repeats the run where nothing disturbs it, with more flags."""
    return f"{QUIET} {command_of(data, flags)}"


def _workers(data: RunData) -> int:
    return max(1, len(data.manifest.get("workers") or []))


def _ledger(data: RunData) -> Iterator[Reason]:
    report = "this is a fault of velroload: keep the run folder and report it"
    for problem in ((data.end or {}).get("ledger") or {}).get("problems") or []:
        yield Reason(INVALID, "ledger", f"the ledger does not add up: {problem}", report)
    lost = ledger(data, "samples").get("lost") or 0
    if lost:
        pushed = ledger(data, "samples").get("pushed") or lost
        yield Reason(
            INVALID,
            "lost_samples",
            f"{lost:,} of {pushed:,} samples were lost: the coordinator could not keep up",
            "leave it a CPU of its own: " + command_of(data, f"-w {_workers(data) - 1}")
            if _workers(data) > 1
            else f"keep other work off its CPU, or lower the load, then {command_of(data)}",
        )
    for worker in evidence(data).get("workers") or []:
        high = worker.get("ring_high_water")
        if not lost and high is not None and high > RING_HIGH_WATER:
            yield Reason(
                NOTE, "ring", f"worker {worker['index']}'s ring was up to {_percent(high)} full"
            )


def _little(data: RunData) -> Iterator[Reason]:
    law = evidence(data).get("littles_law") or {}
    if not law or (law.get("requests") or 0) < LITTLE_REQUESTS:
        return
    integral = law["integral_request_ns"]
    other = law["service_sum_ns"] + law["open_age_ns"]
    off = abs(integral - other)
    if off > LITTLE_SHARE * max(integral, other) + LITTLE_EDGE_NS * _workers(data):
        yield Reason(
            INVALID,
            "littles_law",
            f"Little's law is off by {_percent(off / max(integral, other))}: the requests in "
            "flight over time are not the sum of the service times",
            "this is a fault of velroload: keep the run folder and report it",
        )


def _load(data: RunData, missing: int, share: float, limited: bool) -> Iterator[Reason]:
    if not missing:
        return
    text = f"{missing:,} planned starts ({_percent(share)}) were not made"
    if share <= 1.0 - SENT_SHARE:
        yield Reason(NOTE, "unsent", text)
    elif limited:
        yield Reason(
            SUSPECT,
            "target_limited",
            f"{text}: every user was waiting for the target",
            "more users may wait at once: raise max_vus, or lower the rate",
        )
    else:
        yield Reason(
            INVALID,
            "unsent",
            f"{text}, though the target answered in time",
            "give it another worker: " + command_of(data, f"-w {_workers(data) + 1}"),
        )


def _user_clock_share(summary: Summary) -> float | None:
    counters = summary.total.counters
    stamped = counters["kernel_stamp"] + counters["user_clock"]
    return counters["user_clock"] / stamped if stamped else None


def _clock(data: RunData, share: float | None) -> Iterator[Reason]:
    if share is not None and share > USER_CLOCK_SHARE:
        yield Reason(
            INVALID,
            "user_clock",
            f"{_percent(share)} of the responses carry no kernel receive time: our own reading "
            "delays are inside their times",
            "run it where the kernel stamps packets (not gVisor or a user-space network): "
            + command_of(data),
        )


ADVICE = {
    "steal": "use a machine that is not shared, then",
    "throttled": "raise the container's CPU quota, then",
    " CPU ": "give it another worker:",
    "waited": QUIET,
    "heartbeat": QUIET,
    "froze": QUIET,
    "collection": "this is a fault of velroload, report it; meanwhile",
}
"""What mends a bad second, by a word of its cause."""


def _bad(data: RunData, bad: Sequence[BadSecond], share: float) -> Iterator[Reason]:
    hold = hold_seconds(data)
    for at, length, index in stalls(data):
        if data.manifest.get("suite") and at // SECOND_NS not in hold:
            continue
        yield Reason(
            NOTE,
            "stall",
            f"generator froze {length / 1e9:.2f} s at {at / 1e9:.1f} s (worker {index})",
        )
    inside = [entry for entry in bad if entry.second in hold]
    if not inside:
        return
    severe = [entry for entry in inside if entry.severe]
    causes = [cause for entry in severe or inside for cause in entry.causes]
    worst = max(ADVICE, key=lambda word: sum(word in cause for cause in causes))
    example = next((cause for cause in causes if worst in cause), causes[0])
    if len(severe) <= BAD_SHARE * len(hold):
        first = next(e.second for e in inside if example in e.causes)
        text = (
            f"{len(inside)} of {len(hold)} seconds of the hold were disturbed "
            f"({_percent(share)}), such as second {first}: {example}"
        )
        yield Reason(NOTE, "bad_seconds", text)
        return
    first = next(e.second for e in severe if example in e.causes)
    text = (
        f"{len(severe)} of {len(hold)} seconds of the hold cannot be vouched for "
        f"({_percent(len(severe) / len(hold))}), such as second {first}: {example}"
    )
    flags = f"-w {_workers(data) + 1}" if worst == " CPU " else ""
    yield Reason(INVALID, "bad_seconds", text, f"{ADVICE[worst]} {command_of(data, flags)}")


def _busy(data: RunData, thresholds: Sequence[Threshold]) -> Iterator[Reason]:
    model = data.manifest.get("model", {})
    share = busy_share(data)
    if model.get("open") or model.get("paced") or share <= BUSY_SHARE:
        return
    claimed = any(threshold.metric == "rate" for threshold in thresholds)
    yield Reason(
        INVALID if claimed else SUSPECT,
        "busy_worker",
        f"a worker's CPU was above 95 % for {_percent(share)} of the hold: the throughput is a "
        "lower bound of what the target can do",
        "give it another worker: " + command_of(data, f"-w {_workers(data) + 1}"),
    )


def _steal(data: RunData) -> Iterator[Reason]:
    stolen = steal_share(data)
    if stolen > BAD_SHARE:
        yield Reason(
            SUSPECT,
            "steal",
            f"the hypervisor took more than 10 % of the workers' CPUs in {_percent(stolen)} of the "
            "hold: even the kernel's stamps may be late",
            "use a machine that is not shared, then " + command_of(data),
        )


def _machine(data: RunData) -> Iterator[Reason]:
    profile = (data.manifest.get("build") or {}).get("profile", "release")
    if profile != "release":
        yield Reason(
            SUSPECT,
            "debug_core",
            f"the core is a {profile} build, several times slower than the real one",
            "build the release core: pip install .",
        )
    loose = [w["index"] for w in evidence(data).get("workers") or [] if not w.get("pinned", True)]
    if loose:
        names = ", ".join(str(index) for index in loose)
        yield Reason(
            SUSPECT,
            "not_pinned",
            f"worker {names} could not be pinned to a CPU",
            "allow sched_setaffinity in this container or service",
        )


def _incomplete(data: RunData) -> Iterator[Reason]:
    if data.end is None or data.end.get("incomplete"):
        yield Reason(SUSPECT, "incomplete", "part of the run is missing from these figures")


def _figures(
    data: RunData, summary: Summary, bad: Sequence[BadSecond], share: float
) -> Iterator[Reason]:
    """Without a threshold the p99 of the response time is the claim."""
    total = summary.total
    p99 = total.response.all.percentiles["p99"].value_ns
    if p99 is None:
        return
    ours = total.ours_p99_ns or 0
    if ours > max(ADDED_NS, ADDED_SHARE * p99):
        yield Reason(
            SUSPECT,
            "generator_lag",
            f"response p99: {p99 / 1e6:.3g} ms, of which the generator may have added up to "
            f"{ours / 1e6:.3g} ms; service time is untouched",
            again(data),
        )
        return
    good = p99_without(data, total, [entry.second for entry in bad]) if share else None
    if good is not None and abs(p99 - good) > max(ADDED_NS, ADDED_SHARE * p99):
        yield Reason(
            SUSPECT,
            "bad_seconds_matter",
            f"response p99 is {p99 / 1e6:.3g} ms, and {good / 1e6:.3g} ms without the bad seconds",
        )


def p99_without(data: RunData, row: Row, seconds: Sequence[int]) -> int | None:
    """p99 of the response time with some seconds left out; None where too little remains."""
    flow = [e["id"] for e in data.manifest.get("endpoints", []) if is_flow(e)]
    ids = flow if row.id is None else [row.id]
    kept = slices(data, Quantity.RESPONSE, ids).without(seconds)
    column = kept.column(0.99)
    if kept.totals().sum() < samples_needed(0.99) or column is None:
        return None
    return kept.upper_ns(column)
