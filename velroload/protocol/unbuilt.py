"""What a plan can say and this version cannot do yet: refused before anything starts.

The one list of it. A line leaves it in the commit that builds the thing.
"""

from collections.abc import Iterator

from velroload.errors import ConfigError
from velroload.plan.model import Plan

PLAN_FIELDS: tuple[str, ...] = ()
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
