"""Requests with spans against real servers: large files, forms, chunks, answers that come early."""

import contextlib
import hashlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer
from tests.servers.site import Site, ok
from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.model import Request, Timeouts
from velroload.sample import ErrorKind

MIB = 1 << 20
SECOND_NS = 1_000_000_000
SLOW = Timeouts(connect_ns=5 * SECOND_NS, request_ns=60 * SECOND_NS)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """5 MiB without a pattern that a shift could hide."""
    file = tmp_path / "large.bin"
    block = hashlib.sha512
    file.write_bytes(b"".join(block(b"%d" % i).digest() for i in range(5 * MIB // 64)))
    return file


def run(url: str, request: Request, n: int = 4, users: int = 2, **fields: Any) -> Rig:
    plan = plan_for(url, iterations(n, users), (request,), timeouts=SLOW, **fields)
    return Rig(plan).run()


def all_ok(rig: Rig, n: int) -> None:
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == n == len(rig.samples)
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["status"] == 200).all()
    rig.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("headers", [(), (("X-User", "${user}"),)])
def test_a_large_file_arrives_whole(
    large: Path, stream: bool, headers: tuple[tuple[str, str], ...]
) -> None:
    request = Request("PUT", "/", headers, File(str(large)), stream)
    with Site(ok) as site:
        rig = run(site.url, request)
    assert {one.body for one in site.seen} == {large.read_bytes()}
    assert [one.headers.get("transfer-encoding") for one in site.seen] == (
        ["chunked" if stream else None] * 4
    )
    if headers:
        assert {one.headers["x-user"] for one in site.seen} == {"0", "1"}
    assert rig.counters["bytes_out"] > 4 * large.stat().st_size
    all_ok(rig, 4)


def test_a_long_text_is_sent_from_where_it_lies() -> None:
    body = b"0123456789" * 100_000
    request = Request("POST", "/${user}", (("X-User", "${user}"),), body)
    with Site(ok) as site:
        rig = run(site.url, request)
    assert {one.body for one in site.seen} == {body}
    assert rig.job.settings["render_bytes"] > 0
    all_ok(rig, 4)


async def tell_form(request: web.Request) -> web.StreamResponse:
    """200 when the form is as it should be, by aiohttp's parser."""
    form = await request.post()
    image = form["image"]
    good = form["prompt"] == "a & b = 0" and form.getall("tag") == ["x", ""]
    if isinstance(image, web.FileField):
        digest = hashlib.sha256(image.file.read()).hexdigest()
        good = good and f"{image.filename} {image.content_type} {digest}" == form["want"]
    else:
        good = good and image == "none"
    return web.Response(status=200 if good else 400)


def test_forms_are_understood(large: Path) -> None:
    want = f"large.png image/png {hashlib.sha256(large.read_bytes()).hexdigest()}"
    common = (("prompt", "a & b = ${user}"), ("tag", "x"), ("tag", ""))
    parts = (
        *(Part(name, value) for name, value in common),
        Part("image", File(str(large)), filename="large.png"),
        Part("want", want),
    )
    bodies: tuple[Body, ...] = (Multipart(parts), Form((*common, ("image", "none"))))
    for body in bodies:
        with Site(tell_form, read=False) as site:
            all_ok(run(site.url, Request("POST", "/", body=body), users=1), 4)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method(method: str) -> None:
    """HEAD is answered with the length of a body that does not come."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="x" * 1000)

    body = None if method == "HEAD" else Json(b'{"a": 1}')
    with Site(answer) as site:
        rig = run(site.url, Request(method, "/a", body=body), n=3, users=1)
    assert [one.method for one in site.seen] == [method] * 3
    assert {one.body for one in site.seen} == {b"" if method == "HEAD" else b'{"a": 1}'}
    assert rig.counters["connections_opened"] == 1
    assert set(rig.samples["bytes_in"] > 1000) == {method != "HEAD"}
    all_ok(rig, 3)


def test_one_slow_reader_does_not_hold_up_another_user(large: Path) -> None:
    """A connection that takes all it is given gives way after its turn."""
    gate = threading.Event()

    def script(connection: socket.socket, number: int) -> None:
        left = large.stat().st_size
        head = connection.recv(100)
        if number == 0:
            gate.wait(20)  # the second upload is done before the first one goes on
        left += head.index(b"\r\n\r\n") + 4 - len(head) if b"\r\n\r\n" in head else 10**9
        while left > 0:
            left -= len(connection.recv(MIB))
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        gate.set()

    with ScriptedServer(script) as server:
        request = Request("PUT", "/", (("User-Agent", "x"),), File(str(large)))
        all_ok(run(server.url, request, n=2, users=2), 2)


def refuse_early(connection: socket.socket, number: int) -> None:
    """413 after the head, and closed with most of the body unread: the kernel answers by RST."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n")


def test_an_early_refusal_is_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "f"
    with file.open("wb") as made:
        made.truncate(50 * MIB)
    with ScriptedServer(refuse_early) as server:
        rig = run(server.url, Request("PUT", "/", body=File(str(file))), n=20, users=4)
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == 20
    assert c["retries"] == 0
    assert set(rig.samples["error"]) == {ErrorKind.STATUS}
    assert set(rig.samples["status"]) == {413}
    assert c["connections_opened"] == 20  # none was used again
    assert c["bytes_out"] < 20 * 50 * MIB
    rig.close()


def test_nothing_more_is_sent_after_an_early_refusal(tmp_path: Path) -> None:
    """The server keeps reading; what it gets after its answer is what the kernel had already."""
    file = tmp_path / "f"
    with file.open("wb") as made:
        made.truncate(100 * MIB)
    got: list[int] = []

    def script(connection: socket.socket, number: int) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\n12345")
        total = 0
        while len(part := connection.recv(MIB)) and total < MIB:
            total += len(part)
        connection.sendall(b"67890")
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(MIB):
                total += len(part)
        got.append(total)

    with ScriptedServer(script) as server:
        rig = run(server.url, Request("PUT", "/", body=File(str(file))), n=1, users=1)
    assert balanced(rig)["requests_sent"] == 1
    assert list(rig.samples["status"]) == [403]
    assert got[0] < 50 * MIB
    rig.close()


def test_an_upload_that_is_cut_off_is_a_failed_transfer(tmp_path: Path) -> None:
    file = tmp_path / "f"
    with file.open("wb") as made:
        made.truncate(50 * MIB)

    def script(connection: socket.socket, number: int) -> None:
        connection.recv(4096)

    with ScriptedServer(script) as server:
        rig = run(server.url, Request("POST", "/", body=File(str(file))), n=5, users=1)
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == 5
    assert set(rig.samples["error"]) <= {ErrorKind.RESET, ErrorKind.BROKEN_PIPE}
    rig.close()
