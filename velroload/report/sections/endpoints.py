"""The figures of every endpoint, group, iteration and address, and what servers said of theirs."""

from velroload.analysis.outlook import WarmUp
from velroload.analysis.result import Distribution, Quantity, Result, Row
from velroload.report.grid import Block, Cell, Grid, Head, number_cell, time_cell
from velroload.report.words import DASH, ms, number, percent
from velroload.report.words import per_second as rate

LEVELS = {"p50": "p50", "p95": "p95", "p99": "p99", "p99_9": "p99.9"}
TOGETHER = ("scenario", "class", "tag")
"""Kinds of rows that hold several endpoints."""
PARTS = {
    Quantity.GENERATOR_LAG: "generator lag",
    Quantity.READ_LAG: "read lag",
    Quantity.WAIT: "wait",
    Quantity.CONNECT: "connect",
    Quantity.TLS: "TLS",
    Quantity.FIRST_BYTE: "first byte",
}


def named(row: Row) -> str:
    """An endpoint as it is shown."""
    if row.kind == row.name:
        return row.name
    if row.kind in (*TOGETHER, "iteration", "group"):
        return f"{row.kind} {row.name}"
    return f"{row.name} (setup)" if row.setup else row.name


def endpoints(result: Result) -> list[Block]:
    """Tables: response time by endpoint, service time, parts, server's own times, addresses."""
    summary = result.summary
    shown = [row for row in summary.rows if row.kind in ("request", "hop", "group", "iteration")]
    shown = [row for row in shown if row.count or not row.setup]
    several = sum(row.kind == "request" and not row.setup for row in shown) > 1
    rows = [*([summary.total] if several or not shown else []), *shown]
    found: list[Block] = [_times(rows)]
    together = [row for row in summary.rows if row.kind in TOGETHER]
    if together:
        note = "Rows of several endpoints; an endpoint may stand in more than one."
        found.append(_of("together", "By scenario, class and tag", together, note))
    if summary.total.reach is not None:
        found.append(_reach([row for row in (*rows, *together) if row.reach is not None]))
    if summary.warm_up is not None:
        found.append(_warm_up(summary.warm_up))
    addresses = [row for row in summary.rows if row.kind == "address"]
    if addresses:
        found.append(_of("addresses", "By address of the target", addresses))
    found.append(_parts(summary.total))
    values = [(row, name, times) for row in rows for name, times in row.values.items()]
    if values:
        found.append(_said(values))
    return found


def _times(rows: list[Row]) -> Grid:
    return _of(
        "endpoints", "Response time by endpoint", rows,
        "Times in ms with their 95 % intervals; a dash where the sample is too small to carry the "
        "percentile. Sort by a click on a head.",
    )  # fmt: skip


def _of(id_: str, title: str, rows: list[Row], note: str = "") -> Grid:
    heads = (
        Head("endpoint", left=True),
        *(Head(name, hint="response time, ms") for name in LEVELS.values()),
        Head("max", hint="response time, ms"),
        Head("failed"), Head("req/s"), Head("count"),
        Head("service p95", hint="sent to last byte, ms"),
        Head("ours p99", hint="most that the generator can have added to the p99, ms"),
    )  # fmt: skip
    return Grid(id_, title, heads, tuple(_row(row) for row in rows), note, sortable=True)


def _row(row: Row) -> tuple[Cell, ...]:
    percentiles = row.response.all.percentiles
    ours = row.ours_p99_ns
    return (
        Cell(named(row), row.cls or "" if row.kind not in TOGETHER else ""),
        *(
            time_cell(percentiles[key].value_ns, percentiles[key].low_ns, percentiles[key].high_ns)
            for key in LEVELS
        ),
        time_cell(row.response.all.max_ns),
        number_cell(percent(row.failed_share), row.failed_share),
        number_cell(rate(row.rate_per_s), row.rate_per_s),
        number_cell(number(row.count), row.count),
        time_cell(row.service.all.percentiles["p95"].value_ns),
        number_cell(DASH if ours is None else f"≤ {ms(ours)}", ours),
    )


def _distribution(times: Distribution) -> list[Cell]:
    cells = [number_cell(number(times.count), times.count)]
    cells += [time_cell(times.percentiles[key].value_ns) for key in LEVELS]
    return [*cells, time_cell(times.max_ns), time_cell(times.mean_ns)]


def _figures() -> tuple[Head, ...]:
    return (Head("count"), *(Head(name) for name in LEVELS.values()), Head("max"), Head("mean"))


def _reach(rows: list[Row]) -> Grid:
    """What users got: rates as they were kept up, and percentiles with every failure in them."""
    found = []
    for row in rows:
        reach = row.reach
        if reach is None:
            continue
        slo = "" if reach.slo_ns is None else f"within {ms(reach.slo_ns)} ms"
        found.append(
            (
                Cell(named(row)),
                *(number_cell(rate(each), each) for each in
                  (reach.sustained_per_s, reach.best_10s_per_s, reach.best_second_per_s)),
                *(Cell("∞", sort=float("1e18")) if key in reach.infinite
                  else time_cell(reach.adjusted[key].value_ns) for key in ("p95", "p99")),
                Cell(rate(reach.goodput_per_s), slo, -1.0 if reach.goodput_per_s is None
                     else reach.goodput_per_s),
                number_cell(DASH if reach.apdex is None else f"{reach.apdex:.2f}", reach.apdex),
            )
        )  # fmt: skip
    heads = (
        Head("endpoint", left=True), Head("sustained /s", hint="worst 10 s of the hold"),
        Head("best 10 s /s"), Head("best second /s"), Head("p95 with failures"),
        Head("p99 with failures"), Head("goodput /s", hint="ok and within the limit"),
        Head("Apdex"),
    )  # fmt: skip
    note = "A failure counts as infinitely slow here. Goodput and Apdex need a limit of the plan."
    return Grid("reach", "What users got", heads, tuple(found), note, sortable=True)


def _warm_up(found: WarmUp) -> Grid:
    rows = (
        (Cell("the whole hold"), time_cell(found.p50_ns), time_cell(found.p99_ns),
         number_cell(rate(found.rate_per_s), found.rate_per_s)),
        (Cell(f"without its first {found.seconds} s"), time_cell(found.trimmed_p50_ns),
         time_cell(found.trimmed_p99_ns),
         number_cell(rate(found.trimmed_rate_per_s), found.trimmed_rate_per_s)),
    )  # fmt: skip
    heads = (Head("warm-up (MSER-5)", left=True), Head("p50 ms"), Head("p99 ms"), Head("req/s"))
    note = "Said only: every verdict is of the whole hold."
    return Grid("warm-up", "Does the beginning differ from the rest?", heads, rows, note)


def _parts(total: Row) -> Grid:
    rows = [("response time", total.response.all), ("service time", total.service.all)]
    rows += [(name, total.parts[part]) for part, name in PARTS.items() if part in total.parts]
    return Grid(
        "parts",
        "Where the time goes, over all requests",
        (Head("ms", left=True), *_figures()),
        tuple((Cell(name), *_distribution(times)) for name, times in rows if times.count),
        "Response = generator lag + wait + connect + TLS + service, request by request; their "
        "percentiles do not add up.",
    )


def _said(values: list[tuple[Row, str, Distribution]]) -> Grid:
    return Grid(
        "said",
        "What the server says of its own time (Server-Timing)",
        (Head("endpoint", left=True), Head("name", left=True), *_figures()),
        tuple((Cell(named(row)), Cell(name), *_distribution(times)) for row, name, times in values),
        sortable=True,
    )
