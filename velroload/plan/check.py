"""Checks: what a response must be like, beside its expected status."""

from dataclasses import dataclass

from velroload.plan.values import Expression


@dataclass(frozen=True, slots=True)
class Check:
    """One condition on a response. A response that fails one has ErrorKind CHECK_FAILED.

    kind     subject          condition
    status   –                `ranges` of statuses (a check, unlike expect, does not judge transfer)
    header   header name      `pattern` matches its value somewhere; None: it is there
    json     path such as $.a `equals` (JSON) is the value; None: it is there and not null
    body     –                `pattern` matches somewhere (a text is escaped first)
    size     –                body bytes in low..high (None: open)
    time     response|service at most `limit_ns`
    when     –                `expression` over slots and captures holds
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
