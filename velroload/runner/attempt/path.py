"""Where a flow did not go, and why."""

from collections.abc import Iterator

from velroload.plan.flow import Chance, Choice, If, Once, Step, Steps, While, children
from velroload.plan.steps import Request
from velroload.report.words import percent


def left_out(flow: Steps, sent: set[str]) -> Iterator[tuple[str, str]]:
    """(endpoint, why) of the requests that were not sent, each endpoint once."""
    told: set[str] = set()
    for request, above in _requests(flow, ()):
        if request.endpoint not in sent and request.endpoint not in told:
            told.add(request.endpoint)
            yield request.endpoint, _why(above)


def _requests(steps: Steps, above: tuple[Step, ...]) -> Iterator[tuple[Request, tuple[Step, ...]]]:
    for step in steps:
        if isinstance(step, Request):
            yield step, above
        for inside in children(step):
            yield from _requests(inside, (*above, step))


def _why(above: tuple[Step, ...]) -> str:
    """The innermost thing that decides whether it happens."""
    for step in reversed(above):
        match step:
            case Chance():
                return f"probability {percent(float(step.probability))}"
            case Choice():
                return "another branch was chosen"
            case If():
                return f"if {step.condition.source}"
            case While():
                return f"while {step.condition.source}"
            case Once():
                return "once"
    return "the iteration ended before it"
