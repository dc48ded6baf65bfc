"""The table of load models: name → function (Scenario, request timeout in ns) → Schedule."""

from collections.abc import Callable

from velroload.load.constant_arrival_rate import constant_arrival_rate
from velroload.load.constant_vus import constant_vus
from velroload.load.ramping_arrival_rate import ramping_arrival_rate
from velroload.load.ramping_vus import ramping_vus
from velroload.load.schedule import Schedule, delayed
from velroload.load.suite import suite_schedule
from velroload.plan.model import Plan, Scenario

LOAD_MODELS: dict[str, Callable[[Scenario, int], Schedule]] = {
    "constant-vus": constant_vus,
    "ramping-vus": ramping_vus,
    "constant-arrival-rate": constant_arrival_rate,
    "ramping-arrival-rate": ramping_arrival_rate,
}


def schedule(plan: Plan, scenario: Scenario) -> Schedule:
    """When everything of this scenario starts; what comes before start_after, and the warm-up of
    the hold, are outside what is judged."""
    if plan.phases:
        return suite_schedule(plan, plan.scenarios.index(scenario))
    load = scenario.load
    made = LOAD_MODELS[load.model](scenario, plan.timeouts.request_ns)
    return delayed(made, load.start_after_ns, load.warm_up_ns)
