"""The executive summary: one page for those who decide, in words that need no glossary."""

from collections.abc import Iterator
from dataclasses import dataclass

from velroload.analysis.result import Percentile, Result
from velroload.report.kind import Told
from velroload.report.sections.headline import Headline, headline, most_users
from velroload.report.words import DASH, ms, number, percent
from velroload.report.words import per_second as rate

RISKS, STEPS = 3, 4
UNASKED = "Nothing was demanded of the service."
"""In the place of a verdict on demands, where a run was only held to its plan."""
VERDICTS = {
    "PASS": "The service met what was demanded of it.",
    "FAIL": "The service did not meet what was demanded of it.",
    "INCONCLUSIVE": "The run does not settle whether the service meets what was demanded.",
    "NOT MEASURED": "Nothing was measured that could settle what was demanded.",
    "INVALID": "The load generator could not vouch for its own figures: nothing is claimed.",
    "INCOMPLETE": "The run did not come to its end: nothing is claimed.",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in words: what, value, its uncertainty, where it comes from."""

    what: str
    value: str
    interval: str
    source: str


@dataclass(frozen=True, slots=True)
class Brief:
    """The page. score: None where no document was judged."""

    head: Headline
    tested: str
    verdict: str
    why: str
    score: str | None
    figures: tuple[Figure, ...]
    risks: tuple[str, ...]
    steps: tuple[str, ...]


def brief(told: Told) -> Brief:
    """The page of a run."""
    head = headline(told)
    return Brief(
        head=head,
        tested=_tested(told),
        verdict=VERDICTS[head.word] if _demands(told.result) or head.word != "PASS" else UNASKED,
        why=_sentence(head.why) if head.why else "",
        score=_score(told.result),
        figures=tuple(_figures(told)),
        risks=tuple(dict.fromkeys(_risks(told.result)))[:RISKS],
        steps=tuple(dict.fromkeys(_steps(told.result)))[:STEPS],
    )


def _demands(result: Result) -> bool:
    """Whether thresholds, of the plan or a phase, or requirements were to be met."""
    phases = any(phase.thresholds for phase in result.suite)
    return bool(result.thresholds) or phases or result.compliance is not None


def _tested(told: Told) -> str:
    result = told.result
    target = result.manifest.get("target") or {}
    where = str(target.get("url") or "an unknown address")
    if target.get("embedded"):
        where += " (velroload's own reference service)"
    users = most_users(told)
    who = "" if users is None else f" by up to {number(users)} users at the same time"
    when = str(result.manifest.get("started_at") or "")[:10]
    on = f" on {when}" if when else ""
    return (
        f"{where} was loaded{who} for {spoken(result.summary.elapsed_s)}{on}; "
        f"{number(result.summary.total.count)} requests count."
    )


def _score(result: Result) -> str | None:
    found = result.compliance
    if found is None:
        return None
    if found.score is None:
        return f"No score: none of {found.total} requirements of {found.document} was measured."
    band = found.band or "no grade, because not all of them could be measured"
    part = f", at {found.part}" if found.part else ""
    return (
        f"Score {found.score:.0f} of 100 over {found.measured} of {found.total} requirements of "
        f"{found.document}{part}: {band}."
    )


def _figures(told: Told) -> Iterator[Figure]:
    result = told.result
    total, hold = result.summary.total, spoken(result.summary.hold_s)
    counted = f"{number(total.count)} requests of the {hold} that count"
    yield Figure("Requests answered", f"{rate(total.rate_per_s)} per second", "", counted)
    for what, key in (("Half of the requests were answered within", "p50"),
                      ("95 of 100 requests were answered within", "p95")):  # fmt: skip
        value = total.response.all.percentiles[key]
        shown = DASH if value.value_ns is None else f"{ms(value.value_ns)} ms"
        yield Figure(what, shown, _between(value), counted)
    low, high = total.failed_low, total.failed_high
    between = "" if low is None else f"between {percent(low)} and {percent(high)}"
    failed = f"{number(total.failed + total.transport)} of {number(total.count)} requests"
    yield Figure("Requests that failed", percent(total.failed_share), between, failed)
    users = most_users(told)
    yield Figure("Users at the same time", number(users), "", "counted every second")


def _between(value: Percentile) -> str:
    if value.low_ns is None:
        return ""
    return f"between {ms(value.low_ns)} and {ms(value.high_ns)} ms"


def _risks(result: Result) -> Iterator[str]:
    """The worst first: what failed, what is unsettled, what was found."""
    judged = [(f"{each.id} {each.title}", each.verdict, each.why) for each in
              (result.compliance.requirements if result.compliance else ())]  # fmt: skip
    judged += [(each.text, each.verdict, each.why) for each in result.thresholds]
    for title, verdict, why in judged:
        if verdict == "FAIL":
            yield f"{title}: not met" + (f" ({why})." if why else ".")
    for finding in result.findings:
        yield f"{finding.title} ({finding.confidence}): {_ended(finding.text)}"
    open_ = [title for title, verdict, _ in judged if verdict in ("INCONCLUSIVE", "NOT MEASURED")]
    if open_:
        yield f"Not settled: {', '.join(open_)}."
    told = [finding.text for finding in result.findings]
    for reason in result.validity.reasons:
        if reason.level != "NOTE" and reason.text not in told:
            yield _sentence(reason.text)
    if result.failures:
        worst = result.failures[0]
        kind = worst.kind.replace("_", " ")
        yield f"Most failures: {number(worst.count)} × {kind} at {worst.endpoint}."


def _sentence(text: str) -> str:
    return _ended(text[:1].upper() + text[1:])


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def spoken(seconds: float) -> str:
    """A time span as people say it: 42 seconds, 12 minutes, 3 hours."""
    for unit, length in (("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} second{'' if round(seconds) == 1 else 's'}"


def _steps(result: Result) -> Iterator[str]:
    for each in sorted(result.recommendations, key=lambda each: each.priority):
        gain = f" Expected: {_ended(each.gain)}" if each.gain else ""
        yield f"{each.title}: {_ended(each.text)}{gain}"
    for reason in result.validity.reasons:
        if reason.advice and reason.level != "NOTE":
            yield _sentence(reason.advice)
    needed = [each.needed for each in result.thresholds
              if each.verdict == "INCONCLUSIVE" and each.needed]  # fmt: skip
    if needed and result.summary.total.count:
        seconds = result.summary.hold_s * max(needed) / result.summary.total.count
        if seconds < 86_400:
            yield f"Run again for {spoken(seconds)}: that would settle what is open."
    if not _demands(result):
        yield "Say what is demanded (thresholds or requirements), so that a run can be judged."
    yield "Repeat the run after every change to the service and compare."
