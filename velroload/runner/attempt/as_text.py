"""An attempt as a person reads it: each request and answer, what was captured and checked."""

from collections.abc import Iterator
from typing import Any

from velroload.plan.mask import SECRET_NAME, Mask
from velroload.protocol.decode import decode
from velroload.protocol.judge import judge_of
from velroload.protocol.rooms import ROOM
from velroload.report.table import Style, plain
from velroload.report.words import clean, digits
from velroload.runner.attempt.attempt import Attempt
from velroload.runner.attempt.exchange import Exchange, header, split, unchunked
from velroload.runner.attempt.path import left_out
from velroload.sample import ErrorKind, Kind

BODY_LETTERS = 600
"""Of a body, unless all is wanted."""
BODY_WIDTH = 94
VALUE_LETTERS = 80
KINDS = 3
"""Bits of a sample's flags that say what it times."""
BUILT_IN = ("user", "iteration")
MENDS = {
    ErrorKind.CAPTURE_FAILED: "what a step captures is not in this answer",
    ErrorKind.CAPTURE_TOO_LONG: f"what a step captures has more than {ROOM} bytes, or than its "
    "max_length: give it one that is large enough, such as 2KiB",
}
"""What `FAILED: KIND` does not say by itself."""


def as_text(attempt: Attempt, style: Style = plain, whole: bool = False) -> str:
    """All exchanges, then where the flow did not go, then one line about it all."""
    mask = Mask((*attempt.plan.secrets, *_captured_secrets(attempt)))
    results = _results(attempt)
    lines: list[str] = []
    for place, exchange in enumerate(attempt.trace.exchanges):
        lines += _exchange(attempt, place, exchange, mask, style, whole)
        lines += [*_result(attempt, place, results.get(place), mask, style), ""]
    if attempt.trace.left_out:
        lines += [f"… {attempt.trace.left_out:,} more requests are not shown", ""]
    lines += _unsent(attempt, style)
    lines.append(_ending(attempt, style))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def requests_of(attempt: Attempt) -> Any:
    """The samples of whole requests, in the order of their ends."""
    found = attempt.samples
    return found[(found["flags"] & KINDS) == Kind.REQUEST]


def failures_of(attempt: Attempt) -> int:
    """How many requests failed."""
    return int((requests_of(attempt)["error"] != 0).sum())


def _captured_secrets(attempt: Attempt) -> set[str]:
    """What slots with a secret's name held, at any time."""
    texts = [attempt.texts, *(each.before for each in attempt.trace.exchanges)]
    names = attempt.program.slot_names
    return {
        value
        for row in texts
        for name, value in zip(names, row, strict=True)
        if len(value) > 3 and SECRET_NAME.search(name)
    }


def _results(attempt: Attempt) -> dict[int, Any]:
    """Exchange → the sample of the request that ended with it: of several exchanges (redirects, a
    retry) the last one has it."""
    samples = requests_of(attempt)
    sent_ns = attempt.epoch_ns + samples["sent_ns"]  # just before the write that begins it
    owner: dict[int, int] = {}
    for place, exchange in enumerate(attempt.trace.exchanges):
        begun = (sent_ns <= exchange.sent_ns).nonzero()[0]
        if len(begun):
            owner[int(begun[-1])] = place
    return {place: samples[index] for index, place in owner.items()}


def _exchange(
    attempt: Attempt, place: int, exchange: Exchange, mask: Mask, style: Style, whole: bool
) -> Iterator[str]:
    endpoint = attempt.program.endpoints[int(attempt.steps[exchange.step]["endpoint"])]
    extra = " (log-in)" if endpoint.setup else ""
    yield style("strong", f"{place + 1} {clean(endpoint.name)}{extra}")
    head, body = split(bytes(exchange.sent))
    yield from _message(">", head, body, exchange.sent_bytes, mask, style, whole)
    if exchange.received_bytes:
        head, body = split(bytes(exchange.received))
        yield from _message("<", head, body, exchange.received_bytes, mask, style, whole)


def _message(
    mark: str, head: bytes, body: bytes, size: int, mask: Mask, style: Style, whole: bool
) -> Iterator[str]:
    for line in mask.sent(head.decode("latin-1")).split("\r\n"):
        yield style("dim", f"  {mark} ") + clean(_readable(line))
    if not body:
        return
    yield style("dim", f"  {mark}")
    if header(head, "transfer-encoding").lower().endswith("chunked"):
        body = unchunked(body)
    coding = header(head, "content-encoding")
    decoded = decode(coding.encode(), body) if coding else body
    text = decoded if isinstance(decoded, bytes) else body
    yield from _body(mark, text, size, mask, style, whole)


