"""HdrHistogram's files read back by its own package."""

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from velroload.report.as_hdr import HIGHEST_NS, INTERVALS, LOWEST_NS, as_hgrm, as_hlog
from velroload.report.kind import Told


def test_the_percentiles_are_those_of_the_result(rich: Told) -> None:
    rows = [line.split() for line in as_hgrm(rich).decode().splitlines()]
    table = [tuple(map(float, row[:3])) for row in rows if row and row[0][0].isdigit()]
    times = rich.result.summary.total.response.all
    assert table[-1][2] == times.count
    half = times.percentiles["p50"].value_ns
    assert half is not None
    below = max(value for value, level, _ in table if level <= 0.5)
    above = min(value for value, level, _ in table if level >= 0.5)
    assert below <= half / 1e6 <= above * 1.001
    assert times.max_ns is not None
    assert table[-1][0] == pytest.approx(times.max_ns / 1e6, rel=0.002)


def test_the_log_holds_every_second(tmp_path: Path, rich: Told) -> None:
    path = tmp_path / "run.hlog"
    path.write_bytes(as_hlog(rich))
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, 2))
    counts = []
    while (found := reader.get_next_interval_histogram()) is not None:
        counts.append(found.get_total_count())
    reader.close()
    seconds = rich.data.second_histograms("response", endpoints=list(range(20)))
    assert counts == [histogram.count for _, histogram in sorted(seconds.items())]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_log_of_a_long_run_has_wider_intervals(long: Told) -> None:
    rows = [line.split(",") for line in as_hlog(long).decode().splitlines() if line[0].isdigit()]
    assert len(rows) <= INTERVALS
    assert {row[1] for row in rows} == {"7.000000"}


def test_poor_runs(poor: Told) -> None:
    assert b"Value" in as_hgrm(poor)
    assert as_hlog(poor).startswith(b"#[")
