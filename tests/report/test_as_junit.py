"""JUnit XML: a case per claim; what is not settled is never passed."""

import dataclasses
import xml.etree.ElementTree as ElementTree

import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.as_junit import as_junit
from velroload.report.kind import Told


def suites(told: Told) -> dict[str, list[ElementTree.Element]]:
    root = ElementTree.fromstring(as_junit(told))
    assert root.tag == "testsuites"
    return {suite.get("name", ""): list(suite.iter("testcase")) for suite in root}


def outcome(case: ElementTree.Element) -> str:
    found = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    return found[0] if found else "passed"


def test_a_case_per_threshold_and_requirement(rich: Told) -> None:
    found = suites(rich)
    assert list(found)[:3] == ["run", "thresholds", "requirements"]
    result = rich.result
    assert result.compliance is not None
    for name, judged in (("thresholds", result.thresholds),
                         ("requirements", result.compliance.requirements)):  # fmt: skip
        tags = {"FAIL": "failure", "PASS": "passed", "PASS (suspect)": "passed"}
        assert [outcome(case) for case in found[name]] == [
            tags.get(each.verdict, "skipped") for each in judged
        ]
    assert outcome(found["run"][0]) == "passed"
    assert float(found["run"][0].get("time", "0")) == pytest.approx(30.0)


def test_what_it_says_of_a_failure() -> None:
    slow = rd.build([rd.steady(500, 5.0, 90 * rd.MS)], 5.0)
    data = rd.with_thresholds(slow, "p95(response) < 75ms")
    (case,) = suites(Told(analyse(data), data))["thresholds"]
    (failure,) = case.iter("failure")
    assert (case.get("name"), failure.get("type")) == ("p95(response) < 75ms", "FAIL")
    assert "2,500 of 2,500 above the limit" in (failure.get("message") or "")


def test_an_incomplete_run_is_an_error(plain: Told) -> None:
    data = dataclasses.replace(plain.data, end=None)
    found = suites(Told(analyse(data), data))
    (error,) = found["run"][0].iter("error")
    assert error.get("type") == "INCOMPLETE"
    assert [outcome(case) for case in found["thresholds"]] == ["skipped"]


def test_hostile_texts_are_still_xml(hostile: Told) -> None:
    root = ElementTree.fromstring(as_junit(hostile))
    assert "<script>window.hit=1</script>" in (root.get("name") or "")
    assert b"\x1b" not in as_junit(hostile)


def test_poor_runs(poor: Told) -> None:
    assert suites(poor)["run"]
