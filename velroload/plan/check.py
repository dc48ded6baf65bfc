"""Checks: what a response must be like, beside its expected status."""

import json
import re
from dataclasses import dataclass

from velroload.errors import ConfigError
from velroload.plan.jsonpath import check_path
from velroload.plan.slots import references
from velroload.plan.values import Expression
from velroload.units import format_bytes

KINDS = ("status", "header", "json", "body", "size", "time", "when")
IN_RESPONSE = ("status",)
"""Names that a check's expression may use beside slots."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition on a response. A response that fails one has ErrorKind CHECK_FAILED.

    kind     subject          condition
    status   –                `ranges` of statuses (a check, unlike expect, does not judge transfer)
    header   header name      `pattern` matches its value somewhere; None: it is there
    json     path such as $.a `equals` (JSON, its texts may have ${slots}) is the value;
                              None: it is there and not null
    body     –                `pattern` matches somewhere (a text is escaped first)
    size     –                body bytes in low..high (None: open)
    time     response|service at most `limit_ns`
    when     –                `expression` over slots, captures and `status` holds
    """

    name: str
    kind: str
    subject: str = ""
    pattern: str | None = None
    equals: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    low: int | None = None
    high: int | None = None
    limit_ns: int | None = None
    expression: Expression | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a check needs a name")
        if self.kind not in KINDS:
            raise ConfigError(
                f"check {self.name!r}: {self.kind!r} is not one of {', '.join(KINDS)}"
            )
        if self.pattern is not None:
            check_pattern(f"check {self.name!r}", self.pattern)
        _CHECKS.get(self.kind, lambda _: None)(self)

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot that it reads."""
        found = () if self.expression is None else self.expression.slots
        texts = () if self.equals is None else references(self.equals)
        return (*(name for name in found if name not in IN_RESPONSE), *texts)

    @property
    def needs_body(self) -> bool:
        """True when the response's body has to be kept for it."""
        return self.kind in ("json", "body")


def check_pattern(noun: str, pattern: str) -> None:
    """ConfigError when it is no regular expression (of Python's module re, over bytes)."""
    try:
        re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{noun}: {pattern!r} is no regular expression: {error}") from None


def check_ranges(noun: str, ranges: tuple[tuple[int, int], ...]) -> None:
    """ConfigError when a range holds what is no status, or there is none."""
    for low, high in ranges:
        if not 100 <= low <= high <= 999:
            raise ConfigError(f"{noun}: {low}-{high}: statuses run from 100 to 999")
    if not ranges:
        raise ConfigError(f"{noun}: at least one status is needed")


def _header(check: Check) -> None:
    if not check.subject:
        raise ConfigError(f"check {check.name!r}: name a header")


def _json(check: Check) -> None:
    check_path(f"check {check.name!r}", check.subject)
    if check.equals is not None:
        try:
            json.loads(check.equals)
        except ValueError:
            raise ConfigError(f"check {check.name!r}: {check.equals!r} is not JSON") from None


def _body(check: Check) -> None:
    if not check.pattern:
        raise ConfigError(f"check {check.name!r}: write what must be in the body")


def _size(check: Check) -> None:
    low, high = check.low or 0, check.high
    if check.low is None and high is None:
        raise ConfigError(f"check {check.name!r}: write sizes such as 10B..2KiB")
    if low < 0 or (high is not None and high < low):
        most = "" if high is None else format_bytes(max(high, 0))
        raise ConfigError(
            f"check {check.name!r}: {format_bytes(max(low, 0))}..{most}: the smaller comes first"
        )


def _time(check: Check) -> None:
    if check.subject not in ("response", "service"):
        raise ConfigError(f"check {check.name!r}: time of {check.subject!r}: response or service")
    if check.limit_ns is None or check.limit_ns <= 0:
        raise ConfigError(f"check {check.name!r}: a time limit of more than 0 is needed")


def _when(check: Check) -> None:
    if check.expression is None:
        raise ConfigError(f"check {check.name!r}: write a condition")


_CHECKS = {
    "status": lambda check: check_ranges(f"check {check.name!r}", check.ranges),
    "header": _header,
    "json": _json,
    "body": _body,
    "size": _size,
    "time": _time,
    "when": _when,
}
