"""What the gate phases of a suite make of the run's verdict."""

from collections.abc import Sequence

from velroload.analysis.result import PhaseResult
from velroload.plan.threshold import Verdict

WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.PASS)


def with_gates(
    suite: Sequence[PhaseResult], verdict: Verdict, why: str, judged: bool
) -> tuple[Verdict, str]:
    """The verdict of the run from that of its own thresholds (`judged`: there are some, or it
    failed as a whole) and of its gate phases: the worst of them."""
    gates = [phase for phase in suite if phase.gate]
    if not gates:
        left = "no phase is a gate: they inform"
        return (verdict, why) if judged or verdict != Verdict.PASS else (verdict, left)
    worst = min((Verdict(gate.verdict) for gate in gates), key=WORST_FIRST.index)
    counts = judged or verdict == Verdict.FAIL
    if counts and WORST_FIRST.index(verdict) < WORST_FIRST.index(worst):
        return verdict, why
    those = [gate.name for gate in gates if gate.verdict == worst]
    if worst == Verdict.PASS:
        text = f"{_counted(len(gates), 'gate phase')} {'hold' if len(gates) > 1 else 'holds'}"
        return worst, f"{text}; {why}" if judged else text
    said = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "not settled"}.get(worst, "not measured")
    return worst, f"{len(those)} of {_counted(len(gates), 'gate phase')} {said}: {those[0]}" + (
        f" and {len(those) - 1} more" if len(those) > 1 else ""
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"
