"""From the flags of `velroload run` to a Plan: a plan file's, a URL's, or the main job's.

Imports of other rooms stand in the functions: --help must not pay for them.
"""

import os
import re
from typing import TYPE_CHECKING

from velroload.cli.address import read_url
from velroload.cli.connecting import make_connecting
from velroload.cli.https import make_tls
from velroload.cli.loads import make_load, read_amount, read_rate, read_time, refuse_both
from velroload.cli.planned import PLAN_FLAGS, is_plan, read_plan
from velroload.cli.request import REQUEST_FLAGS, make_request, secrets_of
from velroload.cli.values import Values, one_of, refusal
from velroload.errors import ConfigError
from velroload.units import format_duration, parse_duration

if TYPE_CHECKING:
    from velroload.plan.model import Load, Plan, Timeouts

SHAPE_FLAGS = ("stage", "requests", "think", "max_vus")
"""Flags that ask for another load than the main job's."""


def make_plan(values: Values, assumed: list[str]) -> "Plan":
    """The plan that is asked for; what was not said and counts is added to `assumed`.

    A plan file, a URL with flags, or the main job; what the flags say wins over the plan.
    """
    from dataclasses import replace

    from velroload.plan.threshold import parse_threshold

    seed = values.one("seed", read_seed)
    plan = base_plan(values, assumed, int.from_bytes(os.urandom(4)) if seed is None else seed)
    stop_ns = values.one("graceful_stop", parse_duration)
    slo = values.each("slo", lambda text, noun: parse_threshold(text))
    aborts = (threshold.opposite() for threshold in slo if threshold.abort)
    return replace(
        plan,
        thresholds=(*plan.thresholds, *slo),
        abort_on=(
            *plan.abort_on,
            *values.each("abort_on", lambda text, noun: parse_threshold(text)),
            *aborts,
        ),
        timeouts=make_timeouts(values, plan.timeouts),
        tls=make_tls(values, plan),
        connections=values.one("connections", read_amount) or plan.connections,
        connecting=make_connecting(values, plan),
        allow_hosts=(*plan.allow_hosts, *values.each("allow_host", read_allowed)),
        graceful_stop_ns=plan.graceful_stop_ns if stop_ns is None else stop_ns,
        seed=plan.seed if seed is None else seed,
    )


def base_plan(values: Values, assumed: list[str], seed: int) -> "Plan":
    """What the flags change afterwards."""
    from velroload.plan.model import Plan, Scenario
    from velroload.runner import embedded

    target = values.text("target")
    if target is not None and is_plan(target):
        return read_plan(values, target, seed)
    for flag in PLAN_FLAGS:
        if values.has(flag):
            raise ConfigError(f"{values.noun(flag)}: it changes a plan; name one: PLAN.yaml")
    if target is not None:
        address = read_url(target, "target")
        request = make_request(values, address)
        load = make_load(values, assumed)
        return Plan(address.place, address.base, (Scenario("main", load, (request,)),), seed=seed,
                    cookies=values.yes("cookies"), server_timing=values.yes("server_timing"),
                    secrets=secrets_of(request))  # fmt: skip
    for flag in REQUEST_FLAGS:
        if values.has(flag):
            raise ConfigError(f"{values.noun(flag)}: the main job on the embedded target has "
                              "requests of its own; name a URL")  # fmt: skip
    return embedded.main_plan(embedded_load(values, assumed), seed)


def make_timeouts(values: Values, known: "Timeouts") -> "Timeouts":
    """Timeouts given, the plan's otherwise; connecting is never allowed more than all."""
    from velroload.plan.model import Timeouts

    request_ns = values.one("timeout", read_time) or known.request_ns
    connect_ns = values.one("connect_timeout", read_time)
    if connect_ns is not None and connect_ns > request_ns:
        raise ConfigError(
            f"{values.noun('connect_timeout')} {format_duration(connect_ns)} is longer than the "
            f"timeout of a whole request, {format_duration(request_ns)}; raise --timeout"
        )
    return Timeouts(connect_ns or min(known.connect_ns, request_ns), request_ns, known.idle_ns)


def embedded_load(values: Values, assumed: list[str]) -> "Load":
    """The main job's load with what the flags change in it; another one when they ask for it."""
    from dataclasses import replace

    from velroload.runner.embedded import main_load

    if any(values.has(flag) for flag in SHAPE_FLAGS):
        return make_load(values, assumed)
    refuse_both(values, "rate", "request_rate", "both say how many per second")
    load = main_load()
    rate = values.one("rate", read_rate)
    ramp_ns = values.one("ramp", parse_duration)
    return replace(
        load,
        users=values.one("users", read_amount) or load.users,
        rate=rate,
        request_rate=None if rate else values.one("request_rate", read_rate) or load.request_rate,
        duration_ns=values.one("duration", read_time) or load.duration_ns,
        ramp_ns=load.ramp_ns if ramp_ns is None else ramp_ns,
        arrival=values.one("arrival", one_of("uniform", "poisson")) or load.arrival,
        late=values.one("late", one_of("late", "drop")) or load.late,
    )


def read_seed(text: str, noun: str) -> int:
    """A whole number that fits in 64 bits."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) >= 2**64:
        raise refusal(noun, text, "write a whole number from 0 to 2^64 - 1")
    return int(text)


def read_allowed(text: str, noun: str) -> str:
    """A host, with a port or a scheme where redirects need them."""
    host = r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+|[^\s:/?#@\[\]]+)"
    if not re.fullmatch(rf"(https?://)?{host}(:[0-9]{{1,5}})?", text):
        raise refusal(noun, text, "write HOST, HOST:PORT or https://HOST:PORT")
    return text
