"""From the flags of `velroload run` to a Plan: defaults, readers, contradictions.

Imports of other rooms stand in the functions: --help must not pay for them.
"""

import os
import re
from fractions import Fraction
from typing import TYPE_CHECKING

from velroload.cli.address import Address, read_url
from velroload.cli.bodies import BODY_FLAGS, make_body
from velroload.cli.connecting import make_connecting
from velroload.cli.https import make_tls
from velroload.cli.values import Values, more_than_nothing, one_of, refusal
from velroload.errors import ConfigError
from velroload.units import format_duration, parse_count, parse_duration, parse_rate

if TYPE_CHECKING:
    from velroload.plan.model import Load, Plan, Stage, Timeouts
    from velroload.plan.steps import Request, Think

DEFAULT_USERS = 10
DEFAULT_DURATION_NS = 10_000_000_000
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key")
"""Headers whose values no report shows."""

REQUEST_FLAGS = ("method", "header", *BODY_FLAGS, "stream", "redirects", "cookies",
                 "compressed", "server_timing")  # fmt: skip
SHAPE_FLAGS = ("stage", "requests", "think", "max_vus")
"""Flags that ask for another load than the main job's."""

read_amount = more_than_nothing(parse_count)
read_time = more_than_nothing(parse_duration)
read_rate = more_than_nothing(parse_rate)


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
    from velroload.cli.planned import PLAN_FLAGS, is_plan, read_plan
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


def make_request(values: Values, address: Address) -> "Request":
    """The one request of a run by URL."""
    from velroload.plan.steps import Request, check_headers

    headers = tuple(values.each("header", read_header))
    check_headers(headers)
    body = make_body(values)
    method = values.text("method") or ("GET" if body is None else "POST")
    return Request(method, address.path, headers, body, values.yes("stream"),
                   redirects=values.one("redirects", read_redirects) or 0,
                   compressed=values.yes("compressed"))  # fmt: skip


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


def make_load(values: Values, assumed: list[str]) -> "Load":
    """The load model that the flags mean."""
    refuse_both(values, "rate", "request_rate", "both say how many per second")
    if values.has("stage"):
        return staged_load(values)
    if values.has("rate") or values.has("request_rate"):
        return arrival_load(values, assumed)
    return closed_load(values, assumed)


def closed_load(values: Values, assumed: list[str]) -> "Load":
    """Users who go round as fast as answers and think time allow."""
    from velroload.plan.model import Load

    for flag in ("arrival", "late", "max_vus"):
        refuse_without_rate(values, flag)
    iterations = values.one("requests", read_amount)
    users = values.one("users", read_amount)
    connections = values.one("connections", read_amount)
    if users is None:
        users = connections or min(DEFAULT_USERS, iterations or DEFAULT_USERS)
        assumed.append(f"{users} users" if users != 1 else "1 user")
    if connections is not None and connections > users:
        raise ConfigError(f"{values.noun('connections')} {connections} is more than the {users} "
                          "users can use; take as many users")  # fmt: skip
    if iterations is not None and iterations < users:
        raise ConfigError(f"{values.noun('requests')} {iterations} is less than one request for "
                          f"each of {users} users; take fewer users")  # fmt: skip
    return Load(
        "constant-vus",
        users=users,
        duration_ns=hold_ns(values, assumed),
        ramp_ns=values.one("ramp", parse_duration) or 0,
        think=values.one("think", read_think),
        iterations=iterations,
    )


def arrival_load(values: Values, assumed: list[str]) -> "Load":
    """Starts at a rate, whatever the target does."""
    from velroload.plan.model import Load

    refuse_both(values, "think", rate_flag(values), "the rate says when a request starts")
    refuse_both(values, "users", "max_vus", "N users are all there are")
    return Load(
        "constant-arrival-rate",
        users=values.one("users", read_amount),
        rate=values.one("rate", read_rate),
        request_rate=values.one("request_rate", read_rate),
        duration_ns=hold_ns(values, assumed),
        ramp_ns=values.one("ramp", parse_duration) or 0,
        iterations=values.one("requests", read_amount),
        max_vus=values.one("max_vus", read_amount),
        arrival=values.one("arrival", one_of("uniform", "poisson")) or "uniform",
        late=values.one("late", one_of("late", "drop")) or "late",
    )


