"""How long it took: quantiles over time, service against response, heat map, spectrum."""

import math

import numpy as np

from velroload.analysis.cells import Slices, lower_edges, upper_edges
from velroload.analysis.hold import in_hold
from velroload.analysis.interval import samples_needed
from velroload.analysis.result import ThresholdResult
from velroload.histogram import Histogram
from velroload.report.charts.chart import PERCENTILE, Axis, Chart, Heat, Line, absent
from velroload.report.charts.frame import Frame, quantile_series
from velroload.report.charts.load import NO_REQUESTS
from velroload.report.charts.thin import Floats, envelope, known, stretch
from velroload.report.words import ms, number

SHOWN = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
COLUMNS, ROWS_PER_DECADE = 240, 12
SPECTRUM_STEPS = 8
"""Points per halving of what is left above, as HdrHistogram's own plots have them."""
WIDTHS = (1, 2, 5, 10, 30)
"""Seconds that may be looked at together."""
WIDE = 30.0
"""A greatest value so many times the usual one asks for a logarithmic scale."""
SPECTRA = 20
LEAST_NS = 1e5


def over_time(frame: Frame) -> Chart:
    """Quantiles of the response time with the limits of the plan."""
    title = "Response time over time"
    if not frame.length or not frame.response.weights.any():
        return absent("response", title, NO_REQUESTS)
    width = window(frame)
    parts = grouped(frame.response, width)
    series = {
        name: quantile_series(parts, level, samples_needed(level)) for name, level in SHOWN.items()
    }
    series["max"] = quantile_series(parts, 1.0)
    at, thinned = envelope(frame.seconds[::width], [_ms(values) for values in series.values()])
    lines = [
        Line(name, known(values), name, "points" if name == "max" else "line")
        for name, values in zip(series, thinned, strict=True)
        if not np.isnan(values).all()
    ]
    drawn = limits(frame)
    heights = [np.array([value or np.nan for value in line.y]) for line in drawn]
    total = frame.told.result.summary.total.response.all
    worst = series["max"]
    return Chart(
        "response",
        title,
        f"Over what counts, half of the responses came within "
        f"{ms(total.percentiles['p50'].value_ns)} ms, 95 of 100 within "
        f"{ms(total.percentiles['p95'].value_ns)} ms. The slowest of the run took "
        f"{ms(float(np.nanmax(worst)))} ms, near second {int(np.nanargmax(worst)) * width}.",
        f"{_each(width)} A percentile is drawn only where enough requests carry it (p95: 72, p99: "
        "368). Time runs from the scheduled start to the last byte.",
        y=Axis("response time", "ms", log=_is_wide([*thinned, *heights])),
        at=tuple(round(value, 3) for value in at.tolist()),
        lines=(*lines, *drawn),
        per_point_s=float(stretch(len(frame.seconds[::width])) * width),
    )


def window(frame: Frame) -> int:
    """How many seconds are looked at together, so that a typical window carries a p95."""
    counts = frame.response.totals()
    busy = counts[counts > 0]
    typical = float(np.median(busy)) if len(busy) else 0.0
    fit = (width for width in WIDTHS if typical * width >= samples_needed(0.95))
    return next(fit, WIDTHS[-1]) if frame.length > 2 * WIDTHS[-1] else next(fit, 1)


def grouped(parts: Slices, width: int) -> Slices:
    """The same in windows of so many seconds."""
    if width == 1 or not len(parts.weights):
        return parts
    starts = np.arange(0, len(parts.weights), width)
    return Slices(np.add.reduceat(parts.weights, starts, axis=0), parts.bins)


def _each(width: int) -> str:
    return "Each second for itself." if width == 1 else f"In windows of {width} s."


def _ms(values: Floats) -> Floats:
    return values / 1e6


