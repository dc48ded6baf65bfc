"""A document of requirements against a run: each requirement judged, the whole, the score.

Percentiles and shares are tested together: each answer at the level that Holm leaves it, so that
a document of many requirements is not passed or failed by luck. The verdict outranks the score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from velroload.analysis.claims import Claim, judge_claim
from velroload.analysis.compliance import BANDS, PASS_SUSPECT, Compliance, RequirementResult
from velroload.analysis.document import Part, Requirement, answering, document, scale_of
from velroload.analysis.drifting import stability
from velroload.analysis.interval import ONE_SIDED
from velroload.analysis.observed import (
    Finding,
    connections,
    hit_rate,
    layer_time,
    resource,
    users,
)
from velroload.analysis.result import INVALID, PhaseResult, Summary, ThresholdResult, Validity
from velroload.analysis.scope import Scope, phase_scope, run_scope
from velroload.analysis.verdict import doubt_of, with_voided
from velroload.plan.threshold import Verdict, parse_threshold
from velroload.rundata import RunData

SETTLED = (Verdict.PASS, PASS_SUSPECT, Verdict.FAIL)
BY_CHANCE = ("percentile", "errors", "checks")
"""Metrics of which a verdict may be wrong by chance; the others were counted."""
WORST_FIRST = (Verdict.FAIL, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE, Verdict.PASS)


def wanted_of(data: RunData) -> Mapping[str, Any] | None:
    """What the run is held against: the manifest's own row, else its plan's."""
    found = data.manifest.get("requirements")
    return found or (data.manifest.get("plan") or {}).get("requirements")


def judge_compliance(
    data: RunData,
    summary: Summary,
    validity: Validity,
    *,
    suite: Sequence[PhaseResult] = (),
    incomplete: bool = False,
) -> tuple[Compliance | None, Validity]:
    """The document that the run is held against, judged, and the validity with what its claims have
    turned up; (None, validity) where there is none.

    summary: of the whole run; suite: its phases, judged.
    """
    wanted = wanted_of(data)
    rows = document(wanted) if wanted else ()
    if wanted is None or not rows:
        return None, validity
    scale = scale_of(wanted)
    asked = [_Asked(row, phase_of(row, data, wanted), bool(scale)) for row in rows]
    scopes: dict[str | None, Scope] = {phase.name: phase_scope(data, phase) for phase in suite}
    scopes[None] = run_scope(data, summary, validity)
    claims = _claims(asked, scopes)
    validity = with_voided(data, validity, [found for _, found in claims])
    judged = {asked.row.id: found for asked, found in claims}
    results = [_result(each, scopes, judged.get(each.row.id)) for each in asked]
    if incomplete or validity.verdict == INVALID:
        why = "the run is incomplete" if incomplete else "the run is INVALID"
        results = [
            replace(each, verdict=str(Verdict.NOT_MEASURED), why=why, suspect=None, needed=None)
            for each in results
        ]
    results = [_doubted(each, doubt_of(validity), scopes.get(each.phase)) for each in results]
    return conclude(str(wanted["use"]), wanted.get("phase"), results, scale), validity


def _doubted(
    result: RequirementResult, doubt: str | None, scope: Scope | None
) -> RequirementResult:
    """The result with what is in doubt of the run, or of its phase."""
    if scope is not None and scope.validity.verdict == INVALID:
        why = f"the phase is INVALID: {scope.validity.reasons[0].text}"
        return replace(result, verdict=str(Verdict.NOT_MEASURED), why=why, needed=None)
    doubt = doubt or (doubt_of(scope.validity) if scope is not None else None)
    if doubt and result.verdict == Verdict.PASS:
        return replace(result, verdict=PASS_SUSPECT, suspect=doubt)
    return result


WHOLE = "a scaled run cannot answer it: only the whole load shows it"
NOWHERE = "\0"
"""The phase of a requirement that no phase of this run answers."""


@dataclass(slots=True)
class _Asked:
    row: Requirement
    phase: str | None
    scaled: bool = False

    def unready(self, scope: Scope) -> str | None:
        """Why a scaled run does not answer it; None where it does."""
        if not self.scaled:
            return None
        return WHOLE if self.row.whole else scope.unready() if self.row.warm else None


def phase_of(row: Requirement, data: RunData, wanted: Mapping[str, Any]) -> str | None:
    """Which phase of the run answers a requirement, NOWHERE where none does. None: the whole run,
    which has no phases."""
    suite: list[Mapping[str, Any]] = data.manifest.get("suite") or []
    phases = [(str(phase["name"]), phase.get("judges") or ()) for phase in suite]
    chosen = wanted.get("phase")
    return (answering(row, phases, chosen and str(chosen)) or NOWHERE) if phases else None


def _claims(
    asked: Sequence[_Asked], scopes: Mapping[str | None, Scope]
) -> list[tuple[_Asked, ThresholdResult]]:
    """Those that are judged as thresholds. Holm's steps: all open ones at level / number of open
    ones, again while that settles one; passes and failures are families of their own."""
    open_ = [each for each in asked if each.row.sentence and each.phase in scopes]
    found: dict[str, ThresholdResult] = {}
    chancy = [each for each in open_ if parse_threshold(each.row.sentence).metric in BY_CHANCE]
    passed = failed = 0
    todo = open_
    while todo:
        left = len(chancy)
        tails = ONE_SIDED / max(1, left - passed), ONE_SIDED / max(1, left - failed)
        for each in todo:
            found[each.row.id] = _claim(each, scopes[each.phase], tails)
        verdicts = [found[each.row.id].verdict for each in chancy]
        before = passed, failed
        passed, failed = verdicts.count(Verdict.PASS), verdicts.count(Verdict.FAIL)
        todo = [
            each
            for each in chancy
            if found[each.row.id].verdict == Verdict.INCONCLUSIVE and not found[each.row.id].suspect
        ]
        if (passed, failed) == before:
            break
    return [(each, found[each.row.id]) for each in open_]


def _claim(each: _Asked, scope: Scope, tails: tuple[float, float]) -> ThresholdResult:
    chooses = each.row.chooses(list(scope.flow()))
    ids = [row["id"] for row in scope.flow() if chooses(row)]
    threshold = parse_threshold(each.row.sentence)
    chosen = None if threshold.selector is not None else ids
    claim = Claim(scope.held, scope.whole, scope.summary, scope.validity, *tails)
    return judge_claim(claim, threshold, chosen)


def _result(
    each: _Asked, scopes: Mapping[str | None, Scope], judged: ThresholdResult | None
) -> RequirementResult:
    if each.phase not in scopes:
        why = "no phase of this run answers it"
        return _of_finding(each, _first(each.row), Finding(Verdict.NOT_MEASURED, why))
    scope = scopes[each.phase]
    unready = each.unready(scope)
    if unready:
        return _of_finding(each, _first(each.row), Finding(Verdict.NOT_MEASURED, unready))
    if each.row.sentence:
        assert judged is not None
        return _of_threshold(each, scope, judged)
    return _of_parts(each, scope)


def _first(row: Requirement) -> Part:
    if row.parts:
        return row.parts[0]
    threshold = parse_threshold(row.sentence)
    return Part(row.sentence, threshold.op, threshold.limit, unit=threshold.unit)


def _of_threshold(each: _Asked, scope: Scope, found: ThresholdResult) -> RequirementResult:
    threshold = parse_threshold(each.row.sentence)
    verdict, why, needed = found.verdict, found.why, found.needed
    if not found.count and not found.infinite:
        verdict, needed = str(Verdict.NOT_MEASURED), None
        named = (
            each.row.endpoint
            or each.row.cls
            or (threshold.selector.name if threshold.selector else "")
        )
        if threshold.window_ns and len(scope.held.part("counts", None)):
            why = f"the hold is shorter than {threshold.window_ns / 1e9:g} s"
        else:
            why = f"no request of {named!r} was answered" if named else "no request was answered"
    elif found.suspect:
        why = found.suspect
    elif each.row.endpoint and not any(row.get("cls") == each.row.cls for row in scope.flow()):
        why = f"{why}; endpoint {each.row.endpoint}"
    where = "counters.npz: counts" if found.unit != "ns" else "histograms.npz: hist, response"
    return RequirementResult(
        id=each.row.id,
        title=each.row.title,
        verdict=verdict,
        observed=found.observed,
        low=found.low,
        high=found.high,
        op=threshold.op,
        limit=found.limit,
        unit=found.unit,
        count=found.count,
        what="requests",
        needed=needed,
        headroom=found.margin,
        phase=each.phase,
        evidence=where,
        why=why,
        infinite=found.infinite,
        suspect=found.suspect,
        critical=each.row.critical,
        weight=each.row.weight,
    )


def _of_parts(each: _Asked, scope: Scope) -> RequirementResult:
    """The result of the worst part, with what the others say."""
    results = []
    for part in each.row.parts:
        found = _look_up(each.row, part, scope)
        results.append(_of_finding(each, part, found))
    worst = min(results, key=lambda one: (WORST_FIRST.index(Verdict(one.verdict)), _room(one)))
    if len({one.why for one in results}) == 1:
        return worst
    whys = [
        f"{part.label}: {one.why}" if part.label not in str(one.why) else str(one.why)
        for part, one in zip(each.row.parts, results, strict=True)
    ]
    return replace(worst, why="; ".join(whys))


def _room(result: RequirementResult) -> float:
    return 0.0 if result.headroom is None else result.headroom


def _look_up(row: Requirement, part: Part, scope: Scope) -> Finding:
    """The figure of a part, by its subject."""
    if part.subject == "users":
        return users(scope, part)
    if part.subject == "db_connections":
        return connections(scope, part)
    if part.subject in ("cpu_share", "memory_share"):
        return resource(scope, part)
    if part.subject.startswith("drift "):
        return stability(scope, part, tests=len(row.parts))
    if part.subject.startswith("cache "):
        return layer_time(scope, part)
    chooses = row.chooses(list(scope.flow()))
    return hit_rate(scope, part, [row["id"] for row in scope.flow() if chooses(row)])


def _of_finding(each: _Asked, part: Part, found: Finding) -> RequirementResult:
    headroom = None
    if found.observed is not None and part.limit > 0:
        sign = -1.0 if part.op in (">", ">=") else 1.0
        headroom = sign * (part.limit - found.observed) / part.limit + 0.0  # never −0
    title = f"{each.row.title}" + (f" {part.label}" if part.label else "")
    return RequirementResult(
        id=each.row.id,
        title=title if found.observed is not None else each.row.title,
        verdict=str(found.verdict),
        observed=found.observed,
        low=found.low,
        high=found.high,
        op=part.op,
        limit=part.limit,
        unit=part.unit,
        count=found.count,
        what=found.what,
        needed=found.needed,
        headroom=headroom,
        phase=None if each.phase == NOWHERE else each.phase,
        evidence=found.evidence,
        why=found.why,
        critical=each.row.critical,
        weight=each.row.weight,
    )


def conclude(
    name: str,
    phase: str | None,
    results: Sequence[RequirementResult],
    scale: Mapping[str, float] | None = None,
) -> Compliance:
    """Verdict, score, coverage and band of judged requirements.

    Any FAIL fails the whole: it was measured. What is not settled holds it back where it is
    critical.
    """
    settled = [each for each in results if each.verdict in SETTLED]
    weight = sum(each.weight for each in settled)
    whole = sum(each.weight for each in results)
    good = sum(each.weight for each in settled if each.verdict != Verdict.FAIL)
    score = 100.0 * good / weight if weight else None
    complete = len(settled) == len(results)
    counts = {
        word: sum(each.verdict == word for each in results)
        for word in (*SETTLED, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED)
    }
    open_ = [each for each in results if each.critical and each.verdict not in SETTLED]
    if counts[Verdict.FAIL]:
        verdict = Verdict.FAIL
    elif any(each.verdict == Verdict.INCONCLUSIVE for each in open_):
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.NOT_MEASURED if open_ or not settled else Verdict.PASS
    told = " · ".join(f"{count} {word}" for word, count in counts.items() if count)
    return Compliance(
        document=name,
        phase=phase,
        verdict=str(verdict),
        why=f"{name}{' scaled' if scale else ''}: {told} of {len(results)}",
        score=score,
        measured=len(settled),
        total=len(results),
        coverage=weight / whole if whole else 0.0,
        band=band_of(score) if complete else None,
        requirements=tuple(results),
        scale=dict(scale) if scale else None,
    )


def band_of(score: float | None) -> str | None:
    """The band of a score, as the document names it."""
    if score is None:
        return None
    return next(name for least, name, _ in BANDS if score >= least)
