"""What failed requests looked like: a few of each kind at each endpoint, for whoever must mend it.

The workers write them into the memory that they share with us (core/fault.pxi). Nothing in there is
trusted: every row is checked, and what a server sent leaves here masked and printable only.
"""

import errno
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from velroload._core import RingReader
from velroload.journal import FAILURE
from velroload.rundata import Row
from velroload.sample import ErrorKind

EXAMPLE = np.dtype(
    [
        ("at_ns", "<i8"),
        ("received", "<u8"),
        ("body", "<u8"),
        ("length", "<u8"),
        ("data_at", "<u8"),
        ("written", "<u4"),
        ("rendered", "<u4"),
        ("user", "<u4"),
        ("number", "<i4"),
        ("endpoint", "<u2"),
        ("status", "<u2"),
        ("size", "<u2"),
        ("error", "u1"),
        ("flags", "u1"),
        ("data", "u1", (256,)),
    ]
)
"""One row, as the core writes it: what each field means stands in core/fault.pxi."""
HAS_LENGTH, HAS_HEAD, NEW_CONNECTION, IS_REASON = 1, 2, 4, 8
EACH = 3
KINDS = frozenset(ErrorKind) - {ErrorKind.NONE}

Excerpt = Callable[[bytes, bool], dict[str, str]]
"""Bytes of an answer, and whether they are its first → {"text": …}, {"hex": …} or {}."""


class Examples:
    """Collects from the workers' segments; up to three that differ of each kind and endpoint."""

    def __init__(self, readers: Sequence[RingReader], endpoints: int, excerpt: Excerpt) -> None:
        self._readers = list(readers)
        self._endpoints = endpoints
        self._excerpt = excerpt
        self._taken = [0] * len(self._readers)
        self._shown: dict[tuple[int, int], list[Row]] = {}

    def fresh(self) -> list[Row]:
        """Events for the journal: what the workers have written down since the last call."""
        found = []
        for worker, reader in enumerate(self._readers):
            rows = np.frombuffer(reader.examples(self._taken[worker]), EXAMPLE)
            self._taken[worker] += len(rows)
            found += [event for row in rows if (event := self._event(worker, row)) is not None]
        return found

    def _event(self, worker: int, row: np.void) -> Row | None:
        """None for a row that makes no sense, and for one more that looks like another."""
        error, endpoint = int(row["error"]), int(row["endpoint"])
        if endpoint >= self._endpoints or error not in KINDS or row["at_ns"] < 0:
            return None
        seen = describe(row)
        if 0 < row["size"] <= len(row["data"]):
            data = row["data"].tobytes()[: row["size"]]
            excerpt = self._excerpt(data, bool(row["data_at"] == 0))
            reason = row["flags"] & IS_REASON
            seen |= {"reason": excerpt.get("text")} if reason else excerpt
        shown = self._shown.setdefault((error, endpoint), [])
        if len(shown) == EACH or seen in shown:
            return None
        shown.append(seen)
        where = {"worker": worker, "user": int(row["user"]), "endpoint": endpoint, "error": error}
        return {"at_ns": int(row["at_ns"]), "event": FAILURE} | where | seen


def describe(row: np.void) -> Row:
    """How far it came. `content_length` only where there was one, `errno` by its name."""
    seen: dict[str, Any] = {
        "status": int(row["status"]) or None,
        "errno": errno.errorcode.get(int(row["number"])),
        "new_connection": bool(row["flags"] & NEW_CONNECTION),
        "request_bytes": int(row["rendered"]),
        "written_bytes": int(row["written"]),
        "received_bytes": int(row["received"]),
        "body_bytes": int(row["body"]) if row["flags"] & HAS_HEAD else None,
        "content_length": int(row["length"]) if row["flags"] & HAS_LENGTH else None,
    }
    return seen