def _is_wide(lines: list[Floats]) -> bool:
    """Whether a plain axis would press most of it, a limit far above included, onto the floor."""
    values = np.concatenate(lines)
    values = values[~np.isnan(values) & (values > 0)]
    return bool(len(values)) and float(values.max() / np.median(values)) > WIDE


def limits(frame: Frame) -> list[Line]:
    """A line for each limit of a percentile of the response time: of the run over all of it, of a
    phase over its hold."""
    result = frame.told.result
    end = float(max(frame.length, 1))
    spans: dict[tuple[float, float, float], str] = {}
    for threshold in result.thresholds:
        if _is_limit(threshold):
            spans.setdefault((0.0, end, threshold.limit / 1e6), threshold.text)
    holds = {band.name: band for band in frame.bands if band.kind == "hold"}
    for phase in result.suite:
        band = holds.get(phase.name)
        for threshold in phase.thresholds:
            if band is not None and _is_limit(threshold):
                spans.setdefault((band.start_s, band.end_s, threshold.limit / 1e6), threshold.text)
    if not spans:
        return []
    by_value: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for (start, stop, value), text in spans.items():
        metric = text.partition("(")[0].partition("<")[0].strip()
        by_value.setdefault((metric, value), []).append((start, stop))
    lines = []
    for (metric, value), parts in by_value.items():
        x: list[float] = []
        y: list[float | None] = []
        for start, stop in sorted(parts):
            x += [start, stop, stop]
            y += [value, value, None]
        name = f"limit {metric} {ms(value * 1e6)} ms"
        lines.append(Line(name, tuple(y[:-1]), "limit", "limit", x=tuple(x[:-1])))
    return lines


def _is_limit(threshold: ThresholdResult) -> bool:
    text = threshold.text
    if text.startswith("recovery"):  # a time, but none of a response
        return False
    return threshold.unit == "ns" and " of " not in text and "service" not in text


def service_against_response(frame: Frame) -> Chart:
    """What the server did against what a user felt."""
    title = "Service time against response time"
    if not frame.length or not frame.response.weights.any():
        return absent("service", title, NO_REQUESTS)
    width = window(frame)
    sides = (("response", frame.response), ("service", frame.service))
    found = [
        (f"{word} {name}", f"{word}_{name}", quantile_series(grouped(parts, width), level, least))
        for name, level, least in (("p50", 0.5, 1), ("p95", 0.95, samples_needed(0.95)))
        for word, parts in sides
    ]
    found = [each for each in found if not np.isnan(each[2]).all()]
    at, thinned = envelope(frame.seconds[::width], [_ms(values) for _, _, values in found])
    summary = frame.told.result.summary.total
    response, service = (
        each.all.percentiles["p95"].value_ns for each in (summary.response, summary.service)
    )
    return Chart(
        "service",
        title,
        f"At p95 the response time was {ms(response)} ms, the service time {ms(service)} ms.",
        "Where the two part, requests waited before they were sent: for a free user or connection, "
        "or for the generator itself.",
        y=Axis("time", "ms", log=_is_wide(thinned)),
        at=tuple(round(value, 3) for value in at.tolist()),
        lines=tuple(
            Line(name, known(values), role)
            for (name, role, _), values in zip(found, thinned, strict=True)
        ),
        per_point_s=float(stretch(len(frame.seconds[::width])) * width),
    )


