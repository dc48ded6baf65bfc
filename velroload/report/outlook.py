"""Trends, room for growth, the start of the hold and the load's fidelity, as lines.

Without -v only what a reader should not miss: a series that rises or falls, a load that did not
come as planned, the largest load that met its limit.
"""

from collections.abc import Iterator

from velroload.analysis.outlook import Capacity, Drift, Fidelity, WarmUp
from velroload.analysis.result import Result
from velroload.report.table import Style, labelled
from velroload.report.words import chance, clean, ms, number, per_second, percent, signed

MOVING = ("rising", "falling")
DRIFTS_MAX = 4


def outlook_lines(result: Result, verbose: bool, style: Style) -> list[str]:
    """One labelled line or more for each that has something to say."""
    told = (
        ("drift", _drifts(result.drift, verbose)),
        ("capacity", _capacity(result.capacity, verbose)),
        ("load", _load(result.fidelity, verbose)),
        ("warm-up", _warm_up(result.summary.warm_up, verbose)),
    )
    return [
        line for label, parts in told for text in parts for line in labelled(label, text, style)
    ]


def _drifts(found: tuple[Drift, ...], verbose: bool) -> Iterator[str]:
    told = [each for each in found if verbose or each.trend in MOVING]
    for each in told if verbose else told[:DRIFTS_MAX]:
        name = clean(f"{each.phase}: {each.what}" if each.phase else each.what)
        if each.trend is None or each.slope_per_hour is None:
            yield f"{name}: too short for a trend"
            continue
        line = f"{name} {each.trend}: {signed(each.slope_per_hour, each.unit)} per hour"
        if each.low_per_hour is not None and each.high_per_hour is not None:
            low, high = (signed(end, each.unit) for end in (each.low_per_hour, each.high_per_hour))
            line += f" ({low} … {high})"
        yield line
    if not verbose and len(told) > DRIFTS_MAX:
        yield f"{len(told) - DRIFTS_MAX} more trends with -v"


def _capacity(found: Capacity | None, verbose: bool) -> Iterator[str]:
    if found is None:
        return
    if found.limit is not None and len(found.levels) > 1:
        if found.largest_met_per_s is None:
            yield f"no level that was held meets {clean(found.limit)}"
        else:
            users = found.largest_met_users
            who = "" if users is None else f" with {number(round(users))} users"
            yield (
                f"{clean(found.limit)} was met up to {per_second(found.largest_met_per_s)}/s{who}"
            )
    law = found.usl
    if law is not None and law.peak_per_s is not None and law.peak_users is not None:
        yield (
            f"the curve (USL) has its top at {per_second(law.peak_per_s)}/s with "
            f"{number(round(law.peak_users))} users"
        )
    for each in found.growth:
        if each.until_per_s is not None:
            yield f"{clean(each.resource)} lasts until {per_second(each.until_per_s)}/s"
    if verbose and found.why:
        yield f"no curve: {clean(found.why)}"


def _load(found: Fidelity | None, verbose: bool) -> Iterator[str]:
    if found is None or not (verbose or found.as_planned is False):
        return
    parts = []
    if found.planned_per_s is not None and found.started_per_s is not None:
        parts.append(
            f"{per_second(found.planned_per_s)} planned and {per_second(found.started_per_s)} "
            "started per second"
        )
    if found.worst_second is not None:
        parts.append(f"worst second off by {percent(found.worst_second)}")
    if found.p_value is not None:
        parts.append(f"{found.arrival} arrivals p {chance(found.p_value)}")
    if found.off is not None:
        parts.append(f"Little's law off by {percent(abs(found.off))}")
    word = {True: "as planned", False: "not as planned", None: "not judged"}[found.as_planned]
    yield " · ".join([word + (f" ({clean(found.why)})" if found.why else ""), *parts])


def _warm_up(found: WarmUp | None, verbose: bool) -> Iterator[str]:
    if found is None or not (verbose or found.seconds):
        return
    if not found.seconds:
        yield "none that MSER-5 finds"
        return
    yield (
        f"the first {found.seconds} s of the hold differ (MSER-5, by {found.by}); without them "
        f"p50 {ms(found.p50_ns)} → {ms(found.trimmed_p50_ns)} ms, "
        f"p99 {ms(found.p99_ns)} → {ms(found.trimmed_p99_ns)} ms, "
        f"{per_second(found.rate_per_s)} → {per_second(found.trimmed_rate_per_s)}/s"
    )
