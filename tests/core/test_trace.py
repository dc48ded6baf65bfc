"""The trace: all that is written and read, for one who looks on; nothing for others."""

from typing import Any

import pytest

from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, respond
from velroload import _core
from velroload.plan.model import Capture, Request

Seen = list[tuple[bool, int, int, bytes, tuple[str, ...]]]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Every engine that a rig makes has a trace, which appends here."""
    seen: Seen = []
    made = _core.Engine

    def engine(memory: Any, program: dict[str, Any], judges: Any) -> Any:
        return made(memory, {**program, "trace": lambda *each: seen.append(each)}, judges)

    monkeypatch.setattr(_core, "Engine", engine)
    return seen


def test_what_was_written_and_read_in_its_order(traced: Seen) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a":"b"}'
    flow = (
        Request("GET", "/one", captures=(Capture("a", "$.a"),)),
        Request("GET", "/${a}"),
    )
    with ScriptedServer(respond(answer)) as server:
        Rig(plan_for(server.url, iterations(1), flow)).run()
    assert [(sent, offset, step) for sent, offset, step, _, _ in traced] == [
        (True, 0, 0), (False, 0, 0), (True, 0, 1), (False, 0, 1)
    ]  # fmt: skip
    assert traced[0][3].startswith(b"GET /one HTTP/1.1\r\n")
    assert traced[1][3] == answer
    assert traced[2][3].startswith(b"GET /b HTTP/1.1\r\n")
    assert [texts for *_, texts in traced] == [("",), ("",), ("b",), ("b",)]


def test_long_requests_come_in_pieces_that_add_up(traced: Seen) -> None:
    body = bytes(range(256)) * 8192
    with ScriptedServer(respond(OK)) as server:
        Rig(plan_for(server.url, iterations(1), (Request("POST", "/", body=body),))).run()
    pieces = [(offset, data) for sent, offset, _, data, _ in traced if sent]
    at = 0
    for offset, data in pieces:
        assert offset == at
        at += len(data)
    assert b"".join(data for _, data in pieces).endswith(body)


def test_what_it_raises_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _core.Engine

    def refuse(*each: Any) -> None:
        raise RuntimeError("no more")

    monkeypatch.setattr(
        _core, "Engine", lambda m, program, judges: made(m, {**program, "trace": refuse}, judges)
    )
    with ScriptedServer(respond(OK)) as server, pytest.raises(RuntimeError, match="no more"):
        Rig(plan_for(server.url, iterations(3))).run()
