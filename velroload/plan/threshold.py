"""Thresholds and abort rules: one sentence each, such as "p95(response) < 75ms".

    METRIC [of KIND:NAME] OP LIMIT [over|for DURATION] [abort]

METRIC  p95(QUANTITY) p(99.9)(QUANTITY) max(…) min(…) mean(…): a time, of `response` when no
        quantity is named; a bare number is milliseconds, as in k6
        errors (share of requests that failed), checks (share of responses as expected): a share
        cache (share of look-ups that hit); recovery(EVENT): a time, until all is as before
        rate: complete requests per second
KIND    endpoint, class, group, tag (NAME=VALUE), phase or scenario
OP      < <= > >= ==
NAME    up to the operator, or in quotes when it contains one
over    the worst window of this length counts; `for` is the same word in an abort rule
abort   end the run early when it does not hold (over its window, 1 s without one)

Here: the words and the comparison. What a sample can carry (intervals) is analysis' business.
"""

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

from velroload.errors import ConfigError
from velroload.quantity import QUANTITIES
from velroload.units import parse_duration, parse_rate, parse_share

OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
TIMES = {"max": "max", "min": "min", "mean": "mean", "avg": "mean", "med": "percentile"}
SHARES = ("errors", "checks", "cache")
SELECTORS = ("endpoint", "class", "group", "tag", "phase", "scenario")
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
SECOND_NS = 1_000_000_000
ABORT_WINDOW_MAX_NS = 120 * SECOND_NS
"""The running figures keep so many seconds."""
ABORTABLE = ("percentile", "max", "min", "mean", "errors", "checks", "rate")


class Verdict(StrEnum):
    """What can be said of a threshold or a requirement."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_MEASURED = "NOT MEASURED"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which figures count: one of SELECTORS, and its name; a tag's is NAME=VALUE."""

    kind: str
    name: str

    def chooses(self, row: Mapping[str, Any]) -> bool:
        """True when the figures of this row (an endpoint's, as a run folder has it) count.

        A phase is no property of a row.
        """
        if self.kind == "class":
            return bool(row.get("cls") == self.name)
        if self.kind == "tag":
            return self.name in row.get("tags", ())
        if self.kind == "scenario":
            request = row.get("kind") in ("request", "hop") and not row.get("setup", False)
            return request and row.get("scenario") == self.name
        named = row.get("name") == self.name
        return bool(named and (self.kind == "endpoint" or row.get("kind") == self.kind))


@dataclass(frozen=True, slots=True)
class Threshold:
    """`metric`: percentile | max | min | mean | errors | checks | cache | rate | recovery.

    quantile (0..1) only for percentile; quantity only for times. limit is in `unit`: 'ns',
    'share' (0..1) or 'per_s'. window_ns None: the whole hold counts. subject: the event of
    recovery(EVENT). abort: the run ends early when it does not hold.
    """

    metric: str
    quantile: float | None
    quantity: str | None
    op: str
    limit: float
    unit: str
    selector: Selector | None
    window_ns: int | None
    source: str
    subject: str = ""
    abort: bool = False

    def holds(self, value: float) -> bool:
        """True when `value` (in `unit`) satisfies the comparison; never for NaN."""
        return bool(OPERATORS[self.op](value, self.limit))

    def opposite(self) -> "Threshold":
        """What holds when this does not: the abort rule of a threshold with `abort`."""
        return replace(self, op=OPPOSITE[self.op], abort=False)

    def __str__(self) -> str:
        return self.source


def judge(
    threshold: Threshold,
    observed: float | None,
    n: int,
    interval: tuple[float, float] | None = None,
) -> Verdict:
    """The verdict on an observed value of n samples; no sample is INCONCLUSIVE, never a pass.

    With an interval, PASS needs all of it on the right side and FAIL all of it on the wrong one;
    `==` speaks of what was counted and looks at the observed value alone. Failures are part of
    `observed` (infinity is a value like any other).
    """
    if n <= 0 or observed is None or math.isnan(observed):
        return Verdict.INCONCLUSIVE
    ends = (observed, observed) if interval is None or threshold.op == "==" else interval
    held = [threshold.holds(end) for end in ends]
    if all(held):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE if any(held) else Verdict.FAIL


def check_abort_rule(rule: Threshold) -> None:
    """What the running figures cannot answer is refused, not answered with something else."""
    if rule.quantity not in (None, "response", "service"):
        raise ConfigError(
            f"abort rule {rule.source!r}: {rule.quantity} is known after the run only; "
            "take response or service"
        )
    if rule.window_ns is not None and rule.window_ns > ABORT_WINDOW_MAX_NS:
        raise ConfigError(f"abort rule {rule.source!r}: its window must be at most 2m long")
    if rule.window_ns is not None and rule.window_ns % SECOND_NS:
        raise ConfigError(f"abort rule {rule.source!r}: its window must be whole seconds")


_METRIC = re.compile(r"p\(?(?P<p>[0-9.]+)\)?|(?P<word>[A-Za-z_]+)")
_QUANTITY = re.compile(r"\s*\(\s*(?P<name>[A-Za-z_]*)\s*\)")
_SELECTOR = re.compile(
    rf"\s+of\s+(?P<kind>{'|'.join(SELECTORS)})\s*:\s*"
    r"(?:'(?P<q>[^']*)'|\"(?P<qq>[^\"]*)\"|(?P<n>[^<>=]*(?:(?<=[^<>=\s])=(?=[^<>=\s])[^<>=]*)?))"
)
_OP = re.compile(r"\s*(?P<op><=|>=|==|<|>)\s*")
_LIMIT = re.compile(r"[^\s<>=]+")
_WINDOW = re.compile(r"\s+(?:over|for)\s+(?P<window>\S+)")
_ABORT = re.compile(r"\s+abort\b")
_EVENT = re.compile(r"\s*\(\s*(?P<name>[^()]+?)\s*\)")


