"""What a request asks of its answer, compiled: captures and checks as one row of a worker's
settings, of which protocol/judge.py makes a function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from velroload.plan.check import Check
from velroload.plan.jsonpath import plain_path
from velroload.plan.steps import Capture, Request
from velroload.protocol.parts import Parts

SET_COOKIE = "set-cookie"


@dataclass(frozen=True, slots=True)
class Asked:
    """`wanted`: numbers of the kept headers that it reads; `reads`, `fills`: of slots, with their
    names beside."""

    captures: tuple[dict[str, Any], ...]
    checks: tuple[dict[str, Any], ...]
    wanted: tuple[int, ...]
    reads: tuple[int, ...]
    fills: tuple[int, ...]
    names: tuple[str, ...]
    filled: tuple[str, ...]
    body: bool

    def to_json(self) -> dict[str, Any]:
        """As a worker reads it."""
        return {
            "captures": list(self.captures),
            "checks": list(self.checks),
            "wanted": list(self.wanted),
            "reads": list(self.reads),
            "fills": list(self.fills),
            "names": list(self.names),
            "filled": list(self.filled),
        }


def ask(request: Request, parts: Parts, header: Callable[[str], int]) -> Asked | None:
    """None where the status alone decides. `header` gives the number of a kept header."""
    if not (request.captures or request.checks):
        return None
    names = tuple(dict.fromkeys(request.checked_slots))
    filled = tuple(capture.slot for capture in request.captures)
    wanted: list[int] = []

    def place(name: str) -> int:
        """Where the header stands among those that this step reads."""
        number = header(name.lower())
        if number not in wanted:
            wanted.append(number)
        return wanted.index(number)

    return Asked(
        captures=tuple(_capture(capture, place) for capture in request.captures),
        checks=tuple(_check(check, place) for check in request.checks),
        wanted=tuple(wanted),
        reads=tuple(parts.slot(name) for name in names),
        fills=tuple(parts.slot(name) for name in filled),
        names=names,
        filled=filled,
        body=any(capture.needs_body for capture in request.captures)
        or any(check.needs_body for check in request.checks),
    )


def _capture(capture: Capture, place: Callable[[str], int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": capture.kind,
        "source": capture.source,
        "default": capture.default,
    }
    if capture.kind == "json":
        row["path"] = plain_path(capture.source)
    elif capture.kind in ("header", "cookie"):
        row["header"] = place(capture.source if capture.kind == "header" else SET_COOKIE)
    return row


def _check(check: Check, place: Callable[[str], int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": check.kind,
        "source": check.subject,
        "pattern": check.pattern,
        "equals": check.equals,
        "ranges": check.ranges,
        "low": check.low,
        "high": check.high,
        "limit_ns": check.limit_ns,
    }
    if check.kind == "json":
        row["path"] = plain_path(check.subject)
    elif check.kind == "header":
        row["header"] = place(check.subject)
    elif check.expression is not None:
        row["source"] = check.expression.source
        row["constants"] = dict(check.expression.constants)
    return row
