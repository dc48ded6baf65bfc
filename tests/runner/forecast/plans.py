"""Plans from a few lines of YAML, and a machine that can carry anything."""

from velroload.host.preflight import Ports
from velroload.plan.loader import parse_plan
from velroload.plan.model import Plan
from velroload.runner.forecast.forecast import Forecast, forecast
from velroload.runner.forecast.machine import Facts

MACHINE = Facts(
    workers=2,
    descriptors=1_000_000,
    ports=Ports(),
    memory_bytes=64 << 30,
    disk_bytes=1 << 40,
)
HEAD = "name: t\ntarget: http://127.0.0.1:9\n"


def plan_of(text: str) -> Plan:
    """The plan of these lines, with a name and a target where they have none."""
    return parse_plan(text if "target:" in text else HEAD + text, "t.yaml", environ={})


def forecast_of(text: str, facts: Facts = MACHINE) -> Forecast:
    return forecast(plan_of(text), facts)


def told(text: str, facts: Facts = MACHINE) -> list[tuple[bool, str]]:
    """(certain, sentence) of each obstacle."""
    return [(each.certain, each.text) for each in forecast_of(text, facts).obstacles]
