"""What was planned and not sent, and whether the target was what held it back."""

from velroload.analysis.books import evidence, ledger, used_up
from velroload.analysis.cells import count_above, counter_values
from velroload.analysis.hold import ended_ns, phase_rows
from velroload.analysis.result import Quantity
from velroload.analysis.summary import is_flow
from velroload.journal import Counter
from velroload.load.phases import HOLD
from velroload.rundata import RunData
from velroload.sample import ErrorKind

WAITED_NS = 1_000_000
"""A start that waited longer than this for a user or connection met a slow target, not us."""
WAITED_SHARE = 0.01


def unsent(data: RunData, held: RunData) -> tuple[int, float, bool]:
    """(planned starts not made, their share, whether the target was what held them back)."""
    if data.manifest.get("suite"):
        return _in_holds(data, held)
    end = data.end or {}
    if end.get("ended") != "planned" or end.get("incomplete") or used_up(data):
        return 0, 0.0, False  # it ended before, and that is said
    book = ledger(data, "iterations")
    if not book.get("planned"):
        book = ledger(data, "requests")
    planned = book.get("planned") or 0
    dropped, unstarted = book.get("dropped") or 0, book.get("unstarted") or 0
    missing = dropped + unstarted
    requests = ledger(data, "requests")
    silent = (requests.get("timeouts") or 0) + (requests.get("in_flight") or 0)
    limited = _target_limits(data, silent) or dropped > unstarted
    return missing, missing / planned if planned else 0.0, limited


def _in_holds(data: RunData, held: RunData) -> tuple[int, float, bool]:
    """The same of the holds of a suite that the run came through."""
    counted = {row["id"]: row for row in evidence(data).get("phases") or []}
    planned = started = dropped = 0
    for row in phase_rows(data):
        own = counted.get(row["id"])
        done = row["end_ns"] is not None and row["end_ns"] <= ended_ns(data)
        if own and done and row["kind"] == HOLD and row.get("planned") is not None:
            planned += row["planned"]
            started += own["started"]
            dropped += own["dropped"]
    missing = max(0, planned - started)
    flow = [e["id"] for e in data.manifest.get("endpoints", []) if is_flow(e)]
    silent = counter_values(held, flow).get(Counter.ERROR + ErrorKind.TIMEOUT, 0)
    limited = _target_limits(held, silent) or 2 * dropped > missing
    return missing, missing / planned if planned else 0.0, limited


def _target_limits(data: RunData, silent: int) -> bool:
    """Users waited for the target, or it did not answer."""
    flow = [e["id"] for e in data.manifest.get("endpoints", []) if is_flow(e)]
    wait = data.histogram(Quantity.WAIT, endpoints=flow)
    complete = data.histogram(Quantity.RESPONSE, endpoints=flow).count
    waited = count_above(wait, WAITED_NS)[0] > WAITED_SHARE * complete
    return waited or complete == 0 or silent > WAITED_SHARE * complete
