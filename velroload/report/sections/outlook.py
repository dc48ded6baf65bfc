"""Drift over hours, room for growth, and how faithful the load was."""

from velroload.analysis.outlook import Capacity, Drift, Fidelity, Growth, Usl
from velroload.analysis.result import Result
from velroload.report.grid import Block, Cell, Grid, Head, Missing, cells, number_cell, time_cell
from velroload.report.words import DASH, amount, chance, digits, number, percent, signed
from velroload.report.words import per_second as rate


def drift(found: tuple[Drift, ...]) -> Block:
    """Trends: does it become slower or larger the longer it runs?"""
    if not found:
        return Missing("Not known: a trend needs a hold of ten minutes; endurance phases are for "
                       "that.")  # fmt: skip
    rows = tuple(
        (
            Cell(each.what, each.phase or ""),
            Cell(each.trend or "too short", role={"rising": "warn", "falling": "warn"}
                 .get(each.trend or "", "none" if each.trend is None else "pass")),
            Cell(amount(each.median, each.unit)),
            Cell(DASH if each.slope_per_hour is None else signed(each.slope_per_hour, each.unit),
                 "" if each.low_per_hour is None or each.high_per_hour is None else
                 f"{signed(each.low_per_hour, each.unit)} … "
                 f"{signed(each.high_per_hour, each.unit)}", each.slope_per_hour),
            number_cell(percent(each.share_per_hour), each.share_per_hour),
            number_cell(DASH if each.p_value is None else chance(each.p_value).lstrip("= "),
                        each.p_value),
            number_cell(number(each.count), each.count),
        )
        for each in found
    )  # fmt: skip
    heads = (
        Head("series", left=True), Head("trend", left=True), Head("median"), Head("per hour"),
        Head("of the median", hint="per hour"), Head("p"), Head("n"),
    )  # fmt: skip
    note = "Slope by Theil–Sen with its 95 % interval, test by Mann–Kendall."
    return Grid("drift", "Trends", heads, rows, note, sortable=True)


def growth(found: Capacity | None) -> list[Block]:
    """The levels that were held, the law through them, what resources allow."""
    if found is None:
        return []
    blocks: list[Block] = []
    if found.levels:
        rows = tuple(
            (
                Cell(each.phase), number_cell(DASH if each.users is None else
                                              number(round(each.users)), each.users),
                number_cell(rate(each.rate_per_s), each.rate_per_s), time_cell(each.p95_ns),
                number_cell(percent(each.failed_share), each.failed_share),
                Cell({True: "yes", False: "no", None: DASH}[each.met],
                     role={True: "pass", False: "fail", None: ""}[each.met]),
            )
            for each in found.levels
        )  # fmt: skip
        meets = f"meets {found.limit}" if found.limit else "meets a limit"
        names = ("users", "req/s", "p95 ms", "failed")
        levels = (Head("level", left=True), *map(Head, names), Head(meets, left=True))
        blocks.append(Grid("levels", "Levels that were held", levels, rows))
    if found.usl is not None:
        blocks.append(_law(found.usl))
    if found.growth:
        grown = tuple(
            (
                Cell(each.resource), Cell(amount(each.at_largest, each.unit)),
                _more(each),
                number_cell(DASH if each.until_per_s is None else f"{rate(each.until_per_s)}/s",
                            each.until_per_s),
                number_cell(f"{rate(each.believed_to_per_s)}/s", each.believed_to_per_s),
            )
            for each in found.growth
        )  # fmt: skip
        heads = (Head("resource", left=True), Head("at the largest rate"),
                 Head("per req/s more"), Head("lasts until"), Head("believe it to"))  # fmt: skip
        blocks.append(Grid("growth", "What more load needs", heads, grown))
    return blocks


def _more(each: Growth) -> Cell:
    """What one request per second more needs, where a need can be told from none."""
    if each.low <= 0.0 <= each.high:
        return Cell("none that shows", sort=0.0)
    scale, unit = (100.0, " %") if each.unit == "share" else (1.0, f" {each.unit}")
    unit = "" if each.unit == "count" else unit
    low, value, high = (
        f"{scale * part:,.3g}" for part in (each.low, each.per_request_per_s, each.high)
    )
    return Cell(f"{value}{unit}", f"{low} – {high}", each.per_request_per_s)