def parse_threshold(text: str) -> Threshold:
    """One sentence → Threshold. ConfigError names the column (from 1) and what is accepted."""
    return _Parser(text).parse()


class _Parser:
    """Reads a threshold from left to right; `at` is how far it has come."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = len(text) - len(text.lstrip())

    def parse(self) -> Threshold:
        metric, quantile, quantity, unit = self._metric()
        subject = self._event() if metric == "recovery" else ""
        selector = self._selector()
        op = self._take(_OP)
        if op is None:
            raise self._error("an operator is needed: one of < <= > >= ==")
        limit = self._limit(unit)
        window_ns = self._window()
        abort = self._abort(metric, op["op"])
        if self.text[self.at :].strip():
            self._skip_space()
            raise self._error(
                f"{self.text[self.at :].strip()!r} is not understood; after the limit only "
                "'over 10s' or 'for 10s' may stand, and 'abort'"
            )
        source = self.text.strip()
        return Threshold(
            metric, quantile, quantity, op["op"], limit, unit, selector, window_ns, source,
            subject, abort,
        )  # fmt: skip

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"threshold {self.text!r}, column {self.at + 1}: {what}")

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def _metric(self) -> tuple[str, float | None, str | None, str]:
        begin = self.at
        found = self._take(_METRIC)
        if found and found["p"] is not None:
            return "percentile", self._quantile(found["p"], begin), self._quantity(), "ns"
        word = found["word"] if found else ""
        if word in TIMES:
            return TIMES[word], 0.5 if word == "med" else None, self._quantity(), "ns"
        if word in SHARES:
            return word, None, None, "share"
        if word == "rate":
            return word, None, None, "per_s"
        if word == "recovery":
            return word, None, None, "ns"
        self.at = begin
        raise self._error(
            "it begins with one of p95(response), max(…), min(…), mean(…), errors, checks, cache, "
            "rate, recovery(…)"
        )

    def _event(self) -> str:
        found = self._take(_EVENT)
        if found is None:
            raise self._error("after recovery comes the name of an event: recovery(redis_down)")
        return found["name"]

    def _quantile(self, digits: str, begin: int) -> float:
        if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,9})?", digits) and float(digits) > 0:
            return float(Fraction(digits) / 100)
        self.at = begin
        raise self._error(
            f"p{digits} is not a percentile: write more than 0 and less than 100, such as p99.9"
        )

    def _quantity(self) -> str:
        begin = self.at
        found = self._take(_QUANTITY)
        name = found["name"] if found else "response"
        if name not in QUANTITIES:
            self.at = begin
            raise self._error(f"{name!r} is not a quantity: write one of {', '.join(QUANTITIES)}")
        return name

    def _selector(self) -> Selector | None:
        begin = self.at
        found = self._take(_SELECTOR)
        if found is None:
            if re.match(r"\s+of\b", self.text[self.at :]):
                self._skip_space()
                raise self._error(
                    f"after 'of' comes one of {', '.join(SELECTORS)}, a colon and a name"
                )
            return None
        name = next(part for part in (found["q"], found["qq"], found["n"]) if part is not None)
        if not name.strip():
            self.at = begin
            self._skip_space()
            raise self._error(f"the name is missing: write of {found['kind']}:NAME")
        return Selector(found["kind"], name if found["n"] is None else name.strip())

    def _limit(self, unit: str) -> float:
        begin = self.at
        found = self._take(_LIMIT)
        hint = {"ns": "75ms", "share": "1%", "per_s": "1000/s"}[unit]
        if found is None:
            raise self._error(f"the limit is missing: write a value such as {hint}")
        try:
            return _number(found[0], unit)
        except ConfigError as error:
            self.at = begin
            raise self._error(str(error)) from None

    def _window(self) -> int | None:
        found = self._take(_WINDOW)
        if found is None:
            return None
        begin = found.start("window")
        try:
            window_ns = parse_duration(found["window"], "window")
        except ConfigError as error:
            self.at = begin
            raise self._error(str(error)) from None
        if window_ns < 1_000_000_000:
            self.at = begin
            raise self._error(f"window {found['window']!r}: at least 1s is needed")
        return window_ns

    def _abort(self, metric: str, op: str) -> bool:
        begin = self.at
        if self._take(_ABORT) is None:
            return False
        if metric in ABORTABLE and op in OPPOSITE:
            return True
        self.at = begin
        self._skip_space()
        if op not in OPPOSITE:
            raise self._error(f"abort does not go with {op}: write <= or >=")
        raise self._error(f"abort: {metric} is known after the run only")


def _number(text: str, unit: str) -> float:
    bare = re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text)
    if unit == "ns":
        return float(Fraction(text) * 1_000_000) if bare else float(parse_duration(text, "limit"))
    if unit == "per_s":
        return float(parse_rate(text, "limit"))
    if bare and Fraction(text) <= 1:
        return float(text)
    return float(parse_share(text, "limit"))
