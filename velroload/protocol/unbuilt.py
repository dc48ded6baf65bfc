"""What a plan can say and this version cannot do yet: refused before anything starts.

The one list of it. A line leaves it in the commit that builds the thing.
"""

from collections.abc import Iterator

from velroload.errors import ConfigError
from velroload.plan.flow import Take, walk
from velroload.plan.model import Plan
from velroload.plan.scenario import Scenario
from velroload.plan.steps import Request

PLAN_FIELDS = (
    "data", "accounts", "setup", "teardown", "probes",
)  # fmt: skip
"""Fields of a plan that have to be empty."""


def refuse_unbuilt(plan: Plan) -> None:
    """ConfigError that names everything in the plan that cannot run yet."""
    found = list(dict.fromkeys(unbuilt(plan)))
    if found:
        raise ConfigError(f"this version reads and checks, but cannot run yet: {', '.join(found)}")


def unbuilt(plan: Plan) -> Iterator[str]:
    """The keys of what cannot run, in a user's words."""
    for name in PLAN_FIELDS:
        if getattr(plan, name):
            yield name
    for scenario in plan.scenarios:
        yield from _of_scenario(scenario)


def _of_scenario(scenario: Scenario) -> Iterator[str]:
    if scenario.session is not None:
        yield "session"
    for step in (*walk(scenario.setup), *walk(scenario.flow)):
        if isinstance(step, Take):
            yield "take"
        elif isinstance(step, Request) and step.on_error == "login":
            yield "on_error: login"
