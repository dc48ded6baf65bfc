"""Response times for HdrHistogram's own tools: .hgrm (percentiles) and .hlog (V2, by second)."""

import io
from typing import Any

import numpy as np

from velroload.analysis.cells import SERIES_DIGITS, lower_edges
from velroload.analysis.hold import in_hold
from velroload.histogram import Histogram
from velroload.report.charts.frame import Frame
from velroload.report.kind import Told

INTERVALS = 600
LOWEST_NS, HIGHEST_NS = 100, 3_600_000_000_000
NS_PER_MS = 1e6


def as_hgrm(told: Told) -> bytes:
    """The percentile distribution of the response time of what counts, in ms."""
    held = in_hold(told.data).histogram("response", endpoints=Frame(told).flow)
    out = io.BytesIO()
    _hdr(held, 3).output_percentile_distribution(out, NS_PER_MS)
    return out.getvalue()


def as_hlog(told: Told) -> bytes:
    """A histogram of the response time for every second of the run, or, so that there are INTERVALS
    at most, for every few; in ns, two digits, as they were recorded. Times are seconds since the
    start of the run."""
    from hdrh.log import HistogramLogWriter

    out = io.StringIO()
    writer = HistogramLogWriter(out)
    writer.output_comment("[response times of all requests of the flow, ns, by velroload]")
    writer.output_log_format_version()
    writer.output_legend()
    frame = Frame(told)
    width = max(1, -(-frame.length // INTERVALS))
    for start in range(0, frame.length, width):
        counts = frame.response.between(start, start + width).weights.sum(axis=0).astype(np.int64)
        if not counts.any():
            continue
        histogram = Histogram.from_sparse(frame.response.bins, counts, digits=SERIES_DIGITS)
        # a start of 0 would be taken for "not given"
        writer.output_interval_histogram(
            _hdr(histogram, SERIES_DIGITS), start or 1e-9, start + width, NS_PER_MS
        )
    return out.getvalue().encode()


def _hdr(histogram: Histogram, digits: int) -> Any:
    from hdrh.histogram import HdrHistogram

    made = HdrHistogram(LOWEST_NS, HIGHEST_NS, digits)
    bins, counts = histogram.to_sparse()
    for value, count in zip(lower_edges(digits)[bins].tolist(), counts.tolist(), strict=True):
        made.record_value(max(value, LOWEST_NS), count)
    return made
