"""The result as people read it: verdict, validity, claims, one line per endpoint, what went wrong.

100 columns; 40 lines unless verbose. Times are milliseconds. Names and messages come from outside
and are cleaned. Colour is the caller's: `style(role, text)` gets padded text and may wrap it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from velroload.analysis.result import Distribution, Quantity, Result, Row
from velroload.analysis.verdict import exit_code
from velroload.errors import Exit
from velroload.load.phases import HOLD
from velroload.report.claims import threshold_lines
from velroload.report.connections import connection_lines
from velroload.report.failures import failure_lines
from velroload.report.findings import finding_lines
from velroload.report.outlook import outlook_lines
from velroload.report.requirements import requirement_lines
from velroload.report.sessions import session_lines
from velroload.report.suite import suite_lines
from velroload.report.table import WIDTH, Column, Style, labelled, plain, table, wrapped
from velroload.report.watched import watched_lines
from velroload.report.words import DASH, clean, cut, ms, number, percent, seconds
from velroload.report.words import per_second as _rate

LINES = 40
ROLES = {
    "PASS": "pass",
    "VALID": "pass",
    "FAIL": "fail",
    "INVALID": "fail",
    "INCOMPLETE": "fail",
}
"""Role of a word for `style`; every other verdict is a warning."""
NOTED = ("stall", "bad_seconds", "unsent", "redirects_refused")
"""Notes that are worth a line without -v."""
PART_NAMES = {
    Quantity.GENERATOR_LAG: "generator lag",
    Quantity.READ_LAG: "read lag",
    Quantity.WAIT: "wait",
    Quantity.CONNECT: "connect",
    Quantity.TLS: "tls",
    Quantity.FIRST_BYTE: "first byte",
}


def as_text(
    result: Result,
    *,
    folder: str | None = None,
    code: Exit | None = None,
    verbose: bool = False,
    style: Style = plain,
    files: Sequence[str] = (),
) -> str:
    """The report, every line ended. files: what else was written of it."""
    code = exit_code(result.codes, result.validity) if code is None else code
    above = [*_head(result, code, style), *_validity(result, verbose, style), *_held(result)]
    above += _section(requirement_lines(result, style, verbose=verbose))
    above += _section(suite_lines(result, verbose=verbose, style=style))
    above += _section(threshold_lines(result, style))
    below = [
        *_distributions(result, verbose),
        *_tls(result),
        *connection_lines(result, verbose),
        *session_lines(result),
        *finding_lines(result, verbose, style),
        *watched_lines(result, verbose, style),
        *outlook_lines(result, verbose, style),
        *_ledger(result, verbose),
        *_foot(result, folder, files, style),
    ]
    room = LINES - len(above) - len(below) - 3
    times = _endpoints(result, verbose, room, style)
    lines = [*above, *_section(times), *_section(below)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(lines: Sequence[str]) -> list[str]:
    return ["", *lines] if lines else []


def _role(word: str) -> str:
    return ROLES.get(word, "warn")


def _head(result: Result, code: Exit, style: Style) -> Iterator[str]:
    word = result.verdict
    if result.incomplete:
        word = "INCOMPLETE"
    elif result.validity.verdict == "INVALID":
        word = "INVALID"
    name = clean(str(result.manifest.get("name") or "run"))
    ending = f"exit {int(code)}"
    why = clean(result.why)
    if word == "PASS" and result.validity.verdict == "SUSPECT":
        why += f" (suspect: {clean(result.validity.reasons[0].text)})"
    text = cut(f"{name}: {why}", WIDTH - len(word) - len(ending) - 4)
    gap = " " * (WIDTH - len(word) - 2 - len(text) - len(ending))
    yield f"{style(_role(word), word)}  {style('strong', text)}{gap}{ending}"


def _validity(result: Result, verbose: bool, style: Style) -> Iterator[str]:
    validity = result.validity
    text = " · ".join(_vouched(result)) or "nothing was started"
    if validity.verdict != "INVALID":
        yield f"{style(_role(validity.verdict), validity.verdict)}  {cut(text, WIDTH - 9)}"
    shown = [r for r in validity.reasons if r.level != "NOTE"]
    notes = [r for r in validity.reasons if r.level == "NOTE"]
    if not verbose:
        notes = [r for r in notes if r.code in NOTED][:3]
    for reason in [*(shown if verbose else shown[:4]), *notes]:
        role = _role(reason.level) if reason.level != "NOTE" else "dim"
        for line in wrapped(clean(reason.text), WIDTH - 7):
            yield "       " + style(role, line)
    for item in dict.fromkeys((*result.incomplete[:4], *result.notes[:3])):
        if item != result.why:
            yield "       " + cut(clean(item), WIDTH - 7)
    mends = dict.fromkeys(r.advice for r in shown if r.advice)
    for advice in list(mends)[:2]:
        yield from labelled("mend", clean(advice), style)


def _held(result: Result) -> Iterator[str]:
    """What counts, where that is not all of the run."""
    outside = [phase for phase in result.summary.phases if phase.kind != HOLD]
    if result.suite:
        requests = sum(phase.count for phase in outside)
        held = seconds(result.summary.hold_s)
        yield (
            f"       holds of {held} in all; ramps and cool-downs not counted: "
            f"{requests:,} requests"
        )
    elif outside:
        parts = [f"hold of {seconds(result.summary.hold_s)}"] + [
            f"{phase.kind} of {seconds((phase.end_ns - phase.start_ns) / 1e9)} not counted: "
            f"{phase.count:,} requests"
            for phase in outside
        ]
        yield "       " + "; ".join(parts)


def _vouched(result: Result) -> Iterator[str]:
    book = result.ledger.get("iterations") or {}
    planned, started = book.get("planned"), book.get("started")
    if planned and started == planned:
        yield f"all {planned:,} planned iterations started"
    elif planned:
        yield f"{started or 0:,} of {planned:,} planned iterations started"
    elif started:
        yield f"{started:,} iterations started"
    ours = result.summary.total.ours_p99_ns
    if ours is not None:
        yield f"generator added ≤ {ms(ours)} ms at p99"
    elif not (result.manifest.get("model") or {}).get("paced"):
        yield "free-running loop: generator lag is not judged"


def _endpoints(result: Result, verbose: bool, room: int, style: Style) -> list[str]:
    total = result.summary.total
    flow = [r for r in result.summary.rows if r.kind in ("request", "hop") and not r.setup]
    others = [r for r in result.summary.rows if r.kind == "group" or (r.setup and r.count)]
    passes = [r for r in result.summary.rows if r.kind == "iteration" and r.count]
    if not verbose and len(flow) <= 1:
        passes = [r for r in passes if _thinks(r)]
    kept = sorted(flow, key=lambda row: -row.count)
    spare = max(3, room - len(others) - len(passes) - 2)
    hidden = [] if verbose else kept[spare:]
    shown = [row for row in flow if row not in hidden]
    several = sum(row.kind == "request" for row in flow) > 1
    rows = [*shown, *([total] if several else []), *others, *passes]
    lines = _times("response time", rows, style)
    if hidden:
        lines.append(f" … and {len(hidden)} more with fewer requests: -v")
    if verbose:
        lines += ["", *_times("service time", rows, style, service=True)]
        lines += ["", *_parts(rows, style)]
        lines += _section(_said(rows, style))
        addresses = [row for row in result.summary.rows if row.kind == "address"]
        lines += _section(_times("response time by address", addresses, style))
    return lines


def _thinks(row: Row) -> bool:
    return row.response.all.mean_ns != row.service.all.mean_ns


def _named(row: Row) -> str:
    name = clean(row.name)
    if row.kind == "iteration":
        return name if name.startswith("iteration") else f"iteration {name}"
    if row.kind == "group":
        return f"group {name}"
    return f"{name} (setup)" if row.setup else name


QUANTILE_KEYS = ("p50", "p95", "p99", "p99_9")


def _values(times: Distribution) -> list[str]:
    return [*(ms(times.percentiles[key].value_ns) for key in QUANTILE_KEYS), ms(times.max_ns)]


def _times(title: str, rows: Sequence[Row], style: Style, *, service: bool = False) -> list[str]:
    """A line per row; of the response time, with what may be ours of it, or the service time."""
    ours = not service and any(row.ours_p99_ns is not None for row in rows)
    columns = [
        Column(title, left=True),
        Column("count"),
        Column("/s"),
        Column("failed"),
        *(Column(name) for name in ("p50", "p95", "p99", "p99.9", "max ms")),
    ]
    if ours:
        columns.append(Column("ours p99"))
    cells = []
    for row in rows:
        times = row.service.all if service else row.response.all
        line = [_named(row), number(row.count), _rate(row.rate_per_s), percent(row.failed_share)]
        line += _values(times)
        if ours:
            line.append(DASH if row.ours_p99_ns is None else f"≤ {ms(row.ours_p99_ns)}")
        cells.append(line)
    return table(columns, cells, style)


def _parts(rows: Sequence[Row], style: Style) -> list[str]:
    """Where the time goes: lags, waiting, connecting, first byte."""
    columns = [Column("of which", left=True), Column("endpoint", left=True)]
    columns += [Column("count")]
    columns += [Column(name) for name in ("p50", "p95", "p99", "p99.9", "max ms")]
    cells = [
        [PART_NAMES[part], _named(row), number(times.count), *_values(times)]
        for part in PART_NAMES
        for row in rows
        if (times := row.parts.get(part)) is not None and times.count
    ]
    return table(columns, cells, style)


def _said(rows: Sequence[Row], style: Style) -> list[str]:
    """What servers said of their own time; names and numbers are theirs."""
    columns = [Column("the server's own time", left=True), Column("endpoint", left=True)]
    columns += [Column("count")]
    columns += [Column(name) for name in ("p50", "p95", "p99", "p99.9", "max ms")]
    cells = [
        [clean(name), _named(row), number(times.count), *_values(times)]
        for row in rows
        for name, times in row.values.items()
    ]
    return table(columns, cells, style) if cells else []


def _distributions(result: Result, verbose: bool) -> list[str]:
    """Statuses and errors of the flow, the most frequent first."""
    total = result.summary.total
    lines: list[str] = []
    if total.status:
        ordered = sorted(total.status.items(), key=lambda pair: -pair[1])
        whole = sum(total.status.values())
        parts = [f"{status}: {count:,} ({percent(count / whole)})" for status, count in ordered]
        lines += labelled("status", " · ".join(parts))
    if total.errors:
        bad = total.failed + total.transport
        parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in total.errors.items()]
        share = percent(total.failed_share)
        lines += labelled("failures", f"{bad:,} ({share}): " + " · ".join(parts))
    elif result.failures:
        setup = all(failure.setup for failure in result.failures)
        lines += labelled("failures", "in the setup only" if setup else "none in the hold")
    return [*lines, *failure_lines(result, verbose=verbose)]


def _tls(result: Result) -> list[str]:
    """What was agreed, whether it was checked, and what the handshakes took."""
    agreed = (result.manifest.get("target") or {}).get("tls")
    if not agreed:
        return []
    parts = [f"{clean(agreed['version'])} {clean(agreed['cipher'])}"]
    if not agreed["verified"]:
        parts.append("certificates NOT checked (--insecure)")
    taken = [
        (times, PART_NAMES[part])
        for part in (Quantity.CONNECT, Quantity.TLS)
        if (times := result.summary.total.parts.get(part)) is not None and times.count
    ]
    if taken:
        spans = [
            f"{name} {ms(times.percentiles['p50'].value_ns)} / {ms(times.max_ns)}"
            for times, name in taken
        ]
        parts.append(f"{taken[-1][0].count:,} handshakes: {', '.join(spans)} ms (p50 / max)")
    return list(labelled("tls", " · ".join(parts)))


def _ledger(result: Result, verbose: bool) -> list[str]:
    """The books, where something was not done, lost or left, and always when verbose."""
    requests = result.ledger.get("requests") or {}
    iterations = result.ledger.get("iterations") or {}
    samples = result.ledger.get("samples") or {}
    off = [requests.get(key) for key in ("in_flight", "dropped", "unstarted", "skipped")]
    off += [iterations.get(key) for key in ("interrupted", "in_flight", "dropped", "unstarted")]
    off += [samples.get("lost")]
    if not (verbose or any(off)) or not result.ledger:
        return []
    parts = [_book("requests", requests), _book("iterations", iterations)]
    parts.append(_book("samples", samples))
    lines: list[str] = []
    for place, part in enumerate(part for part in parts if part):
        lines += labelled("ledger" if place == 0 else "", part)
    return lines


def _book(name: str, book: dict[str, Any]) -> str:
    """All that is not 0, planned and started first; kinds of errors are summed."""
    found = []
    for key, value in book.items():
        count = sum(value.values()) if isinstance(value, dict) else value
        if count or key in ("planned", "started", "lost"):
            found.append(f"{number(count)} {key.replace('_', ' ')}")
    return f"{name}: " + " · ".join(found) if found else ""


def _foot(result: Result, folder: str | None, files: Sequence[str], style: Style) -> Iterator[str]:
    named = [clean(name) for name in (folder, *files) if name is not None]
    if named:
        yield from labelled("files", " · ".join(named), style)
    command = result.manifest.get("command")
    if command:
        seed = result.manifest.get("seed")
        again = str(command)
        if seed is not None and "--seed" not in again:
            again += f" --seed {seed}"
        yield from labelled("again", clean(again), style)