def _body(
    mark: str, body: bytes, size: int, mask: Mask, style: Style, whole: bool
) -> Iterator[str]:
    if b"\0" in body[:1024] or body[:2] == b"\xff\xd8":
        yield style("dim", f"  {mark} ") + f"({size:,} bytes that are no text)"
        return
    text = _readable(mask.sent(body.decode("latin-1")))
    shown = text if whole else text[:BODY_LETTERS]
    for line in shown.splitlines():
        for at in range(0, len(line) or 1, BODY_WIDTH):
            yield style("dim", f"  {mark} ") + clean(line[at : at + BODY_WIDTH])
    if len(shown) < len(text):
        yield style("dim", f"  {mark} … {len(text) - len(shown):,} letters more (--all)")


def _readable(text: str) -> str:
    """Bytes, one letter each, as the UTF-8 that they are."""
    return text.encode("latin-1", "replace").decode("utf-8", "backslashreplace")


def _result(attempt: Attempt, place: int, sample: Any, mask: Mask, style: Style) -> Iterator[str]:
    if sample is not None:
        error = ErrorKind(int(sample["error"]))
        took = digits((int(sample["end_ns"]) - int(sample["sent_ns"])) / 1e6)
        status = int(sample["status"]) or "no answer"
        said = style("pass", "ok") if not error else style("fail", f"FAILED: {error.name.lower()}")
        yield f"  = {status}, {took} ms: {said}"
        if error in MENDS:
            yield f"    {MENDS[error]}"
    exchange = attempt.trace.exchanges[place]
    step = attempt.steps[exchange.step]
    judged = int(step["capture_count"]) > 0
    row = attempt.program.judges[int(step["capture_first"])] if judged else None
    for arguments in exchange.asked if row is not None else ():
        assert row is not None
        yield from _checks(row, arguments, style)
    filled = set(row["filled"]) if row is not None else set()
    for name, value in _changes(attempt, place):
        noun = "captured" if name in filled else "set"
        shown = mask.named(name, mask.text(value))
        shown = shown if len(shown) <= VALUE_LETTERS else shown[: VALUE_LETTERS - 1] + "…"
        yield f"  = {noun} {name} = {clean(shown)}"


def _checks(row: dict[str, Any], arguments: tuple[Any, ...], style: Style) -> Iterator[str]:
    """Each check alone, on what all of them were given."""
    for check in row["checks"]:
        error, _ = judge_of({**row, "checks": [check]})(*arguments)
        what = check["source"] or check["pattern"] or _ranges(check["ranges"])
        name = f"check {check['kind']}{f' {what}' if what else ''}"
        said = style("fail", "FAILED") if error else style("pass", "ok")
        yield f"  = {clean(name)}: {said}"


def _ranges(ranges: Any) -> str:
    """200 or 200-399, as plans write them."""
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges or ())


def _changes(attempt: Attempt, place: int) -> Iterator[tuple[str, str]]:
    """Slots that hold something else when the next request is sent."""
    exchanges = attempt.trace.exchanges
    last = place + 1 == len(exchanges)
    after = attempt.texts if last else exchanges[place + 1].before
    before = exchanges[place].before
    for name, old, new in zip(attempt.program.slot_names, before, after, strict=True):
        if old != new and name not in BUILT_IN and " " not in name:
            yield name, new


def _unsent(attempt: Attempt, style: Style) -> list[str]:
    names = {
        attempt.program.endpoints[int(attempt.steps[each.step]["endpoint"])].name
        for each in attempt.trace.exchanges
    }
    found = list(left_out(attempt.scenario.flow, names))
    lines = [f"not sent: {clean(name)} ({clean(why)})" for name, why in found]
    return [style("dim", line) for line in lines] + [""] * bool(lines)


def _ending(attempt: Attempt, style: Style) -> str:
    samples = requests_of(attempt)
    failed = failures_of(attempt)
    said = style("fail", f"{failed} FAILED") if failed else style("pass", "all ok")
    noun = "request" if len(samples) == 1 else "requests"
    who = f"user {attempt.user} of scenario {clean(attempt.scenario.name)}"
    return f"{who}, seed {attempt.plan.seed}: {len(samples)} {noun}, {said}"
