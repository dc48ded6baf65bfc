"""The phases of a suite: each judged over its own hold, and what they make of the whole run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from velroload.analysis.hold import (
    SECOND_NS,
    ended_ns,
    hold_ns,
    hold_window,
    hold_windows,
    in_hold,
    of_phase,
)
from velroload.analysis.marks import mark_of
from velroload.analysis.result import (
    INVALID,
    NOTE,
    SUSPECT,
    PhaseResult,
    Reason,
    Series,
    Summary,
    ThresholdResult,
    Validity,
)
from velroload.analysis.seconds import hold_seconds
from velroload.analysis.summary import summarise
from velroload.analysis.validity import assess, with_reasons
from velroload.analysis.verdict import judge_thresholds, unclaimed, verdict_of
from velroload.analysis.watched import EDGE_S, breaker_changes, watched
from velroload.analysis.watching import Watched
from velroload.plan.threshold import Threshold, Verdict, parse_threshold
from velroload.rundata import RunData


def judge_suite(data: RunData, incomplete: Sequence[str] = ()) -> tuple[PhaseResult, ...]:
    """Every phase of the manifest's suite, in order; () for a plan without phases."""
    return tuple(judge_phase(data, row, incomplete) for row in data.manifest.get("suite") or [])


def judge_phase(data: RunData, row: dict[str, Any], incomplete: Sequence[str]) -> PhaseResult:
    """One phase, by its row of the manifest's suite."""
    name = row["name"]
    whole = view_of(data, row)
    held = in_hold(whole)
    thresholds = [parse_threshold(text) for text in row.get("thresholds") or []]
    summary = summarise(whole, held)
    validity = assess(whole, held, summary, thresholds, of_run=False)
    validity = with_reasons(validity, list(_events(whole, row)))
    results, validity = judge_thresholds(whole, held, summary, validity, thresholds)
    reached = hold_ns(whole) > 0
    verdict, why, results = _verdict(whole, summary, validity, results, reached, incomplete)
    return PhaseResult(
        name=name,
        gate=bool(row.get("gate")),
        verdict=str(verdict),
        why=why,
        thresholds=results,
        summary=_own_seconds(whole, summary),
        validity=_own_validity(whole, validity),
        judges=tuple(row.get("judges") or ()),
        reached=reached,
        watched=_seen(whole, held, summary) if reached else None,
    )


def view_of(data: RunData, row: dict[str, Any]) -> RunData:
    """The run with this phase's ramp, hold and cool-down only, and the load that it was under."""
    view = of_phase(data, row["name"])
    model = row.get("model")
    return view if model is None else view.view(view.manifest | {"model": model})


def _seen(whole: RunData, held: RunData, summary: Summary) -> Watched:
    """What probes saw of this phase."""
    first_ns, last_ns = hold_window(whole)
    low_s, high_s = first_ns / SECOND_NS - EDGE_S, last_ns / SECOND_NS + EDGE_S
    near = [row for row in whole.probes if low_s <= row["time_s"] <= high_s]
    found = watched(whole.view(probes=near), held, summary)
    rows = whole.manifest["phases"]
    span = first_ns, last_ns
    if rows:
        span = rows[0]["start_ns"], min(rows[-1]["end_ns"] or last_ns, ended_ns(whole))
    return replace(found, breakers=breaker_changes(whole, span), probes=())


def _verdict(
    whole: RunData,
    summary: Summary,
    validity: Validity,
    results: tuple[ThresholdResult, ...],
    reached: bool,
    incomplete: Sequence[str],
) -> tuple[Verdict, str, tuple[ThresholdResult, ...]]:
    """The verdict, what it rests on, and the results, withdrawn where nothing can be claimed."""
    end = whole.end or {}
    done = all(stop <= ended_ns(whole) for _, stop in _planned_windows(whole))
    ended = "planned" if done else end.get("ended")
    if not reached:
        why = "the run ended before its hold"
        if ended == "aborted" and any(phase.count for phase in summary.phases):
            return Verdict.FAIL, f"aborted: {end.get('reason')}", unclaimed(results, why)
        return Verdict.NOT_MEASURED, why, unclaimed(results, why)
    if incomplete:
        why = "the run is incomplete"
        return Verdict.NOT_MEASURED, why, unclaimed(results, why)
    if validity.verdict == INVALID:
        results = unclaimed(results, "the phase is INVALID")
        return Verdict.NOT_MEASURED, f"INVALID: {validity.reasons[0].text}", results
    verdict, why = verdict_of(summary, results, ended, end.get("reason"))
    return verdict, why, results


