"""`velroload check PLAN`: every mistake of a plan at once, or what it is in a line."""

from typing import TYPE_CHECKING

from velroload.cli.address import read_url
from velroload.cli.planned import load_file
from velroload.cli.run import read_report
from velroload.cli.values import Values
from velroload.cli.words import plan_in_words
from velroload.errors import Exit

if TYPE_CHECKING:
    from velroload.plan.model import Plan


def main(values: Values) -> int:
    """Exit 0 and one line when nothing is wrong; what is assumed beside it."""
    path = values.text("plan")
    assert path is not None
    plan = load_file(values, path)
    check_texts(plan)
    print(f"{path}: no mistakes: {in_words(plan)}")
    for line in notes(plan):
        print(f"{path}: {line}")
    return Exit.PASS


def check_texts(plan: "Plan") -> None:
    """ConfigError for a target or a report that only the command line can judge."""
    from velroload.plan.model import EMBEDDED

    if plan.target != EMBEDDED:
        read_url(plan.target, "target")
    for name in plan.output.reports:
        read_report(name, "output.reports")


def in_words(plan: "Plan") -> str:
    """What is in it."""
    counts = [
        (len(plan.scenarios), "scenario"),
        (len(plan.endpoints), "endpoint"),
        (len(plan.thresholds), "threshold"),
        (len(plan.phases), "phase"),
    ]
    parts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    return f"{', '.join(parts)}; {plan_in_words(plan)}"


def notes(plan: "Plan") -> list[str]:
    """What is taken for granted."""
    from velroload.plan.flow import If, walk

    return [
        f"assumed: {step.condition.source!r} holds half of the time (expect_share says otherwise)"
        for scenario in plan.scenarios
        for step in walk(scenario.flow)
        if isinstance(step, If) and step.expect_share is None
    ]
