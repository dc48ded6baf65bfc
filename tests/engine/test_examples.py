"""velroload/engine/examples.py: from untrusted rows to events of the journal."""

import errno
from typing import Any

import numpy as np

from velroload._core import RingReader, RingWriter, format_segment, segment_bytes
from velroload.engine.examples import EXAMPLE, HAS_HEAD, HAS_LENGTH, NEW_CONNECTION, Examples
from velroload.journal import Rows
from velroload.sample import ErrorKind

AT = 8192


def rows_of(*fields: dict[str, Any]) -> Rows:
    rows = np.zeros(len(fields), EXAMPLE)
    for row, values in zip(rows, fields, strict=True):
        for name, value in values.items():
            row[name] = np.frombuffer(value, "u1") if name == "data" else value
    return rows


class Memory:
    """A segment to be filled as a worker would, or as none ever should."""

    def __init__(self) -> None:
        self.buffer = bytearray(segment_bytes(8))
        format_segment(self.buffer, 8)
        self.reader = RingReader(self.buffer)
        self.writer = RingWriter(self.buffer)
        self.written = 0

    def add(self, rows: Rows) -> None:
        at = AT + EXAMPLE.itemsize * self.written
        self.buffer[at : at + rows.nbytes] = rows.tobytes()
        self.written += len(rows)
        self.writer.count("examples", len(rows))


def excerpt(data: bytes, beginning: bool) -> dict[str, str]:
    return {"text": f"{data!r} {beginning}"}


RESET = {"error": ErrorKind.RESET, "number": errno.ECONNRESET, "at_ns": 5, "rendered": 40}


def test_an_event_says_how_far_it_came() -> None:
    memory = Memory()
    data = b"HTTP/1.1 500 No" + bytes(241)
    memory.add(
        rows_of(
            RESET | {"written": 30, "flags": NEW_CONNECTION, "user": 7},
            {
                "error": ErrorKind.STATUS, "status": 500, "received": 60, "body": 4, "length": 9,
                "flags": HAS_LENGTH | HAS_HEAD, "size": 15, "data": data, "endpoint": 1,
            },
        )
    )  # fmt: skip
    examples = Examples([Memory().reader, memory.reader], 2, excerpt)
    first, second = examples.fresh()
    assert first == {
        "at_ns": 5, "event": "failure", "worker": 1, "user": 7, "endpoint": 0, "error": 40,
        "status": None, "errno": "ECONNRESET", "new_connection": True, "request_bytes": 40,
        "written_bytes": 30, "received_bytes": 0, "body_bytes": None, "content_length": None,
    }  # fmt: skip
    assert (second["status"], second["body_bytes"], second["content_length"]) == (500, 4, 9)
    assert second["text"] == "b'HTTP/1.1 500 No' True"
    assert examples.fresh() == []
    memory.add(rows_of(RESET))
    assert len(examples.fresh()) == 1


def test_three_that_differ_over_all_workers() -> None:
    memories = [Memory(), Memory()]
    for memory in memories:
        memory.add(rows_of(*({**RESET, "received": size} for size in (0, 0, 1, 2, 3))))
    found = Examples([memory.reader for memory in memories], 1, excerpt).fresh()
    assert [(event["worker"], event["received_bytes"]) for event in found] == [
        (0, 0), (0, 1), (0, 2)
    ]  # fmt: skip


def test_rows_that_make_no_sense_are_left_out() -> None:
    memory = Memory()
    bad: list[dict[str, Any]] = [
        {**RESET, "endpoint": 2}, {**RESET, "error": 0}, {**RESET, "error": 99},
        {**RESET, "at_ns": -1},
    ]  # fmt: skip
    memory.add(rows_of(*bad))
    assert Examples([memory.reader], 2, excerpt).fresh() == []
    memory.add(rows_of({**RESET, "size": 60_000, "number": -5, "body": 2**64 - 1}))
    (event,) = Examples([memory.reader], 2, excerpt).fresh()
    assert "text" not in event
    assert event["errno"] is None
