"""The resolved plan as JSON for the run folder, with every secret masked (plan/mask.py)."""

from dataclasses import asdict, fields, is_dataclass
from fractions import Fraction
from typing import Any

from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.flow import Choice, Step, Steps, children
from velroload.plan.load import Load
from velroload.plan.mask import Mask
from velroload.plan.model import Connecting, Plan
from velroload.plan.phase import Event, Phase
from velroload.plan.scenario import Scenario
from velroload.plan.session import Session
from velroload.plan.steps import Request, Think
from velroload.plan.threshold import Threshold


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
        **_only(_suite(plan, mask)),
    }


def _only(given: dict[str, Any]) -> dict[str, Any]:
    """Without what the plan does not say."""
    return {name: value for name, value in given.items() if value}


def _suite(plan: Plan, mask: Mask) -> dict[str, Any]:
    return {
        "variables": {name: mask.text(mask.named(name, text)) for name, text in plan.variables},
        "data": [{**_plain(data, mask), "rows": len(data.rows) or None} for data in plan.data],
        "accounts": None
        if plan.accounts is None
        else {
            name: value
            for name, value in _plain(plan.accounts, mask).items()
            if name not in ("secret", "service_key")
        },
        "setup": _steps(plan.setup, mask),
        "teardown": _steps(plan.teardown, mask),
        "phases": [_phase(phase, mask) for phase in plan.phases],
        "requirements": plan.requirements and _plain(plan.requirements, mask),
        "probes": [
            {
                "name": each.name,
                "kind": each.kind,
                "where": mask.text(mask.pairs(mask.url(each.where))),
                "values": dict(each.values),
            }
            for each in plan.probes
        ],
        "limits": _only(_plain(plan.limits, mask)),
        "cookies": plan.cookies,
    }


def _phase(phase: Phase, mask: Mask) -> dict[str, Any]:
    return {
        **_plain(phase, mask),
        "mix": {endpoint: _number(share) for endpoint, share in phase.mix},
        "thresholds": [threshold.source for threshold in phase.thresholds],
        "events": [_event(event, mask) for event in phase.events],
    }


def _event(event: Event, mask: Mask) -> dict[str, Any]:
    return {
        **_plain(event, mask),
        "url": mask.text(mask.pairs(mask.url(event.url))),
        "headers": mask.headers(event.headers),
        "body": None if event.body is None else mask.body(event.body.encode()),
        "parameters": {name: mask.text(mask.named(name, v)) for name, v in event.parameters},
    }


def _plain(value: Any, mask: Mask) -> Any:
    """A dataclass and what is in it as JSON: rates and shares as numbers, texts masked."""
    if isinstance(value, Fraction):
        return _number(value)
    if isinstance(value, Threshold):
        return value.source
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name), mask) for each in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item, mask) for item in value]
    return mask.text(mask.pairs(value)) if isinstance(value, str) else value


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
        "setup": _steps(scenario.setup, mask),
        "flow": _steps(scenario.flow, mask),
        "requests_per_iteration": float(scenario.requests_per_iteration)
        if scenario.is_predictable
        else None,
        **_only({"session": scenario.session and _session(scenario.session, mask)}),
    }


def _session(session: Session, mask: Mask) -> dict[str, Any]:
    renew = session.renew
    return {
        "when": session.when,
        "steps": _steps(session.steps, mask),
        "headers": mask.headers(session.headers),
        "rate_max_per_s": _number(session.rate_max_per_s),
        "renew": renew and {**_plain(renew, mask), "steps": _steps(renew.steps, mask)},
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
        "pacing_ns": load.pacing_ns,
        "start_after_ns": load.start_after_ns,
        "warm_up_ns": load.warm_up_ns,
    }


def _number(value: Fraction | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)


def _steps(steps: Steps, mask: Mask) -> list[dict[str, object]]:
    return [_step(step, mask) for step in steps]


def _step(step: Step, mask: Mask) -> dict[str, object]:
    if isinstance(step, Think):
        return {"think": str(step)}
    if isinstance(step, Choice):
        return {
            "choice": [
                {"weight": _number(weight), "steps": _steps(inside, mask)}
                for weight, inside in step.branches
            ]
        }
    if not isinstance(step, Request):
        given = {
            each.name: _plain(getattr(step, each.name), mask)
            for each in fields(step)
            if getattr(step, each.name) not in children(step)
        }
        lists = [_steps(inside, mask) for inside in children(step)]
        return {type(step).__name__.lower(): given, **({"steps": lists} if lists else {})}
    return _request(step, mask)


def _request(step: Request, mask: Mask) -> dict[str, object]:
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
        **_only(
            {
                "checks": [_plain(check, mask) for check in step.checks],
                "tags": dict(step.tags),
                "on_error": step.on_error if step.on_error != "continue" else None,
            }
        ),
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
