"""CSV: heads with units, empty cells for the unknown, no formula, no escape sequence."""

import csv
import io

import pytest

from tests.reference.richrun import FORMULAS
from velroload.journal import Counter
from velroload.report.as_csv import endpoints_csv, errors_csv, series_csv, summary_csv
from velroload.report.kind import Report, Told

ALL = [summary_csv, series_csv, endpoints_csv, errors_csv]


def rows(report: Report, told: Told) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report(told).decode(), newline="")))


def test_a_row_per_endpoint(rich: Told) -> None:
    found = rows(summary_csv, rich)
    total = rich.result.summary.total
    assert [row["name"] for row in found[:2]] == ["all requests", "authentication_check"]
    assert len(found) == 1 + len(rich.result.summary.rows)
    assert int(found[0]["count"]) == total.count
    p95 = total.response.all.percentiles["p95"]
    assert p95.value_ns is not None
    assert float(found[0]["response_p95_ms"]) == pytest.approx(p95.value_ns / 1e6)
    assert found[1]["response_p99_9_ms"] == ""  # too few requests to carry it
    assert [row["name"] for row in found if row["setup"] == "yes"] == ["POST /auth/login"]


def test_a_row_per_second_with_what_probes_read(rich: Told) -> None:
    found = rows(series_csv, rich)
    assert [row["second"] for row in found[:3]] == ["0", "1", "2"]
    assert found[0]["phase"] == "warm_up_baseline (ramp)"
    assert sum(int(row["sent"]) for row in found) == 6_000
    assert found[1]["velro.db_limit"] == "210.0"
    assert found[0]["velro.db_limit"] == ""  # not read in that second
    assert found[3]["users_active"] == "500"


def test_a_row_per_second_and_endpoint(rich: Told) -> None:
    found = rows(endpoints_csv, rich)
    for row in rich.result.summary.rows:
        if row.kind == "request":
            own = [each for each in found if each["name"] == row.name]
            every = rich.data.per_second(Counter.OK, endpoints=row.id)[1]
            assert [int(each["ok"]) for each in own if each["ok"] != "0"] == [
                count for count in every.tolist() if count
            ]
    seconds = [int(row["second"]) for row in found if row["name"] == "authentication_check"]
    assert seconds == sorted(set(seconds))
    first = next(row for row in found if row["name"] == "authentication_check")
    p50, p95, p99 = (float(first[f"response_{level}_ms"]) for level in ("p50", "p95", "p99"))
    assert 0 < p50 <= p95 <= p99


def test_a_row_per_failure_with_its_example(rich: Told) -> None:
    found = rows(errors_csv, rich)
    assert sum(int(row["count"]) for row in found) == sum(f.count for f in rich.result.failures)
    shown = [row for row in found if row["example_sent_back"]]
    assert shown[0]["example_status"] == "503"


@pytest.mark.parametrize("report", ALL)
def test_no_cell_is_a_formula_or_a_control_sequence(report: Report, hostile: Told) -> None:
    text = report(hostile).decode()
    assert "\x1b" not in text
    assert "\x07" not in text
    seen = 0
    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            if cell.startswith(("=", "+", "-", "@")):
                float(cell)  # a number of ours
            seen += cell.startswith(tuple("'" + formula for formula in FORMULAS))
    assert seen or report is series_csv


@pytest.mark.parametrize("report", ALL)
def test_poor_runs(report: Report, poor: Told) -> None:
    text = report(poor).decode().lower()
    assert text.endswith("\r\n")
    assert "nan" not in text.replace("unreachable", "")
    assert "inf" not in text
