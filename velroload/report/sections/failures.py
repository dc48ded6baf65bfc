"""What failed, when, with examples of what came instead."""

from velroload.analysis.result import Example, Failure, Result
from velroload.report.failures import answer_of
from velroload.report.grid import Block, Cell, Grid, Head, Item, Items, Missing, number_cell
from velroload.report.words import number, percent

SHOWN = 40


def failures(result: Result) -> list[Block]:
    """A table of kinds by endpoint, examples, bursts; one line where nothing failed."""
    found = result.failures
    if not found:
        return [Missing("No request failed.")]
    blocks: list[Block] = [
        Grid(
            "failures",
            "Failures by kind and endpoint",
            (Head("kind", left=True), Head("endpoint", left=True), Head("count"),
             Head("first s"), Head("last s")),
            tuple(
                (
                    Cell(kind_of(each)), Cell(endpoint_of(each)),
                    number_cell(number(each.count), each.count),
                    number_cell(number(each.first_s), each.first_s),
                    number_cell(number(each.last_s), each.last_s),
                )
                for each in found
            ),
            "First and last second of the run in which it was seen.",
            sortable=True,
        )
    ]  # fmt: skip
    if result.bursts:
        blocks.append(_bursts(result))
    items = [_example(each, one) for each in found[:SHOWN] for one in each.examples]
    if items:
        blocks.append(Items("examples", "Examples", tuple(items), "As they came, secrets masked."))
    return blocks


def kind_of(failure: Failure) -> str:
    """The kind in words."""
    return failure.kind.replace("_", " ")


def endpoint_of(failure: Failure) -> str:
    """The endpoint as it is shown."""
    return failure.endpoint + (" (setup)" if failure.setup else "")


def _bursts(result: Result) -> Grid:
    rows = []
    for each in result.bursts:
        cause = "" if each.mark is None else f"{each.after_s or 0:.0f} s after {each.mark} began"
        rows.append(
            (
                Cell(each.kind.replace("_", " ")), Cell(each.endpoint),
                number_cell(f"{each.first_s}–{each.last_s}", each.first_s),
                number_cell(number(each.count), each.count),
                number_cell(percent(each.share), each.share),
                number_cell(percent(each.usual), each.usual),
                Cell(each.phase or ""), Cell(cause),
            )
        )  # fmt: skip
    return Grid(
        "bursts",
        "Bursts",
        (Head("kind", left=True), Head("endpoint", left=True), Head("seconds"), Head("count"),
         Head("share"), Head("usual"), Head("phase", left=True), Head("with", left=True)),
        tuple(rows),
        "Neighbouring seconds with far more failures than the others.",
        sortable=True,
    )  # fmt: skip


def _example(failure: Failure, example: Example) -> Item:
    lines = [
        ("at", f"{example.at_ns / 1e9:.3f} s, worker {example.worker}, user {example.user}"),
        ("sent", f"{example.written_bytes:,} of {example.request_bytes:,} bytes on a "
                 f"{'new' if example.new_connection else 'kept'} connection"),
        ("answer", answer_of(example)),
    ]  # fmt: skip
    lines += [(name, text) for name, text in
              (("errno", example.errno), ("reason", example.reason)) if text]  # fmt: skip
    code = tuple(text for text in (example.text, example.hex) if text)
    return Item(f"{kind_of(failure)} · {endpoint_of(failure)}", "", lines=tuple(lines), code=code)
