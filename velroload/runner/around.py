"""What is done around the load, once per run: the plan's setup and teardown, and its accounts.

Nothing of it is measured. What setup captures is known to every user; accounts are made after it
and removed before the teardown, also when the run is interrupted or fails.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from velroload.errors import Exit, PreflightError, VelroloadError
from velroload.plan.model import Plan
from velroload.protocol.address import Target, pack_all
from velroload.protocol.table import Table
from velroload.runner.accounts import made_accounts
from velroload.runner.service import Service
from velroload.runner.steps import Done, Places, do_steps

TEARDOWN_S = 30.0
"""How long the teardown may take, and as long again the removal of accounts."""

Say = Callable[[str], None]
Address = tuple[str, int]


class Terminated(VelroloadError):
    """SIGTERM outside of the load: leave, and clean up on the way."""

    exit_code = Exit.TERMINATED


@dataclass(frozen=True, slots=True)
class Given:
    """What was made for the run: texts of slots that all users know, and data sets."""

    slots: dict[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()


@contextlib.contextmanager
def around(
    plan: Plan,
    addresses: Sequence[Address],
    others: Sequence[tuple[str, tuple[Address, ...]]],
    say: Say,
) -> Iterator[Given]:
    """Setup and accounts before, their removal and the teardown after. PreflightError, one line,
    when a step of the setup fails or accounts cannot be made."""
    if not (plan.setup or plan.teardown or plan.accounts):
        yield Given()
        return
    places = [
        (Target.of(plan.target), pack_all(addresses)),
        *((Target.of(url), pack_all(found)) for url, found in others),
    ]
    with terminable():
        slots = set_up(plan, places)
        with contextlib.ExitStack() as stack:
            if plan.teardown:
                stack.callback(tear_down, plan, slots, places, say)
            tables: tuple[Table, ...] = ()
            if plan.accounts is not None:
                service = Service.of(plan, addresses[0])
                tables = (stack.enter_context(made_accounts(plan, service, say)),)
            yield Given(slots, tables)


def set_up(plan: Plan, places: Places) -> dict[str, str]:
    """Do the plan's setup; the texts of its slots."""
    if not plan.setup:
        return {}
    done = do_steps(plan, plan.setup, {}, places, strict=True)
    if done.failed:
        raise PreflightError(f"setup: {done.failed[0]}; nothing was measured")
    return done.slots


def tear_down(plan: Plan, slots: dict[str, str], places: Places, say: Say) -> None:
    """Do the plan's teardown; what fails is said, and changes nothing."""
    with undisturbed():
        try:
            done = do_steps(plan, plan.teardown, slots, places, strict=False, limit_s=TEARDOWN_S)
        except (VelroloadError, OSError, ValueError) as error:
            done = Done({}, (str(error),), in_time=True)
    for line in done.failed:
        say(f"teardown: {line}")
    if not done.in_time:
        say(f"teardown: not over after {TEARDOWN_S:g} s")


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM leaves through here, so that what was made is removed. While the load goes on the
    coordinator has it, and puts its default back."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise Terminated("terminated")

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """One more Ctrl-C must not cost what is being done."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
