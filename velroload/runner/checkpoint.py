"""stop_on: the run ends after a phase that failed, or that the generator cannot vouch for."""

from collections.abc import Callable

from velroload.analysis.result import INVALID
from velroload.analysis.suite import judge_phase
from velroload.engine.coordinator import Checkpoint
from velroload.load.suite import Span, spans_of
from velroload.plan.model import Plan
from velroload.plan.threshold import Verdict
from velroload.rundata import RunData

SETTLE_NS = 200_000_000
"""After the hold: what was answered last is still on its way through the rings."""
BEFORE_NEXT_NS = 1_000_000_000
"""The verdict needs its time before the next phase begins."""


def checkpoints_of(plan: Plan) -> tuple[Checkpoint, ...]:
    """One for each phase that says stop_on."""
    return tuple(_checkpoint(span) for span in spans_of(plan.phases) if span.phase.stop_on)


def _checkpoint(span: Span) -> Checkpoint:
    latest_ns = max(span.hold_end_ns, span.end_ns - BEFORE_NEXT_NS)
    return Checkpoint(span.phase.name, min(span.hold_end_ns + SETTLE_NS, latest_ns), latest_ns)


def judge_of(plan: Plan) -> Callable[[str, RunData], str | None]:
    """(phase, the run so far) → why the run ends after it, None where it goes on."""
    wanted = {phase.name: phase.stop_on for phase in plan.phases}

    def judge(name: str, data: RunData) -> str | None:
        row = next(row for row in data.manifest["suite"] if row["name"] == name)
        result = judge_phase(data, row, ())
        if wanted[name] == "invalid" and result.validity.verdict == INVALID:
            return f"phase {name} is INVALID: {result.validity.reasons[0].text}"
        if wanted[name] == "fail" and result.verdict == Verdict.FAIL:
            return f"phase {name} failed: {result.why}"
        return None

    return judge