def _law(usl: Usl) -> Grid:
    def row(name: str, value: float, ends: tuple[float, float]) -> tuple[Cell, ...]:
        return cells((name, f"{value:.4g}", f"{ends[0]:.3g} – {ends[1]:.3g}"))

    rows = [
        row("λ, requests/s of one user", usl.per_user_per_s, usl.per_user_interval),
        row("σ, contention", usl.contention, usl.contention_interval),
        row("κ, coherency", usl.coherency, usl.coherency_interval),
    ]
    if usl.peak_per_s is not None and usl.peak_users is not None:
        rows.append(cells(("top of the curve", f"{rate(usl.peak_per_s)}/s",
                           f"with {number(round(usl.peak_users))} users")))  # fmt: skip
    rows.append(cells(("R²", f"{usl.r_squared:.3g}", "")))
    heads = (Head("Universal Scalability Law", left=True), Head("value"), Head("95 %"))
    return Grid("law", "The curve", heads, tuple(rows))


def fidelity(result: Result) -> list[Block]:
    """Did the load come as planned, do the books balance."""
    blocks: list[Block] = []
    if result.fidelity is not None:
        blocks.append(_fidelity(result.fidelity))
    ledger = _ledger(result)
    blocks.append(ledger or Missing("No ledger: the run has no end record."))
    bad = result.validity.bad_seconds
    if bad:
        rows = tuple((number_cell(number(each.second), each.second), Cell("; ".join(each.causes)),
                      Cell("yes" if each.severe else "no")) for each in bad[:200])  # fmt: skip
        heads = (Head("second"), Head("cause", left=True), Head("severe", left=True))
        note = f"{percent(result.validity.bad_share)} of the hold."
        blocks.append(
            Grid("bad", "Seconds in which the generator was disturbed", heads, rows, note)
        )
    return blocks


def _fidelity(found: Fidelity) -> Grid:
    rows = [
        ("arrivals", found.arrival or DASH),
        ("planned", "–" if found.planned_per_s is None else f"{rate(found.planned_per_s)}/s"),
        ("started", "–" if found.started_per_s is None else f"{rate(found.started_per_s)}/s"),
        ("worst second off by", percent(found.worst_second)),
        ("dispersion of starts", DASH if found.dispersion is None else digits(found.dispersion)),
        ("p of the test",
         DASH if found.p_value is None else chance(found.p_value).lstrip("= ")),
        ("in flight, counted", DASH if found.in_flight is None else digits(found.in_flight)),
        ("in flight, by Little's law", DASH if found.in_flight_by_law is None
         else digits(found.in_flight_by_law)),
        ("the two differ by", percent(found.off)),
        ("verdict", {True: "as planned", False: "not as planned", None: "not judged"}
         [found.as_planned] + (f": {found.why}" if found.why else "")),
    ]  # fmt: skip
    heads = (Head("load as it came", left=True), Head("value", left=True))
    return Grid("fidelity", "Load fidelity and Little's law", heads, tuple(map(cells, rows)))


def _ledger(result: Result) -> Grid | None:
    rows = []
    for book in ("requests", "iterations", "samples"):
        for key, value in (result.ledger.get(book) or {}).items():
            count = sum(value.values()) if isinstance(value, dict) else value
            if isinstance(count, int):
                name = f"{book}: {str(key).replace('_', ' ')}"
                rows.append((Cell(name), number_cell(number(count), count)))
    if not rows:
        return None
    heads = (Head("ledger", left=True), Head("count"))
    note = (
        "planned = started + dropped + unstarted; started = sent + failed before sending; sent = "
        "ok + http errors + transport errors + timeouts + in flight; pushed = drained + lost."
    )
    return Grid("ledger", "Ledger", heads, tuple(rows), note)
