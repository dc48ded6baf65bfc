"""What failed, for people: a line per kind and endpoint, and what such an answer looked like."""

from collections.abc import Iterator

from velroload.analysis.result import Example, Failure, Result
from velroload.report.table import WIDTH
from velroload.report.words import clean, cut

SHOWN = 3
INDENT = 12


def failure_lines(result: Result, *, verbose: bool) -> Iterator[str]:
    """The most frequent failures with an example each; all of both when verbose."""
    shown = result.failures if verbose else result.failures[:SHOWN]
    for failure in shown:
        yield _line(INDENT, _head(failure))
        for example in failure.examples if verbose else failure.examples[:1]:
            yield _line(INDENT + 2, _seen(example))
    hidden = len(result.failures) - len(shown)
    if hidden:
        yield _line(INDENT, f"… and {hidden} more: -v")


def _line(indent: int, text: str) -> str:
    return " " * indent + cut(text, WIDTH - indent)


def _head(failure: Failure) -> str:
    kind = failure.kind.replace("_", " ")
    setup = " (setup)" if failure.setup else ""
    first, last = failure.first_s, failure.last_s
    when = f"in second {first}" if first == last else f"in seconds {first} to {last}"
    return f"{failure.count:,} {kind} · {clean(failure.endpoint)}{setup} · {when}"


def _seen(example: Example) -> str:
    """What the server sent, where it is known; else how far the request came."""
    if example.text is not None:
        return f"sent: {clean(example.text)}"
    if example.hex is not None:
        return f"sent, hex: {clean(example.hex)}"
    parts = [clean(name) for name in (example.errno, example.reason) if name]
    if example.written_bytes < example.request_bytes:
        parts.append(f"{example.written_bytes:,} of {example.request_bytes:,} bytes sent")
    parts.append(answer_of(example))
    return ", ".join(parts)


def answer_of(example: Example) -> str:
    """How far an answer came."""
    if not example.received_bytes:
        return "no byte of an answer"
    if example.body_bytes is None:
        return f"{example.received_bytes:,} bytes of a head"
    whole = "" if example.content_length is None else f" of {example.content_length:,}"
    return f"status {example.status}, {example.body_bytes:,}{whole} bytes of the body"
