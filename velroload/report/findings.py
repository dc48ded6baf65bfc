"""What held a run back, what would help and what followed its events, for people."""

from collections.abc import Iterator

from velroload.analysis.finding import Evidence
from velroload.analysis.incident import Utilisation
from velroload.analysis.outlier import TailShare
from velroload.analysis.result import Result
from velroload.report.table import WIDTH, Column, Style, labelled, table, wrapped
from velroload.report.words import DASH, clean, cut, digits, ms, number, per_second, percent

INDENT = 12
SHOWN_TRAITS = 4
SHOWN_EVENTS = 6
TOLD = ("generator", "errors")
"""Findings that validity and the lines of the failures tell already."""
SLACK = 12
"""What wrapping at spaces may lose of two lines."""


def finding_lines(result: Result, verbose: bool, style: Style) -> list[str]:
    """The first finding, how many more there are, what events did; everything when verbose."""
    lines: list[str] = []
    found = [each for each in result.findings if each.code not in TOLD]
    if found and not verbose:
        first, more = found[0], len(found) - 1
        rest = f" (and {more} more: -v)" if more else ""
        text = f"{first.title}, {first.confidence}{rest}: {clean(first.text)}"
        lines += labelled("hint", cut(text, 2 * (WIDTH - INDENT) - SLACK), style)
    if verbose:
        lines += [*_findings(result, style), *_advice(result, style), *_unwatched(result, style)]
        lines += [*_bursts(result, style), *_tail(result, style), *_modes(result, style)]
        lines += [*_broken(result, style), *resilience_lines(result, style)]
        lines += utilisation_lines(result, style)
    else:
        lines += resilience_lines(result, style)[: SHOWN_EVENTS + 1]
        if len(result.resilience) > SHOWN_EVENTS:
            lines.append(f" … and {len(result.resilience) - SHOWN_EVENTS} more events: -v")
    return lines


def _indented(text: str, by: int = INDENT) -> Iterator[str]:
    for line in wrapped(text, WIDTH - by):
        yield " " * by + line


def _findings(result: Result, style: Style) -> Iterator[str]:
    for place, finding in enumerate(result.findings, 1):
        where = f" ({clean(finding.phase)})" if finding.phase else ""
        head = f"{place}. {finding.title}{where}, {finding.confidence}: {clean(finding.text)}"
        yield from labelled("hints" if place == 1 else "", head, style)
        for evidence in finding.evidence:
            yield " " * (INDENT + 3) + cut(_evidence(evidence), WIDTH - INDENT - 3)


def _evidence(evidence: Evidence) -> str:
    value, unit = evidence.value, evidence.unit
    written = {
        "ns": lambda: f"{ms(value)} ms",
        "share": lambda: percent(value),
        "per_s": lambda: f"{per_second(value)}/s",
        "s": lambda: f"{value:.0f} s",
        "rho": lambda: f"{value:.2f}",
    }.get(unit, lambda: digits(value))()
    return f"{evidence.what}: {written} · {clean(evidence.where)}"


def _advice(result: Result, style: Style) -> Iterator[str]:
    for advice in result.recommendations:
        text = f"{advice.priority}. {clean(advice.text)}"
        yield from labelled("advice" if advice.priority == 1 else "", text, style)
        if advice.gain:
            yield from _indented(f"gain: {clean(advice.gain)}", INDENT + 3)


def _unwatched(result: Result, style: Style) -> Iterator[str]:
    """Silence about these is no good news."""
    missing = [each for each in result.examined if not each.watched]
    if missing:
        text = "not watched: " + "; ".join(
            f"{each.code.replace('_', ' ')} (needs {each.missing})" for each in missing
        )
        yield from labelled("" if result.findings else "hints", text, style)


