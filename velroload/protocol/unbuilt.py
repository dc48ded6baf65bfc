"""What a plan can say and this version cannot do yet: refused before anything starts.

The one list of it. A line leaves it in the commit that builds the thing.
"""

from collections.abc import Iterator

from velroload.errors import ConfigError
from velroload.plan.model import Plan
from velroload.plan.scenario import Scenario
from velroload.plan.threshold import Threshold

BUILT_SELECTORS = ("endpoint", "class", "scenario", "tag")
UNBUILT_METRICS = ("cache", "recovery")
PLAN_FIELDS = (
    "phases", "requirements", "probes",
)  # fmt: skip
"""Fields of a plan that have to be empty."""
LOAD_FIELDS = ("start_after_ns", "warm_up_ns")


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
    for threshold in (*plan.thresholds, *plan.abort_on):
        yield from _of_threshold(threshold)


def _of_scenario(scenario: Scenario) -> Iterator[str]:
    for name in LOAD_FIELDS:
        if getattr(scenario.load, name):
            yield name.removesuffix("_ns")


def _of_threshold(threshold: Threshold) -> Iterator[str]:
    if threshold.metric in UNBUILT_METRICS:
        yield f"threshold: {threshold.metric}"
    if threshold.selector is not None and threshold.selector.kind not in BUILT_SELECTORS:
        yield f"threshold of {threshold.selector.kind}:"
