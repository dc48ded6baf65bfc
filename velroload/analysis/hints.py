"""All that is a hint and no figure or verdict: findings, advice, bursts, tail, resilience, use."""

from dataclasses import replace

from velroload.analysis.advice import recommendations
from velroload.analysis.bottlenecks import bottlenecks
from velroload.analysis.bursts import bursts
from velroload.analysis.incidents import broken, resilience
from velroload.analysis.modes import modes
from velroload.analysis.result import Result
from velroload.analysis.scene import Scene
from velroload.analysis.tail import tail
from velroload.analysis.utilisation import utilisation
from velroload.runfolder import RunData


def with_hints(result: Result, data: RunData, held: RunData) -> Result:
    """The result and what it hints at. `held`: what counts of the run (hold.in_hold)."""
    scene = Scene(data, held, result.summary, result.validity, result.thresholds)
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
