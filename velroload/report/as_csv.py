"""CSV for spreadsheets: a row per endpoint, per second, per kind of failure. Units in the heads.

What is not known is an empty cell. A text that a spreadsheet would take for a formula gets an
apostrophe before it; what does not print is shown as an escape.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from velroload.analysis.cells import slices
from velroload.analysis.result import QUANTILES, Distribution, Quantity, Row
from velroload.journal import Counter
from velroload.report.charts.frame import Frame, quantiles
from velroload.report.charts.thin import Floats
from velroload.report.kind import Told
from velroload.report.words import clean

SECOND_LEVELS = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
SECOND_COUNTERS = (
    Counter.SCHEDULED, Counter.SENT, Counter.OK, Counter.FAILED, Counter.TRANSPORT,
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Value = str | float | int | bool | None


def summary_csv(told: Told) -> bytes:
    """One row per endpoint, group, iteration and address, the first over all requests."""
    summary = told.result.summary
    heads = [
        "name", "kind", "scenario", "class", "setup", "count", "ok", "failed", "transport",
        "timeouts", "rate_per_s", "failed_share", "failed_share_low", "failed_share_high",
        *_heads("response"), *_heads("service"), "generator_added_p99_ms", "received_bytes",
    ]  # fmt: skip
    return _file(heads, (_row(row) for row in (summary.total, *summary.rows)))


def _heads(name: str) -> list[str]:
    found = []
    for level in QUANTILES:
        found += [f"{name}_{level}_ms", f"{name}_{level}_low_ms", f"{name}_{level}_high_ms"]
    return [*found, f"{name}_max_ms", f"{name}_mean_ms"]


def _row(row: Row) -> list[Value]:
    return [
        row.name, row.kind, row.scenario, row.cls, row.setup, row.count, row.ok, row.failed,
        row.transport, row.timeouts, row.rate_per_s, row.failed_share, row.failed_low,
        row.failed_high, *_times(row.response.all), *_times(row.service.all),
        _ms(row.ours_p99_ns), row.bytes_in,
    ]  # fmt: skip


def _times(times: Distribution) -> list[Value]:
    found: list[Value] = []
    for each in times.percentiles.values():
        found += [_ms(each.value_ns), _ms(each.low_ns), _ms(each.high_ns)]
    return [*found, _ms(times.max_ns), _ms(times.mean_ns)]


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else round(value_ns / 1e6, 6)


def series_csv(told: Told) -> bytes:
    """One row per second of the run, and what the probes read in it."""
    frame = Frame(told)
    series = told.result.summary.series
    probes = {name: _by_second(frame, values) for name, values in frame.probe_values.items()}
    columns: dict[str, Sequence[Value]] = {
        "second": series.second,
        "phase": _phases(frame),
        "due": _whole(frame.counted([Counter.SCHEDULED])),
        "sent": series.sent,
        "completed": series.completed,
        "failed": series.failed,
        "response_p50_ms": [_ms(value) for value in series.p50_ns],
        "response_p95_ms": [_ms(value) for value in series.p95_ns],
        "response_p99_ms": [_ms(value) for value in series.p99_ns],
        "users_active": _whole(frame.live("vus_active")),
        "connections_open": _whole(frame.live("connections_open")),
        **{name: _known(values) for name, values in probes.items()},
    }
    return _file(columns, zip(*columns.values(), strict=True))


def endpoints_csv(told: Told) -> bytes:
    """One row per endpoint, group and iteration and second in which something of it happened."""
    frame = Frame(told)
    heads = [
        "second", "name", "kind", "scenario", "setup", "due", "sent", "ok", "failed",
        "transport", *(f"{time}_{level}_ms" for time in ("response", "service")
                       for level in SECOND_LEVELS),
    ]  # fmt: skip
    ends = told.data.manifest.get("endpoints") or []
    return _file(heads, (row for end in ends for row in _seconds(frame, end)))


def _seconds(frame: Frame, end: dict[str, Any]) -> Iterator[list[Value]]:
    """The rows of one endpoint, second by second."""
    own = (end.get("name"), end.get("kind"), end.get("scenario"), bool(end.get("setup")))
    counts = [frame.counted_of((end["id"],), (counter,)) for counter in SECOND_COUNTERS]
    seconds = np.flatnonzero(np.any(counts, axis=0))
    columns: list[list[Any]] = [count[seconds].astype(np.int64).tolist() for count in counts]
    for quantity in (Quantity.RESPONSE, Quantity.SERVICE):
        parts = slices(frame.told.data, quantity, (end["id"],))
        for times in quantiles(parts, SECOND_LEVELS.values()):
            rounded = np.round(times[seconds] / 1e6, 6).tolist()
            columns.append([None if value != value else value for value in rounded])  # NaN
    for second, *values in zip(seconds.tolist(), *columns, strict=True):
        yield [second, *own, *values]


def _phases(frame: Frame) -> list[Value]:
    found: list[Value] = [None] * frame.length
    for band in frame.bands:
        for second in range(int(band.start_s), min(int(np.ceil(band.end_s)), frame.length)):
            found[second] = f"{band.name} ({band.kind})"
    return found


def _by_second(frame: Frame, values: Floats) -> Floats:
    found = np.full(frame.length, np.nan)
    for time_s, value in zip(frame.probe_times, values, strict=True):
        if 0 <= time_s < frame.length:
            found[int(time_s)] = value
    return found


def _known(values: Floats) -> list[Value]:
    return [None if np.isnan(value) else float(f"{value:.9g}") for value in values.tolist()]


def _whole(values: Floats) -> list[Value]:
    return [None if np.isnan(value) else round(value) for value in values.tolist()]


def errors_csv(told: Told) -> bytes:
    """One row per kind of failure and endpoint, with the first example of it."""
    heads = [
        "kind", "endpoint", "scenario", "setup", "count", "first_s", "last_s", "example_at_s",
        "example_status", "example_errno", "example_reason", "example_sent_back",
    ]  # fmt: skip
    rows = []
    for each in told.result.failures:
        one = each.examples[0] if each.examples else None
        shown: list[Value] = [None] * 5
        if one is not None:
            shown = [one.at_ns / 1e9, one.status, one.errno, one.reason, one.text or one.hex]
        rows.append([each.kind, each.endpoint, each.scenario, each.setup, each.count, each.first_s,
                     each.last_s, *shown])  # fmt: skip
    return _file(heads, rows)


def _file(heads: Iterable[str], rows: Iterable[Sequence[Value]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_cell(head) for head in heads])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Value) -> Value:
    """A number as it is; a text safe for spreadsheets and terminals."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return value
    prefix = "'" if value.startswith(FORMULA) else ""
    return prefix + clean(value)
