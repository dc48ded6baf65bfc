"""The one door of the room: a run folder's data in, everything that can be said of it out."""

from velroload.analysis.beyond import capacity_of_run, drift_of_run, fidelity_of_run
from velroload.analysis.failures import failures
from velroload.analysis.hints import with_hints
from velroload.analysis.hold import in_hold
from velroload.analysis.requirements import judge_compliance
from velroload.analysis.result import (
    INVALID,
    PhaseResult,
    Result,
    Summary,
    ThresholdResult,
    Validity,
)
from velroload.analysis.sessions import sessions_of
from velroload.analysis.suite import judge_of_phases, judge_suite, split, suite_reasons
from velroload.analysis.summary import summarise
from velroload.analysis.validity import assess, with_reasons
from velroload.analysis.verdict import judge_thresholds, overall, unclaimed
from velroload.analysis.watched import watched
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData


def analyse(data: RunData) -> Result:
    """Figures, validity and verdict of a run. Pure: the same data gives the same result.

    Works on any run folder, however short the run was cut: what is missing is None in the result
    and the run then is incomplete. ConfigError when the manifest's thresholds cannot be read.
    """
    end = data.end or {}
    incomplete = _incomplete(data)
    held = in_hold(data)
    summary = summarise(data, held)
    suite = judge_suite(data, incomplete)
    results, validity = _thresholds(data, held, summary, suite, incomplete)
    compliance, validity = judge_compliance(
        data, summary, validity, suite=suite, incomplete=bool(incomplete)
    )
    verdict, why, codes = overall(
        summary,
        validity,
        results,
        ended=end.get("ended"),
        reason=end.get("reason"),
        incomplete=incomplete,
        compliance=compliance,
        suite=suite,
    )
    result = Result(
        manifest=data.manifest,
        ledger=end.get("ledger") or {},
        ended=end.get("ended"),
        reason=end.get("reason"),
        incomplete=incomplete,
        notes=tuple(data.notes),
        verdict=str(verdict),
        why=why,
        validity=validity,
        thresholds=results,
        summary=summary,
        failures=failures(data),
        codes=codes,
        sessions=sessions_of(data),
        compliance=compliance,
        drift=drift_of_run(data, summary, validity, suite),
        capacity=capacity_of_run(data, suite),
        fidelity=fidelity_of_run(data, summary, validity, suite),
        suite=suite,
        watched=watched(data, held, summary),
    )
    return with_hints(result, data, held)


def _thresholds(
    data: RunData,
    held: RunData,
    summary: Summary,
    suite: tuple[PhaseResult, ...],
    incomplete: tuple[str, ...],
) -> tuple[tuple[ThresholdResult, ...], Validity]:
    """The plan's thresholds in its order, those of one phase judged there, and the validity that
    they were judged under."""
    plan = data.manifest.get("plan") or {}
    thresholds = [parse_threshold(text) for text in plan.get("thresholds") or []]
    of_all, of_one = split(thresholds, suite)
    whole = not suite or bool(of_all)
    validity = assess(data, held, summary, of_all, of_hold=whole)
    results, validity = judge_thresholds(data, held, summary, validity, of_all)
    if incomplete:
        results = unclaimed(results, "the run is incomplete")
    elif validity.verdict == INVALID:
        results = unclaimed(results, "the run is INVALID")
    if not suite:
        return results, validity
    judged, reasons = judge_of_phases(data, suite, of_one, incomplete)
    judged |= {result.text: result for result in results}
    results = tuple(judged[threshold.source] for threshold in thresholds)
    return results, with_reasons(validity, [*suite_reasons(suite), *reasons])


def _incomplete(data: RunData) -> tuple[str, ...]:
    if data.end is None:
        return ("the run has no end: its coordinator was killed while it ran", *data.notes)
    return tuple(data.end.get("incomplete") or ())
