"""Flows of any kind against a server that keeps what was sent."""

import zlib
from typing import Any

from tests.reference.interpreter import Sent
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, read_request
from velroload.plan.flow import (
    Steps,
)
from velroload.plan.model import Request

MS = 1_000_000
MARKS = (("X-User", "${user}"), ("X-Pass", "${iteration}"))


def answer_to(path: str, body: bytes) -> tuple[bool, str]:
    """Whether the server likes a request, and the value that it gives."""
    digest = zlib.crc32(path.encode() + body)
    return digest % 5 > 0, str(digest % 7) if digest % 3 else ""


class Recorder:
    """A server that answers as answer_to says and keeps what each user sent."""

    def __init__(self) -> None:
        self.heads: dict[int, list[tuple[int, Sent]]] = {}

    def __call__(self, connection: Any, number: int) -> None:
        while data := read_request(connection):
            head, _, body = data.partition(b"\r\n\r\n")
            line, *lines = head.decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            method, path, _ = line.split(" ")
            sent = Sent(f"{method} {headers.get('X-Name', '')}", path, body)
            user = self.heads.setdefault(int(headers["X-User"]), [])
            user.append((int(headers["X-Pass"]), sent))
            good, value = answer_to(path, body)
            content = b'{"v": "%s"}' % value.encode()
            status = b"200 OK" if good else b"500 No"
            connection.sendall(
                b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)
            )


def answering(request: Request, path: str, body: bytes) -> tuple[bool, dict[str, str]]:
    """The same answers, for the interpreter."""
    good, value = answer_to(path, body)
    return good, {capture.slot: value for capture in request.captures} if good else {}


def get(name: str, query: str = "", **fields: Any) -> Request:
    return Request("GET", f"/{name}{query}", (("X-Name", name),), endpoint=f"GET {name}", **fields)


def run(flow: Steps, times: int = 1, users: int = 1, **fields: Any) -> tuple[Rig, Recorder]:
    """The flow to its end, against a server that keeps what was sent."""
    recorder = Recorder()
    with ScriptedServer(recorder) as server:
        plan = plan_for(server.url, iterations(times, users), flow, headers=MARKS, **fields)
        return Rig(plan).run(), recorder


def liked(name: str, likes: bool = True) -> str:
    """A name like this one that the server likes, or does not."""
    return next(f"{name}{n}" for n in range(99) if answer_to(f"/{name}{n}", b"")[0] is likes)


def sent_of(recorder: Recorder, user: int = 0) -> list[Sent]:
    return [sent for _, sent in recorder.heads.get(user, [])]


def paths(recorder: Recorder) -> list[str]:
    """What one user asked for."""
    return [sent.path for sent in sent_of(recorder)]