def staged_load(values: Values) -> "Load":
    """A load that goes from stage to stage: users, or a rate."""
    from velroload.plan.model import Load

    refuse_both(values, "duration", "stage", "the stages say how long")
    for flag in ("rate", "request_rate"):
        refuse_both(values, flag, "stage", "the stages say how much; write --stage 30s:100/s")
    pairs = values.each("stage", read_stage)
    stages = tuple(stage for stage, _ in pairs)
    iterations = values.one("requests", read_amount)
    if len({is_rate for _, is_rate in pairs}) > 1:
        raise ConfigError("--stage: some are users (30s:100), some rates (30s:100/s); take one")
    if pairs[0][1]:
        refuse_both(values, "think", "stage", "their rate says when a request starts")
        refuse_both(values, "users", "max_vus", "N users are all there are")
        return Load(
            "ramping-arrival-rate",
            stages=stages,
            iterations=iterations,
            users=values.one("users", read_amount),
            ramp_ns=values.one("ramp", parse_duration) or 0,
            max_vus=values.one("max_vus", read_amount),
            arrival=values.one("arrival", one_of("uniform", "poisson")) or "uniform",
            late=values.one("late", one_of("late", "drop")) or "late",
        )
    for flag in ("arrival", "late", "max_vus"):
        refuse_without_rate(values, flag)
    refuse_both(values, "users", "stage", "the stages say how many; begin with --stage 0s:100")
    refuse_both(values, "ramp", "stage", "the stages are the ramp")
    think = values.one("think", read_think)
    return Load("ramping-vus", stages=stages, think=think, iterations=iterations)


def hold_ns(values: Values, assumed: list[str]) -> int | None:
    """The duration; none is needed where the number of requests ends the run."""
    given = values.one("duration", read_time)
    if given is not None or values.has("requests"):
        return given
    assumed.append(format_duration(DEFAULT_DURATION_NS))
    return DEFAULT_DURATION_NS


def rate_flag(values: Values) -> str:
    """Which of the two rate flags was given."""
    return "rate" if values.has("rate") else "request_rate"


def refuse_both(values: Values, one: str, other: str, why: str) -> None:
    """ConfigError when both were given."""
    if values.has(one) and values.has(other):
        raise ConfigError(f"{values.noun(one)} and {values.noun(other)} exclude each other: {why}")


def refuse_without_rate(values: Values, flag: str) -> None:
    """ConfigError for a flag that means nothing without a rate."""
    if values.has(flag):
        raise ConfigError(f"{values.noun(flag)} needs a rate: add --rate 100 or --stage 30s:100/s")


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


def read_redirects(text: str, noun: str) -> int:
    """How many are followed."""
    from velroload.plan.steps import REDIRECTS_MAX

    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or int(text) > REDIRECTS_MAX:
        raise refusal(noun, text, f"write a whole number from 0 to {REDIRECTS_MAX}")
    return int(text)


def read_stage(text: str, noun: str) -> "tuple[Stage, bool]":
    """ "30s:100" users, "30s:100/s" starts per second: the stage, and whether it is a rate."""
    from velroload.plan.model import Stage

    lasting, colon, level = text.partition(":")
    if not colon:
        raise refusal(noun, text, "write TIME:USERS or TIME:RATE/s, such as 30s:100 or 30s:100/s")
    lasting_ns = parse_duration(lasting, f"{noun} {text!r}: time")
    if "/" in level:
        return Stage(lasting_ns, parse_rate(level, f"{noun} {text!r}: rate")), True
    return Stage(lasting_ns, Fraction(parse_count(level, f"{noun} {text!r}: users"))), False


def read_think(text: str, noun: str) -> "Think":
    """ "1s", "uniform 1s 3s", "exponential 200ms"."""
    from velroload.plan.steps import Think

    try:
        return Think.parse(text)
    except ConfigError:
        forms = "write 1s, 'uniform 1s 3s' (least, most) or 'exponential 200ms' (mean)"
        raise refusal(noun, text, forms) from None


def read_header(text: str, noun: str) -> tuple[str, str]:
    """ "Name: value"."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise refusal(noun, text, "write 'NAME: VALUE'")
    return name, value.strip(" \t")


def secrets_of(request: "Request") -> tuple[str, ...]:
    """Values that no report may show: credentials in headers, whole and what follows a scheme's
    name, and fields of a form with such names."""
    from velroload.plan.body import Form, Multipart
    from velroload.plan.mask import SECRET_NAME

    found = []
    for name, value in request.headers:
        if name.lower() in SECRET_HEADERS:
            found += [value, value.partition(" ")[2]]
    if isinstance(request.body, Form):
        found += [value for name, value in request.body.fields if SECRET_NAME.search(name)]
    if isinstance(request.body, Multipart):
        found += [
            part.content
            for part in request.body.parts
            if isinstance(part.content, str) and SECRET_NAME.search(part.name)
        ]
    return tuple(secret for secret in dict.fromkeys(found) if secret)