def _bursts(result: Result, style: Style) -> Iterator[str]:
    for place, burst in enumerate(result.bursts):
        when = f"second {burst.first_s}"
        if burst.last_s > burst.first_s:
            when = f"seconds {burst.first_s} to {burst.last_s}"
        text = (
            f"{when}: {burst.count:,} {burst.kind.replace('_', ' ')} · {clean(burst.endpoint)} · "
            f"{percent(burst.share)} of its requests, else {percent(burst.usual)}"
        )
        if burst.mark is not None:
            text += f" · {burst.after_s:.0f} s after {clean(burst.mark)}"
        yield from labelled("bursts" if place == 0 else "", text, style)


def _trait(share: TailShare) -> str:
    value = f" {clean(share.value)}" if share.value is not None else ""
    return (
        f"{share.trait}{value}: {percent(share.tail_share)} of them, "
        f"{percent(share.all_share)} of all"
    )


def _tail(result: Result, style: Style) -> Iterator[str]:
    tail = result.tail
    if tail is None:
        return
    traits = " · ".join(_trait(share) for share in tail.shares) or "nothing sets them apart"
    head = f"slowest {percent(tail.share)} (above {ms(tail.limit_ns)} ms): {traits}"
    yield from labelled("tail", head, style)


def _modes(result: Result, style: Style) -> Iterator[str]:
    for modes in result.modes:
        text = (
            f"{clean(modes.endpoint)} has two humps: about {ms(modes.fast_ns)} ms, and "
            f"{ms(modes.slow_ns)} ms for {percent(modes.slow_share)} of its requests (beyond "
            f"{ms(modes.valley_ns)} ms)"
        )
        apart = [_trait(share) for share in modes.apart[:SHOWN_TRAITS]]
        yield from labelled("two humps", " · ".join([text, *apart]), style)


def _broken(result: Result, style: Style) -> Iterator[str]:
    for broken in result.broken:
        text = (
            f"{clean(broken.phase)}: {clean(broken.threshold)} broke at about "
            f"{per_second(broken.rate_per_s)}/s, in second {broken.at_s}"
        )
        yield from labelled("broken", text, style)


def _s(value_ns: int | None) -> str:
    return DASH if value_ns is None else f"{value_ns / 1e9:.1f}"


def resilience_lines(result: Result, style: Style) -> list[str]:
    """A line per event; a dash is what is not known, or did not happen."""
    columns = [
        Column("event", left=True),
        *(Column(head) for head in ("at s", "onset", "fast fail", "worst", "failed", "lost")),
        *(Column(head) for head in ("back s", "open s", "probes")),
    ]
    rows = [
        [
            clean(row.name),
            _s(row.at_ns),
            _s(row.onset_ns),
            _s(row.fast_fail_ns),
            f"−{percent(row.depth)}" if row.depth else percent(row.depth),
            percent(row.failed_depth),
            number(row.lost),
            _s(row.recovery_ns),
            _s(row.open_ns),
            number(row.half_open),
        ]
        for row in result.resilience
    ]
    return table(columns, rows, style)


def utilisation_lines(result: Result, style: Style) -> list[str]:
    """A line per phase and resource, and what a request took."""
    columns = [
        Column("used", left=True),
        Column("by", left=True),
        *(Column(head) for head in ("usual", "most", "s at limit", "headroom")),
    ]
    rows = [
        [use.resource, clean(row.phase), percent(use.usual), percent(use.most),
         number(use.at_limit_s), percent(use.headroom)]
        for row in result.utilisation
        for use in row.uses
    ]  # fmt: skip
    lines = table(columns, rows, style)
    for row in result.utilisation:
        told = _per_request(row)
        if told:
            lines += labelled("a request", f"{clean(row.phase)}: " + " · ".join(told), style)
    return lines


def _per_request(row: Utilisation) -> list[str]:
    parts = []
    if row.cpu_ms_per_request is not None:
        parts.append(f"{digits(row.cpu_ms_per_request)} ms of CPU")
    if row.queries_per_request is not None:
        parts.append(f"{digits(row.queries_per_request)} queries")
    if row.bytes_per_request is not None and parts:
        parts.append(f"{row.bytes_per_request:,.0f} bytes")
    if row.waits_s:
        parts.append(
            f"up to {row.most_waiting:,} waited for a connection, some in {row.waits_s:,} s"
        )
    return parts
