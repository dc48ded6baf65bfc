"""What is claimed of a run: each threshold judged, then the whole.

A figure is PASS or FAIL only when its 95 % bound (one-sided) says so, else INCONCLUSIVE. The sign
of every disturbance is used: response time contains generator lag, which can make a FAIL and never
a PASS; load that was not sent can make a PASS and never a FAIL; service time knows neither.
"""

from collections.abc import Sequence
from dataclasses import replace

from velroload.analysis.claims import LAG_DID_IT, SECONDS_DID_IT, Claim, judge_claim
from velroload.analysis.compliance import Compliance
from velroload.analysis.gates import WORST_FIRST, with_gates
from velroload.analysis.result import (
    INVALID,
    SUSPECT,
    PhaseResult,
    Reason,
    Summary,
    ThresholdResult,
    Validity,
)
from velroload.analysis.validity import again, with_reasons
from velroload.errors import Exit, strongest
from velroload.plan.threshold import Threshold, Verdict
from velroload.rundata import RunData

ENDED = {
    "interrupted": Exit.INTERRUPTED,
    "terminated": Exit.TERMINATED,
    "aborted": Exit.ABORTED,
}

SIGNED = ("voided", "generator_lag", "bad_seconds_matter")
"""Reasons that can void a FAIL, or were priced already: they say nothing against another PASS."""


def judge_thresholds(
    data: RunData,
    held: RunData,
    summary: Summary,
    validity: Validity,
    thresholds: Sequence[Threshold],
) -> tuple[tuple[ThresholdResult, ...], Validity]:
    """Every threshold with its verdict, and the validity with what the claims have turned up.
    `held`: what counts of the run."""
    claim = Claim(held, data, summary, validity)
    results = [judge_claim(claim, threshold) for threshold in thresholds]
    validity = with_voided(data, validity, results)
    doubt = doubt_of(validity)
    return tuple(
        replace(result, suspect=doubt) if doubt and result.verdict == Verdict.PASS else result
        for result in results
    ), validity


def with_voided(data: RunData, validity: Validity, results: Sequence[ThresholdResult]) -> Validity:
    """The validity with what these claims have turned up against the generator."""
    voided = [
        Reason(
            SUSPECT,
            "voided",
            f"{result.text}: {result.suspect}",
            again(data) if result.suspect in (LAG_DID_IT, SECONDS_DID_IT) else None,
        )
        for result in results
        if result.suspect
    ]
    return with_reasons(validity, voided)


def doubt_of(validity: Validity) -> str | None:
    """Why a PASS of this run is one in doubt; None where it is not."""
    for reason in validity.reasons:
        if reason.level == SUSPECT and reason.code not in SIGNED:
            return reason.text
    return None


def unclaimed(results: Sequence[ThresholdResult], why: str) -> tuple[ThresholdResult, ...]:
    """The same figures with every verdict withdrawn."""
    return tuple(
        replace(result, verdict=Verdict.NOT_MEASURED, why=why, suspect=None, needed=None)
        for result in results
    )


def overall(
    summary: Summary,
    validity: Validity,
    results: Sequence[ThresholdResult],
    *,
    ended: str | None,
    reason: str | None,
    incomplete: Sequence[str],
    compliance: Compliance | None = None,
    suite: Sequence[PhaseResult] = (),
) -> tuple[Verdict, str, tuple[Exit, ...]]:
    """The verdict on the run, what it rests on, and every exit code that holds."""
    codes = [ENDED[ended]] if ended in ENDED else []
    if incomplete:
        return Verdict.NOT_MEASURED, incomplete[0], (*codes, Exit.INVALID)
    if validity.verdict == INVALID:
        return Verdict.NOT_MEASURED, "nothing can be claimed", (*codes, Exit.INVALID)
    verdict, why = verdict_of(summary, results, ended, reason)
    if suite:
        verdict, why = with_gates(suite, verdict, why, bool(results))
    if compliance is not None:
        gated = any(phase.gate for phase in suite)
        verdict, why = _with(compliance, verdict, why, bool(results) or gated)
    code = {Verdict.PASS: Exit.PASS, Verdict.FAIL: Exit.FAIL}.get(verdict, Exit.INCONCLUSIVE)
    return verdict, why, (*codes, code)


def _with(compliance: Compliance, verdict: Verdict, why: str, judged: bool) -> tuple[Verdict, str]:
    """The verdict of the document and that of the thresholds: the worse, the document's first."""
    other = Verdict(compliance.verdict)
    if not judged and verdict == Verdict.PASS:
        return other, compliance.why
    worse = min(verdict, other, key=WORST_FIRST.index)
    return worse, compliance.why if worse == other else why


def verdict_of(
    summary: Summary, results: Sequence[ThresholdResult], ended: str | None, reason: str | None
) -> tuple[Verdict, str]:
    """The verdict of a run or a phase by its own thresholds, and what it rests on."""
    unheld = summary.total.count == 0 and any(phase.ok for phase in summary.phases)
    if summary.total.ok == 0 and not unheld:
        return Verdict.FAIL, "not one request succeeded"
    if ended == "aborted":
        return Verdict.FAIL, f"aborted: {reason or 'a rule of the plan'}"
    if unheld:
        return Verdict.INCONCLUSIVE, "it ended before its hold: nothing counts"
    found = [result.verdict for result in results]
    if not found:
        if ended in ("planned", "stopped"):
            return Verdict.PASS, "ran as planned; no threshold was set"
        return Verdict.INCONCLUSIVE, f"{ended or 'stopped'} before its planned end"
    passed = found.count(Verdict.PASS)
    failed = [result.text for result in results if result.verdict == Verdict.FAIL]
    if failed:
        return Verdict.FAIL, f"{len(failed)} of {len(found)} thresholds failed"
    if passed == len(found):
        return Verdict.PASS, "1 threshold holds" if passed == 1 else f"{passed} thresholds hold"
    left = len(found) - passed
    are = "is" if left == 1 else "are"
    return Verdict.INCONCLUSIVE, f"{left} of {len(found)} thresholds {are} not settled"


def exit_code(
    codes: Sequence[Exit],
    validity: Validity,
    *,
    strict: bool = False,
    inconclusive_passes: bool = False,
) -> Exit:
    """The process's exit code. strict: SUSPECT counts as inconclusive (97)."""
    kept = [c for c in codes if not (inconclusive_passes and c == Exit.INCONCLUSIVE)]
    if strict and validity.verdict == SUSPECT:
        kept.append(Exit.INCONCLUSIVE)
    return strongest(kept)
