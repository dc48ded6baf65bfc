"""recovery(EVENT) < 30s: is all as it was before the event, and how soon?"""

from collections.abc import Collection

from velroload.analysis.hold import phase_rows
from velroload.analysis.outcome import outcome
from velroload.analysis.resilience import Recovery, recovery_of
from velroload.analysis.result import ThresholdResult
from velroload.plan.threshold import Threshold, Verdict
from velroload.rundata import RunData

DISTURBED = "the generator was disturbed while the target recovered"


def judge_recovery(
    data: RunData, threshold: Threshold, ids: Collection[int], bad_seconds: Collection[int]
) -> ThresholdResult:
    """`bad_seconds`: those that the generator cannot vouch for: they void a FAIL."""
    names = {row["name"] for row in phase_rows(data)}
    found = recovery_of(data, threshold.subject, ids, names.pop() if len(names) == 1 else None)
    if found.why is not None:
        return outcome(threshold, Verdict.NOT_MEASURED, why=found.why)
    seconds = found.watched_s if found.back_s is None else found.back_s
    observed = None if found.back_s is None else found.back_s * 1e9
    verdict = Verdict.PASS if threshold.holds(seconds * 1e9) else Verdict.FAIL
    if observed is None and verdict == Verdict.PASS:
        verdict = Verdict.INCONCLUSIVE  # it may have been in time, had the hold been longer
    first = int(found.at_s)
    disturbed = any(first <= second <= first + seconds for second in bad_seconds)
    suspect = DISTURBED if disturbed and verdict == Verdict.FAIL else None
    return outcome(
        threshold,
        Verdict.INCONCLUSIVE if suspect else verdict,
        observed=observed,
        count=round(found.watched_s),
        why=_words(found),
        suspect=suspect,
    )


def _words(found: Recovery) -> str:
    if found.onset_s is None:
        return "nothing changed" if found.back_s is not None else "too short a time to tell"
    text = f"from {found.onset_s:.1f} s on up to {100 * found.depth:.0f} % fewer good answers, "
    text += f"{found.lost:,} missing and {found.failed:,} failed"
    if found.back_s is None:
        return f"{text}; not as before in the {found.watched_s:.0f} s of the hold that were left"
    return text
