"""The resolved plan as JSON for the run folder, with every secret masked.

Masked are: the plan's known secrets wherever they stand, the values of headers that carry
credentials, members of JSON bodies and parameters of query strings and forms with such names,
and a password in the target's URL. A value that is nothing but ${slots} and a scheme's word
("Bearer ${token}") shows no secret and stays.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any
from urllib.parse import quote, quote_plus

from velroload.plan.model import Headers, Load, Plan, Scenario
from velroload.plan.steps import Request, Step

MASK = "***"
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "apikey", "x-auth-token"}
)
SECRET_NAME = re.compile(
    r"passw|secret|token|api[_-]?key|credential|authorization|^(pwd|sig|signature|key|auth)$",
    re.IGNORECASE,
)
_ONLY_SLOTS = re.compile(r"(?:[A-Za-z]+ )?(?:\$\{[A-Za-z0-9_]+\})+")
_PAIR = re.compile(r"([^?&=\s]+)=([^&\s]*)")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")


def plan_json(plan: Plan) -> dict[str, Any]:
    """What a reader of the run folder may know; durations in ns, rates as numbers per second."""
    mask = _Mask(plan.secrets)
    return {
        "name": mask.text(plan.name),
        "target": mask.text(mask.pairs(_PASSWORD.sub(f"{MASK}@", plan.target))),
        "scenarios": [_scenario(scenario, mask) for scenario in plan.scenarios],
        "thresholds": [threshold.source for threshold in plan.thresholds],
        "abort_on": [rule.source for rule in plan.abort_on],
        "connect_timeout_ns": plan.timeouts.connect_ns,
        "timeout_ns": plan.timeouts.request_ns,
        "idle_timeout_ns": plan.timeouts.idle_ns,
        "connections": plan.connections,
        "seed": plan.seed,
        "allow_hosts": list(plan.allow_hosts),
        "graceful_stop_ns": plan.graceful_stop_ns,
        "headers": mask.headers(plan.headers),
        "tls": asdict(plan.tls) if plan.target.startswith("https:") else None,
    }


def _scenario(scenario: Scenario, mask: "_Mask") -> dict[str, Any]:
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


def _step(step: Step, mask: "_Mask") -> dict[str, object]:
    if not isinstance(step, Request):
        return {"think": str(step)}
    return {
        "method": step.method,
        "path": mask.text(mask.pairs(step.path)),
        "headers": mask.headers(step.headers),
        "body": None if step.body is None else mask.body(step.body),
        "endpoint": mask.text(mask.pairs(step.endpoint)),
        "class": step.cls,
        "expect": [list(pair) for pair in step.expect],
        "timeout_ns": step.timeout_ns,
        "captures": {capture.slot: capture.source for capture in step.captures},
    }


class _Mask:
    """Knows the plan's secret values; longest first, so that none leaves a tail of another."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        forms = {
            form
            for secret in secrets
            if secret
            for form in (secret, quote(secret, safe=""), quote_plus(secret))
        }
        self.secrets = sorted(forms, key=len, reverse=True)

    def text(self, value: str) -> str:
        for secret in self.secrets:
            value = value.replace(secret, MASK)
        return value

    def pairs(self, value: str) -> str:
        """name=value pairs of a query string or form."""
        return _PAIR.sub(lambda pair: f"{pair[1]}={self.named(pair[1], pair[2])}", value)

    def named(self, name: str, value: str) -> str:
        if SECRET_NAME.search(name) and not _ONLY_SLOTS.fullmatch(value):
            return MASK
        return value

    def headers(self, headers: Headers) -> list[list[str]]:
        return [
            [
                name,
                MASK
                if name.lower() in SECRET_HEADERS and not _ONLY_SLOTS.fullmatch(value)
                else self.text(self.named(name, value)),
            ]
            for name, value in headers
        ]

    def body(self, body: bytes) -> str:
        """The text of a body; one that is not UTF-8 is only measured."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return f"{len(body)} bytes"
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(self.pairs(text))
        return json.dumps(self.members(document), ensure_ascii=False)

    def members(self, value: object, name: str = "") -> object:
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): self.members(item, str(key)) for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.members(item, name) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(self.named(name, value))
        return MASK if SECRET_NAME.search(name) else value
