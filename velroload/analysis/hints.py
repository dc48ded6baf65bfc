"""All that is a hint and no figure or verdict: findings, advice, bursts, tail, resilience, use."""

from dataclasses import replace

from velroload.analysis.advice import recommendations
from velroload.analysis.bottlenecks import bottlenecks
from velroload.analysis.bursts import bursts
from velroload.analysis.incidents import broken, resilience
from velroload.analysis.modes import modes
from velroload.analysis.result import NOTE, Result, Validity
from velroload.analysis.scene import Scene
from velroload.analysis.tail import tail
from velroload.analysis.utilisation import utilisation
from velroload.analysis.validity import with_reasons
from velroload.rundata import RunData


def with_hints(result: Result, data: RunData, held: RunData) -> Result:
    """The result and what it hints at. `held`: what counts of the run (hold.in_hold)."""
    judged = [each for phase in result.suite for each in phase.thresholds]
    scene = Scene(data, held, result.summary, _validity(result), (*result.thresholds, *judged))
    findings, examined = bottlenecks(scene)
    return replace(
        result,
        bursts=bursts(data),
        examined=examined,
        findings=findings,
        recommendations=recommendations(scene, findings),
        tail=tail(data, held),
        modes=modes(data, held),
        resilience=resilience(scene),
        broken=broken(scene),
        utilisation=utilisation(scene),
    )


def _validity(result: Result) -> Validity:
    """The run's, with what speaks against the generator in phases that are no gate: these are notes
    to the verdict, and still cast doubt on what was seen in them."""
    reasons = [
        replace(reason, text=f"phase {phase.name}: {reason.text}")
        for phase in result.suite
        if not phase.gate
        for reason in phase.validity.reasons
        if reason.level != NOTE
    ]
    return with_reasons(result.validity, reasons)
