"""report/suite.py: a block per phase, its verdict first, and never more than forty lines."""

from tests.analysis.test_suite import row, said, suite, three
from velroload.analysis.analyse import analyse
from velroload.report.as_text import LINES, as_text
from velroload.report.table import WIDTH

THRESHOLDS = ("p95 < 50ms", "max < 60ms", "mean < 50ms", "min < 50ms", "errors < 1%")


def test_phases_that_pass_are_a_line_each() -> None:
    lines = as_text(analyse(three("p95(response) < 50ms"))).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(" verdict"))
    assert lines[0].startswith("PASS  synthetic: 1 gate phase holds")
    assert lines[at].split() == [
        "verdict", "phase", "users", "of", "/s", "/s", "failed", "p50", "p95", "p99", "ms", "n",
    ]  # fmt: skip
    assert [line.split()[:5] for line in lines[at + 1 : at + 4]] == [
        ["PASS", "a", "5", "100.0", "100.0"],
        ["PASS", "b", "(gate)", "5", "100.0"],
        ["PASS", "c", "5", "100.0", "100.0"],
    ]
    assert "       holds of 30 s in all; ramps and cool-downs not counted: 900 requests" in lines


def test_what_does_not_hold_stands_beneath_its_phase() -> None:
    result = analyse(three(*THRESHOLDS, slow="c"))
    assert said(result)[2] == ("c", "FAIL")
    lines = as_text(result).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(" FAIL"))
    beneath = [line.split()[0] for line in lines[at + 1 : at + 3]]
    assert beneath[0] == "p95"
    verbose = as_text(result, verbose=True)
    assert all(verbose.count(f"    {text}") == 3 for text in THRESHOLDS)


def test_forty_lines_for_six_phases() -> None:
    rows = [row(name, 13 * n, *THRESHOLDS) for n, name in enumerate("abc")]
    result = analyse(suite(*rows, slow="a", bad="b"))
    assert [verdict for _, verdict in said(result)] == ["FAIL", "FAIL", "PASS"]
    doubled = type(result)(**{
        name: getattr(result, name) for name in result.__slots__
    } | {"suite": result.suite * 2})  # fmt: skip
    lines = as_text(doubled, folder="/f").splitlines()
    assert any(line.endswith("lines more: -v") for line in lines)
    assert len(lines) <= LINES
    assert all(len(line) <= WIDTH for line in lines)


def test_an_event_that_failed_is_said_of_a_phase_that_informs() -> None:
    wanted = [{"name": "down", "kind": "fault", "at_ns": 5 * 10**9, "for_ns": 0}]
    rows = [row("a", 0, "p95 < 50ms", events=wanted), row("b", 13, gate=True), row("c", 26)]
    result = analyse(suite(*rows))
    assert (result.verdict, result.validity.verdict) == ("PASS", "VALID")
    lines = as_text(result).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(" PASS"))
    assert lines[at + 1] == "   event down failed: it did not happen"
