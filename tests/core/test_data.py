"""Rows of data sets in the engine: who gets which, in what a user sends, and when there is none."""

from typing import Any

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, read_request
from velroload.plan.data import Data
from velroload.plan.flow import Steps
from velroload.plan.model import Load, Request

ROWS = (("1", "Ann"), ("2", "Bo b"), ("3", "Ç"))
GET = Request("GET", "/${d.id}", (("X-Name", "${d.name}"),))


class Paths:
    """A server that keeps who asked for which path, in order."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    def __call__(self, connection: Any, number: int) -> None:
        while data := read_request(connection):
            self.heads.append(data.decode().partition("\r\n\r\n")[0])
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    @property
    def paths(self) -> list[str]:
        return [head.split(" ")[1][1:] for head in self.heads]


def rows(n: int) -> tuple[tuple[str, ...], ...]:
    return tuple((str(i), f"name {i}") for i in range(n))


def run(data: Data, load: Load, flow: Steps = (GET,), **fields: Any) -> tuple[Rig, Paths]:
    """The flow to its end, one worker."""
    paths = Paths()
    with ScriptedServer(paths) as server:
        rig = Rig(plan_for(server.url, load, flow, data=(data,), **fields)).run()
    return rig, paths


def inline(n: int = 3, **rule: Any) -> Data:
    return Data("d", "inline", ("id", "name"), rows=rows(n), **rule)


def test_cells_are_sent_as_slots_are() -> None:
    data = Data("d", "inline", ("id", "name"), rows=ROWS)
    rig, paths = run(data, iterations(4))
    assert [head.split("\r\n")[0] for head in paths.heads] == [
        "GET /1 HTTP/1.1", "GET /2 HTTP/1.1", "GET /3 HTTP/1.1", "GET /1 HTTP/1.1",
    ]  # fmt: skip
    assert [head.rpartition("X-Name: ")[2] for head in paths.heads] == ["Ann", "Bo b", "Ç", "Ann"]
    balanced(rig)
