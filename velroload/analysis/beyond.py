"""What is said beyond the judgement, of the run as a whole: drift, capacity, load fidelity."""

from collections.abc import Sequence

from velroload.analysis.capacity import capacity_of
from velroload.analysis.drifting import ENDURANCE_LEAST_S, drifts
from velroload.analysis.fidelity import fidelity_of
from velroload.analysis.hold import SECOND_NS
from velroload.analysis.outlook import Capacity, Drift, Fidelity
from velroload.analysis.result import PhaseResult, Summary, Validity
from velroload.analysis.scope import Scope, phase_scope, run_scope
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData


def drift_of_run(
    data: RunData, summary: Summary, validity: Validity, suite: Sequence[PhaseResult]
) -> tuple[Drift, ...]:
    """Of the longest hold: that of the run, or of the suite's longest phase; nothing below ten
    minutes: a slope of seconds, told per hour, is noise. Series that are too short for a trend are
    left out."""
    scope = _longest(data, summary, validity, suite)
    start, end = scope.window_ns
    if end - start < ENDURANCE_LEAST_S * SECOND_NS:
        return ()
    return tuple(drift for drift in drifts(scope) if drift.trend is not None)


def capacity_of_run(data: RunData, suite: Sequence[PhaseResult]) -> Capacity | None:
    """Of the phases that were reached and can be vouched for; None without a suite."""
    sound = [phase for phase in suite if phase.reached and phase.validity.verdict != "INVALID"]
    if len(sound) < 2:
        return None
    texts = {row.get("name"): row.get("thresholds") or [] for row in data.manifest["suite"]}
    thresholds = {
        phase.name: [parse_threshold(text) for text in texts.get(phase.name, [])] for phase in sound
    }
    return capacity_of(sound, [phase_scope(data, phase) for phase in sound], thresholds)


def fidelity_of_run(
    data: RunData, summary: Summary, validity: Validity, suite: Sequence[PhaseResult]
) -> Fidelity | None:
    """Of the longest hold; None for a run that sent nothing."""
    scope = _longest(data, summary, validity, suite)
    return fidelity_of(scope) if len(data.part("counts", None)) else None


def _longest(
    data: RunData, summary: Summary, validity: Validity, suite: Sequence[PhaseResult]
) -> Scope:
    reached = [phase for phase in suite if phase.reached]
    if not reached:
        return run_scope(data, summary, validity)
    return phase_scope(data, max(reached, key=lambda phase: phase.summary.hold_s))
