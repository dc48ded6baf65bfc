"""Pages as sources, against real sockets: right, stopped, hanging, lying, slow, endless."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from tests.probe.asking import ask, refusal
from tests.servers.scripted import Script, ScriptedServer, read_request, respond
from velroload.plan.probe import Probe
from velroload.probe import page
from velroload.probe.source import MissingError, Reading
from velroload.probe.web import AgentSource, JsonSource, PrometheusSource, number, unit_of

TEXT = b'hits_total{layer="L1"} 7\nhits_total{layer="L2"} 5\nup 1\n'
DOCUMENT = b'{"pools": {"open": 47, "in use": 3}, "list": [{"n": 1.5}, {"n": 2}], "up": true,' \
    b' "state": "half_open", "name": "x", "none": null}'  # fmt: skip


def answer(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n" % (status, len(body), more)
    return head + body


def prometheus(url: str, **more: Any) -> PrometheusSource:
    values = (("l1", 'hits_total{layer="L1"}'), ("all", "hits_total"), ("no", "misses_total"))
    return PrometheusSource(Probe("p", "prometheus", url, values, **more))


def document(url: str, *pairs: tuple[str, str], **more: Any) -> JsonSource:
    values = pairs or (("open", "$.pools.open"),)
    return JsonSource(Probe("j", "json", url, values, **more))


def test_prometheus() -> None:
    with ScriptedServer(respond(answer(TEXT))) as server:
        source = prometheus(server.url)
        (found, _) = ask(source, 2)
        assert server.connections == 1, "the connection is kept"
    assert found.values == {"l1": 7, "all": 12}
    assert found.absent == {"no": "no such metric is there"}
    assert source.figures["l1"].says == 'hits_total{layer="L1"}'


def test_json() -> None:
    pairs = (("open", "$.pools.open"), ("used", "$.pools['in use']"), ("n", "$.list[1].n"),
             ("sum", "$.list[*].n"), ("up", "$.up"), ("state", "$.state"), ("name", "$.name"),
             ("none", "$.none"), ("gone", "$.pools.open.more"), ("far", "$.list[7]"),
             ("any", "$..nothing"))  # fmt: skip
    with ScriptedServer(respond(answer(DOCUMENT))) as server:
        source = document(server.url, *pairs, roles=(("breaker_db", "state"),))
        (found,) = ask(source)
    assert found.values == {
        "open": 47, "used": 3, "n": 2, "sum": 3.5, "up": 1, "state": 1,
    }  # fmt: skip
    assert found.absent == {
        "name": '"x" is no number', "none": "null is no number", "gone": "nothing is there",
        "far": "nothing is there", "any": "nothing is there",
    }  # fmt: skip
    assert source.figures["state"].unit == "state"


def test_the_request() -> None:
    heads: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while head := read_request(connection):
            heads.append(head)
            connection.sendall(answer(b"{}"))

    with ScriptedServer(script) as server:
        at = server.url.removeprefix("http://")
        ask(document(f"http://user:p%40ss@{at}/a/b?c=d"))
        ask(AgentSourceOf(server.url))
    assert heads[0].startswith(b"GET /a/b?c=d HTTP/1.1\r\nHost: " + at.encode() + b"\r\n")
    assert b"\r\nAuthorization: Basic dXNlcjpwQHNz\r\n" in heads[0]
    assert heads[1].startswith(b"GET /metrics HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer secret\r\n" in heads[1]


class AgentSourceOf(AgentSource):
    """One that takes any page."""

    def __init__(self, url: str) -> None:
        super().__init__(Probe("a", "agent", url, token="secret"))

    async def read(self) -> Reading:
        await self._page.get()
        return Reading({})


def test_stopped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert refusal(document(f"http://127.0.0.1:{port}/")) == "connection refused"


def hang(connection: socket.socket, number: int) -> None:
    while connection.recv(65536):
        pass


def drip(connection: socket.socket, number: int) -> None:
    """A byte now and then: no time-out between bytes would ever see it."""
    read_request(connection)
    gone = threading.Event()
    while not gone.wait(0.01):
        connection.sendall(b"H" if number else b"")


@pytest.mark.parametrize("script", [hang, drip])
def test_hanging_and_dripping(script: Script) -> None:
    with ScriptedServer(script) as server:
        source = document(server.url, timeout_ns=50_000_000)
        assert refusal(source) == "no answer within 0.05 s"


def test_slow_but_in_time() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        whole = answer(DOCUMENT)
        for at in range(len(whole)):
            connection.sendall(whole[at : at + 1])

    with ScriptedServer(script) as server:
        source = document(server.url, timeout_ns=20 * 10**9)
        assert ask(source)[0].values == {"open": 47}


@pytest.mark.parametrize(
    ("response", "line"),
    [
        (answer(b"<html>"), "no JSON: it begins with b'<html>'"),
        (answer(b"", b"503 Busy"), "it answers with status 503"),
        (answer(b"", b"302 Found", b"Location: /x\r\n"), "it answers with status 302"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no valid HTTP answer (bad status line)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "no valid HTTP answer (bad length)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "no valid HTTP answer (body short)"),
        (b"", "no valid HTTP answer (closed early)"),
    ],
)
def test_lying(response: bytes, line: str) -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(response)
        connection.shutdown(socket.SHUT_WR)

    with ScriptedServer(script) as server:
        assert refusal(document(server.url)) == line


def test_lying_to_prometheus_and_to_the_agent() -> None:
    with ScriptedServer(respond(answer(DOCUMENT))) as server:
        assert refusal(prometheus(server.url)).startswith("no Prometheus text: line 1 is '{")
    with ScriptedServer(respond(answer(TEXT))) as server:
        source = AgentSource(Probe("a", "agent", server.url))
        assert refusal(source) == "it is no velroload agent: none of its metrics is there"


def test_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "BODY_LIMIT_BYTES", 1 << 20)

    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with ScriptedServer(script) as server:
        source = document(server.url, timeout_ns=20 * 10**9)
        assert refusal(source) == "its answer is longer than 1 MiB"


def test_a_connection_that_the_server_closed_is_opened_again() -> None:
    def once(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(answer(DOCUMENT))

    def closing(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            connection.sendall(answer(DOCUMENT, more=b"Connection: close\r\n"))

    for script in (once, closing):
        with ScriptedServer(script) as server:
            assert [found.values for found in ask(document(server.url), 3)] == [{"open": 47}] * 3
            assert server.connections == 3


def test_after_a_failure_it_begins_anew() -> None:
    """An answer that came too late is never taken for the next one."""
    late = threading.Event()

    def script(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            if number == 0:
                late.wait(20)
            connection.sendall(answer(b'{"pools": {"open": %d}}' % number))

    async def run(source: JsonSource) -> Reading:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await source.read()
        late.set()
        async with asyncio.timeout(20):
            found = await source.read()
        await source.close()
        return found

    with ScriptedServer(script) as server:
        assert asyncio.run(run(document(server.url))).values == {"open": 1}


def test_numbers_and_units() -> None:
    assert (number(True), number("OPEN"), number("closed"), number(2.5)) == (1, 2, 0, 2.5)
    with pytest.raises(MissingError):
        number([1])
    assert [unit_of(name) for name in ("a_bytes", "a_seconds_total", "a_ratio", "a_total")] == [
        "bytes", "s", "share", "count",
    ]  # fmt: skip
