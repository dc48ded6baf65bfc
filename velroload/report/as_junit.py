"""JUnit XML for CI: one case per requirement, threshold and phase, and one for the run itself.

FAIL is a failure; INCONCLUSIVE and NOT MEASURED are skipped with the reason, never passed; a run
that is incomplete or INVALID is an error. Written by junitparser.
"""

import io
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from velroload.report.kind import Told
from velroload.report.sections.claims import bounds, observed
from velroload.report.sections.headline import headline, vouched
from velroload.report.words import clean


def as_junit(told: Told) -> bytes:
    """The file."""
    junit: Any = import_module("junitparser")  # heavy, and wanted here only

    result = told.result
    found = junit.JUnitXml(clean(str(result.manifest.get("name") or "run")))
    found.add_testsuite(_suite(junit, "run", [_run(junit, told)]))
    groups: list[tuple[str, list[tuple[str, Any]]]] = [
        ("thresholds", [(each.text, each) for each in result.thresholds]),
        (
            "requirements",
            [(f"{each.id} {each.title}", each) for each in
             (result.compliance.requirements if result.compliance else ())],
        ),
        *(
            (f"phase {phase.name}", [(each.text, each) for each in phase.thresholds])
            for phase in result.suite
        ),
    ]  # fmt: skip
    for name, judged in groups:
        cases = [_case(junit, title, each, name) for title, each in judged]
        if cases:
            found.add_testsuite(_suite(junit, name, cases))
    out = io.BytesIO()
    found.update_statistics()
    found.write(out, pretty=True)
    return out.getvalue()


def _suite(junit: Any, name: str, cases: Iterable[Any]) -> Any:
    suite = junit.TestSuite(clean(name))
    for case in cases:
        suite.add_testcase(case)
    return suite


def _run(junit: Any, told: Told) -> Any:
    head = headline(told)
    case = junit.TestCase("the run is complete and the generator vouches for it", "run")
    case.time = round(told.result.summary.elapsed_s, 3)
    said = " · ".join(vouched(told.result))
    reasons = [text for level, text, _ in head.reasons if level != "NOTE"]
    if head.word in ("INCOMPLETE", "INVALID"):
        why = clean("; ".join(dict.fromkeys([head.why, *head.incomplete, *reasons])))
        case.result = [junit.Error(why, head.word)]
    case.system_out = clean(f"{head.validity}: {said}. {head.why}")
    return case


def _case(junit: Any, title: str, each: Any, group: str) -> Any:
    """A threshold or a requirement: both have a verdict, an observed value and a reason."""
    case = junit.TestCase(clean(title), clean(group))
    span = bounds(each.low, each.high, each.unit)
    seen = f"observed {observed(each.observed, each.infinite, each.unit)}"
    said = clean("; ".join(part for part in (seen, span, each.why, each.suspect) if part))
    if each.verdict == "FAIL":
        case.result = [junit.Failure(said, each.verdict)]
    elif not each.verdict.startswith("PASS"):
        case.result = [junit.Skipped(f"{each.verdict}: {said}")]
    case.system_out = f"{each.verdict}: {said}, n = {each.count}"
    return case
