"""`velroload try PLAN`: one user's iteration, sent for real, each request and answer shown."""

from dataclasses import replace
from typing import TYPE_CHECKING

from velroload.cli.check import check_texts
from velroload.cli.flags import read_allowed, read_seed
from velroload.cli.planned import load_file
from velroload.cli.progress import make_ui, style_for
from velroload.cli.run import with_addresses
from velroload.cli.values import Values, refusal
from velroload.errors import Exit
from velroload.units import parse_count

if TYPE_CHECKING:
    from velroload.plan.model import Plan


def main(values: Values) -> int:
    """Print what was sent and what came back; 0 when every request was as expected, else 99."""
    from velroload.runner.attempt.as_text import as_text, failures_of
    from velroload.runner.attempt.send import send
    from velroload.runner.options import Options

    path = values.text("plan")
    assert path is not None
    plan = load_file(values, path)
    check_texts(plan)
    user = values.one("user", read_user) or 0
    seed = values.one("seed", read_seed)
    allowed = (*plan.allow_hosts, *values.each("allow_host", read_allowed))
    plan = replace(plan, allow_hosts=allowed, seed=plan.seed if seed is None else seed)
    plan = one_user(values, plan, user)
    ui = make_ui(False, not values.yes("no_color"), values.environ)
    options = with_addresses(Options(), values.environ, plan, ui)
    made = send(plan, user, options, ui.say)
    colour = not values.environ.get("NO_COLOR") and not values.yes("no_color")
    print(as_text(made, style_for(colour), values.yes("all")), end="")
    return Exit.FAIL if failures_of(made) else Exit.PASS


def one_user(values: Values, plan: "Plan", user: int) -> "Plan":
    """The plan cut down to the user that is asked for."""
    from velroload.runner.attempt.attempt import alone

    return alone(plan, values.text("phase"), values.text("scenario"), user)


def read_user(text: str, noun: str) -> int:
    """A user's number, from 0."""
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise refusal(noun, text, "write a user's number, from 0")
    return parse_count(text)