def heat(frame: Frame) -> Chart:
    """How many responses took how long when: time × log time."""
    title = "Every response: when it came and how long it took"
    weights = frame.response.weights
    if not frame.length or not weights.any():
        return absent("heat", title, NO_REQUESTS)
    width = max(1, math.ceil(len(weights) / COLUMNS))
    bins = frame.response.bins
    low = max(float(lower_edges(2)[bins[0]]), LEAST_NS)
    high = max(float(upper_edges(2)[bins[-1]]), 2 * low)
    first = math.floor(math.log10(low) * ROWS_PER_DECADE)
    last = math.ceil(math.log10(high) * ROWS_PER_DECADE)
    edges = 10 ** (np.arange(first, last + 1) / ROWS_PER_DECADE)
    middles = (lower_edges(2)[bins] + upper_edges(2)[bins]) / 2.0
    rows = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    columns = -(-len(weights) // width)
    grid = np.zeros((len(edges) - 1, columns))
    by_row = np.zeros((len(edges) - 1, len(weights)))
    np.add.at(by_row, rows, weights.T)
    np.add.at(grid.T, np.arange(len(weights)) // width, by_row.T)
    busiest = int(grid.sum(axis=1).argmax())
    return Chart(
        "heat",
        title,
        f"The most usual time was {ms(edges[busiest])} to {ms(edges[busiest + 1])} ms. "
        f"{number(int(weights.sum()))} are shown.",
        "The stronger the colour, the more. Two bands, one above the other, are two kinds of "
        "responses that an average would hide.",
        y=Axis("response time", "ms", log=True),
        heat=Heat(
            tuple(float(place * width) for place in range(columns + 1)),
            tuple(float(f"{edge / 1e6:.4g}") for edge in edges.tolist()),
            tuple(tuple(int(value) for value in row) for row in grid.tolist()),
        ),
        per_point_s=float(width),
    )


def spectrum(frame: Frame) -> Chart:
    """Every percentile at once, the way HdrHistogram plots it."""
    title = "Percentile spectrum"
    result, data = frame.told.result, frame.told.data
    total = result.summary.total.response.all
    if not total.count:
        return absent("spectrum", title, NO_REQUESTS)
    held = in_hold(data)
    lines = []
    for name, quantity in (("response", "response"), ("service", "service")):
        lines += _curve(held.histogram(quantity, endpoints=frame.flow), f"{name} time", name, False)
    rows = [row for row in result.summary.rows if row.kind == "request" and not row.setup]
    for place, row in enumerate(rows[:SPECTRA] if len(rows) > 1 else ()):
        histogram = held.histogram("response", endpoints=row.id)
        lines += _curve(histogram, row.name, f"kind{place % 8}", True)
    return Chart(
        "spectrum",
        title,
        f"Response time: half within {ms(total.percentiles['p50'].value_ns)} ms, 99 of 100 within "
        f"{ms(total.percentiles['p99'].value_ns)} ms, all within {ms(total.max_ns)} ms.",
        "Dotted: fewer samples than the percentile needs for an interval. Endpoints are in the "
        "legend; click one to draw it.",
        x=Axis("percentile", "%", log=True, kind=PERCENTILE),
        y=Axis("time", "ms", log=True),
        lines=tuple(lines),
    )


def _curve(histogram: Histogram, name: str, role: str, hidden: bool) -> list[Line]:
    """A line to the percentile that its sample carries, and a dotted one to the maximum."""
    if not histogram.count:
        return []
    halvings = max(1, math.ceil(math.log2(histogram.count)))
    left = 2.0 ** (-np.arange(halvings * SPECTRUM_STEPS + 1) / SPECTRUM_STEPS)
    left = left[left >= 1.0 / histogram.count]
    levels = 1.0 - left
    values = histogram.percentiles([100.0 * level for level in levels.tolist()])
    x = tuple(float(f"{1.0 / rest:.5g}") for rest in left.tolist())
    y = tuple(value / 1e6 for value in values)
    sure = sum(samples_needed(level) <= histogram.count for level in levels.tolist() if level > 0.0)
    sure = min(sure + 1, len(x))
    lines = [Line(name, known(np.array(y[:sure])), role, x=x[:sure], hidden=hidden)]
    beyond_x = (*x[sure - 1 :], float(histogram.count))
    beyond_y = (*y[sure - 1 :], histogram.max / 1e6)
    dotted = f"{name}, too few samples"
    lines.append(Line(dotted, known(np.array(beyond_y)), role, "dots", x=beyond_x, hidden=hidden))
    return lines