def _planned_windows(whole: RunData) -> list[tuple[int, int]]:
    rows = whole.manifest.get("phases") or []
    return [(row["start_ns"], row["end_ns"]) for row in rows if row.get("kind") == "hold"]


def _events(whole: RunData, row: dict[str, Any]) -> Iterator[Reason]:
    """What the plan wanted done to the target and was not: then the phase is not what was meant."""
    last = ended_ns(whole)
    for event in row.get("events") or []:
        seen = mark_of(whole, event["name"], row["name"])
        why = "it did not happen"
        if seen is not None and seen.failed is not None:
            why = seen.failed or "no reason is known"
        elif seen is not None or event["at_ns"] >= last:
            continue
        yield Reason(SUSPECT, "event_failed", f"event {event['name']} failed: {why}")


def _own_seconds(whole: RunData, summary: Summary) -> Summary:
    """The series of the phase's own seconds only."""
    rows = whole.manifest.get("phases") or []
    if not rows:
        return summary
    first = rows[0]["start_ns"] // SECOND_NS
    stop = -(-(rows[-1]["end_ns"] or ended_ns(whole)) // SECOND_NS)
    chosen = slice(first, stop)
    series = summary.series
    cut = Series(
        second=series.second[chosen],
        sent=series.sent[chosen],
        completed=series.completed[chosen],
        failed=series.failed[chosen],
        p50_ns=series.p50_ns[chosen],
        p95_ns=series.p95_ns[chosen],
        p99_ns=series.p99_ns[chosen],
    )
    return replace(summary, series=cut)


def _own_validity(whole: RunData, validity: Validity) -> Validity:
    """The bad seconds and stalls of the hold only."""
    hold = hold_seconds(whole)
    windows = hold_windows(whole)
    return replace(
        validity,
        bad_seconds=tuple(bad for bad in validity.bad_seconds if bad.second in hold),
        stalls=tuple(
            stall
            for stall in validity.stalls
            if any(start <= stall[0] < end for start, end in windows)
        ),
    )


def split(
    thresholds: Sequence[Threshold], suite: Sequence[PhaseResult]
) -> tuple[list[Threshold], dict[str, list[Threshold]]]:
    """Thresholds of the plan over all holds, and those `of phase:NAME` by the phase."""
    names = {phase.name for phase in suite}
    of_all: list[Threshold] = []
    of_one: dict[str, list[Threshold]] = {}
    for threshold in thresholds:
        chosen = threshold.selector
        if chosen is not None and chosen.kind == "phase" and chosen.name in names:
            of_one.setdefault(chosen.name, []).append(replace(threshold, selector=None))
        else:
            of_all.append(threshold)
    return of_all, of_one


def judge_of_phases(
    data: RunData,
    suite: Sequence[PhaseResult],
    of_one: dict[str, list[Threshold]],
    incomplete: Sequence[str] = (),
) -> tuple[dict[str, ThresholdResult], list[Reason]]:
    """The plan's thresholds `of phase:NAME`, by their text, and what speaks against them."""
    rows = {row["name"]: row for row in data.manifest.get("suite") or []}
    found: dict[str, ThresholdResult] = {}
    reasons: list[Reason] = []
    for phase in suite:
        thresholds = of_one.get(phase.name)
        if not thresholds:
            continue
        whole = view_of(data, rows[phase.name])
        held = in_hold(whole)
        results, validity = judge_thresholds(
            whole, held, summarise(whole, held), phase.validity, thresholds
        )
        if not phase.reached:
            results = unclaimed(results, "the run ended before its hold")
        elif incomplete:
            results = unclaimed(results, "the run is incomplete")
        elif validity.verdict == INVALID:
            results = unclaimed(results, f"phase {phase.name} is INVALID")
        found |= {result.text: result for result in results}
        reasons += _told(phase.name, validity, gate=True)
    return found, reasons


def suite_reasons(suite: Sequence[PhaseResult]) -> list[Reason]:
    """What speaks against a gate phase speaks against the run; of the others it is a note."""
    return [reason for p in suite for reason in _told(p.name, p.validity, gate=p.gate)]


def _told(name: str, validity: Validity, *, gate: bool) -> list[Reason]:
    return [
        replace(reason, level=reason.level if gate else NOTE, text=f"phase {name}: {reason.text}")
        for reason in validity.reasons
        if reason.level != NOTE
    ]
