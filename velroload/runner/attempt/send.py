"""From a plan of one user to its attempt: the target, reached and asked."""

from collections.abc import Callable
from dataclasses import replace

from velroload.plan.model import EMBEDDED, Plan
from velroload.runner.accounts import Keys
from velroload.runner.around import around
from velroload.runner.attempt.attempt import Attempt, attempt
from velroload.runner.handshake import Handshakes
from velroload.runner.jobs import Work
from velroload.runner.options import Options
from velroload.runner.reach import reachable

SPARE_USERS = 10
"""Accounts of the embedded target beside those up to the user's."""


def send(plan: Plan, user: int, options: Options, say: Callable[[str], None]) -> Attempt:
    """Start the embedded target where it is meant, reach the address, do the plan's setup, send,
    and clean up."""
    if plan.target != EMBEDDED:
        return _send(plan, user, options.addresses, options, say)
    from velroload.target.process import TargetProcess  # an HTTP client comes with it

    with TargetProcess().start(None, users=user + SPARE_USERS) as process:
        say(f"target: the embedded one on {process.url} (pid {process.pid})")
        at = (("127.0.0.1", process.port),)
        keys = Keys(process.secret, process.service_key)
        known = replace(plan, target=process.url, accounts=keys.into(plan.accounts))
        return _send(known, user, at, options, say)


def _send(
    plan: Plan,
    user: int,
    addresses: tuple[tuple[str, int], ...],
    options: Options,
    say: Callable[[str], None],
) -> Attempt:
    work = Work.of(plan)
    reached = reachable(addresses, work, 1, Handshakes.of(plan), say)
    with around(plan, reached, options.others, say) as given:
        return attempt(plan, user, reached, options.others, given)
