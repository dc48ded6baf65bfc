"""The resolved plan as JSON for the run folder, with every secret masked (see mask.py)."""

from dataclasses import asdict
from fractions import Fraction
from typing import Any

from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.mask import Mask
from velroload.plan.model import Connecting, Load, Plan, Scenario
from velroload.plan.steps import Request, Step


def plan_json(plan: Plan) -> dict[str, Any]:
    """What a reader of the run folder may know; durations in ns, rates as numbers per second."""
    mask = Mask(plan.secrets)
    return {
        "name": mask.text(plan.name),
        "target": mask.text(mask.pairs(mask.url(plan.target))),
        "scenarios": [_scenario(scenario, mask) for scenario in plan.scenarios],
        "thresholds": [threshold.source for threshold in plan.thresholds],
        "abort_on": [rule.source for rule in plan.abort_on],
        "connect_timeout_ns": plan.timeouts.connect_ns,
        "timeout_ns": plan.timeouts.request_ns,
        "idle_timeout_ns": plan.timeouts.idle_ns,
        "connections": plan.connections,
        "connecting": _connecting(plan.connecting),
        "seed": plan.seed,
        "allow_hosts": list(plan.allow_hosts),
        "graceful_stop_ns": plan.graceful_stop_ns,
        "headers": mask.headers(plan.headers),
        "cookies": plan.cookies,
        "server_timing": plan.server_timing,
        "tls": asdict(plan.tls) if plan.target.startswith("https:") else None,
    }


def _connecting(connecting: Connecting) -> dict[str, Any]:
    return {
        "keep_alive": connecting.keep_alive,
        "requests_max": connecting.requests_max,
        "warm": connecting.warm,
        "retry": connecting.retry,
        "reset_at_end": connecting.reset_at_end,
        "family": connecting.family,
        "connect_to": [
            [rule.host, rule.port, rule.to_host, rule.to_port] for rule in connecting.connect_to
        ],
        "sources": list(connecting.sources),
    }


def _scenario(scenario: Scenario, mask: Mask) -> dict[str, Any]:
    return {
        "name": mask.text(scenario.name),
        "load": _load(scenario.load),
        "setup": [_step(step, mask) for step in scenario.setup],
        "flow": [_step(step, mask) for step in scenario.flow],
        "requests_per_iteration": float(scenario.requests_per_iteration),
    }


def _load(load: Load) -> dict[str, object]:
    return {
        "model": load.model,
        "users": load.users,
        "rate_per_s": _number(load.rate),
        "request_rate_per_s": _number(load.request_rate),
        "duration_ns": load.duration_ns,
        "ramp_ns": load.ramp_ns,
        "start": _number(load.start),
        "stages": [
            {"duration_ns": stage.duration_ns, "target": _number(stage.target)}
            for stage in load.stages
        ],
        "stage_unit": load.stage_unit,
        "arrival": load.arrival,
        "think": None if load.think is None else str(load.think),
        "iterations": load.iterations,
        "max_vus": load.max_vus,
        "late": load.late,
    }


def _number(value: Fraction | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)


def _step(step: Step, mask: Mask) -> dict[str, object]:
    if not isinstance(step, Request):
        return {"think": str(step)}
    return {
        "method": step.method,
        "path": mask.text(mask.pairs(step.path)),
        "headers": mask.headers(step.headers),
        "body": _body(step.body, mask),
        "stream": step.stream,
        "redirects": step.redirects,
        "compressed": step.compressed,
        "endpoint": mask.text(mask.pairs(step.endpoint)),
        "class": step.cls,
        "expect": [list(pair) for pair in step.expect],
        "timeout_ns": step.timeout_ns,
        "captures": {capture.slot: capture.source for capture in step.captures},
    }


def _body(body: Body | None, mask: Mask) -> object:
    match body:
        case None:
            return None
        case bytes():
            return mask.body(body)
        case File(path=path):
            return {"file": mask.text(path)}
        case Json(content=content):
            return {"json": _body(content, mask)}
        case Form(fields=fields):
            return {"form": [[name, mask.text(mask.named(name, text))] for name, text in fields]}
        case Multipart(parts=parts):
            return {"multipart": [_part(part, mask) for part in parts]}


def _part(part: Part, mask: Mask) -> dict[str, object]:
    content = part.content
    if isinstance(content, File):
        shown: object = {"file": mask.text(content.path)}
    else:
        shown = mask.text(mask.named(part.name, content))
    return {"name": part.name, "content": shown, "type": part.content_type}
