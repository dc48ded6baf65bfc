"""A plan file on the command line: read, and changed by flags where that makes sense."""

from typing import TYPE_CHECKING, Any

from velroload.cli.loads import (
    read_amount,
    read_rate,
    read_think,
    read_time,
    refuse_both,
    staged_load,
)
from velroload.cli.request import REQUEST_FLAGS, read_header, secrets_of
from velroload.cli.values import Reader, Values, one_of
from velroload.errors import ConfigError
from velroload.units import parse_duration

if TYPE_CHECKING:
    from velroload.plan.model import Load, Plan

ENDINGS = (".yaml", ".yml")
PLAN_FLAGS = ("var", "set")
NOT_WITH_PLANS = tuple(
    flag for flag in REQUEST_FLAGS if flag not in ("header", "cookies", "server_timing")
)
"""Flags that say what one request is; a plan has requests of its own."""

READERS: dict[str, Reader[Any]] = {
    "users": read_amount,
    "duration": read_time,
    "ramp": parse_duration,
    "think": read_think,
    "arrival": one_of("uniform", "poisson"),
    "max_vus": read_amount,
    "late": one_of("late", "drop"),
    "requests": read_amount,
    "rate": read_rate,
    "request_rate": read_rate,
}
LOAD_FLAGS = (*READERS, "stage")
FIELDS = {"users": "users", "duration": "duration_ns", "ramp": "ramp_ns", "think": "think",
          "arrival": "arrival", "max_vus": "max_vus", "late": "late",
          "requests": "iterations"}  # fmt: skip
"""Flag → the field of a load that it replaces."""


def is_plan(text: str) -> bool:
    """True when what is to be loaded is a plan file, by its ending."""
    return text.endswith(ENDINGS)


def load_file(values: Values, path: str, seed: int | None = None) -> "Plan":
    """The file's plan, with --var and --set. ConfigErrors with every mistake in it."""
    from velroload.plan.loader import load_plan

    return load_plan(
        path,
        variables=values.each("var", lambda text, noun: text),
        settings=values.each("set", lambda text, noun: text),
        environ=values.environ,
        seed=seed,
    )


def read_plan(values: Values, path: str, seed: int) -> "Plan":
    """The file's plan, its load and headers changed by the flags; `seed` where it has none."""
    from dataclasses import replace

    from velroload.plan.steps import Request

    for flag in NOT_WITH_PLANS:
        if values.has(flag):
            raise ConfigError(f"{values.noun(flag)}: the plan has requests of its own; "
                              "change it there, or with --set")  # fmt: skip
    plan = load_file(values, path, seed)
    headers = tuple(values.each("header", read_header))
    names = {name.lower() for name, _ in headers}
    kept = tuple(pair for pair in plan.headers if pair[0].lower() not in names)
    plan = replace(
        plan,
        headers=(*kept, *headers),
        secrets=(*plan.secrets, *secrets_of(Request("GET", "/", headers))),
        cookies=plan.cookies or values.yes("cookies"),
        server_timing=plan.server_timing or values.yes("server_timing"),
    )
    given = [flag for flag in LOAD_FLAGS if values.has(flag)]
    if not given:
        return plan
    if plan.phases or len(plan.scenarios) > 1:
        what = "phases" if plan.phases else "scenarios"
        raise ConfigError(f"{values.noun(given[0])}: the plan has {what}, each with a load of its "
                          f"own; change it there, or with --set {what}…")  # fmt: skip
    scenario = plan.scenarios[0]
    load = changed_load(values, scenario.load)
    return replace(plan, scenarios=(replace(scenario, load=load),))


def changed_load(values: Values, load: "Load") -> "Load":
    """The plan's load with what the flags say; a rate or stages make it another model."""
    from dataclasses import replace

    if values.has("stage"):
        staged = staged_load(values)
        return replace(staged, start_after_ns=load.start_after_ns, warm_up_ns=load.warm_up_ns)
    given = {flag: values.one(flag, read) for flag, read in READERS.items() if values.has(flag)}
    fields: dict[str, Any] = {
        FIELDS[flag]: value for flag, value in given.items() if flag in FIELDS
    }
    if not values.has("rate") and not values.has("request_rate"):
        return replace(load, **fields)
    refuse_both(values, "rate", "request_rate", "both say how many per second")
    if load.stages and "duration_ns" not in fields:
        raise ConfigError(f"{values.noun('rate')}: the plan's load has stages; say how long: -d")
    changes: dict[str, Any] = {
        "model": "constant-arrival-rate",
        "rate": given.get("rate"),
        "request_rate": given.get("request_rate"),
        "stages": (),
        "start": 0,
        "stage_unit": "iterations",
        "think": None,
        "pacing_ns": None,
        **fields,
    }
    return replace(load, **changes)
