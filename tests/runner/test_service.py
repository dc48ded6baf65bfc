"""runner/service.py: calls outside of the load, to a checked address and no other."""

import socket

import pytest
from aiohttp import web

from tests.servers.scripted import ScriptedServer, respond
from tests.servers.site import Site
from velroload.protocol.address import Target
from velroload.runner.call import Place
from velroload.runner.service import CallError, Service


def service(url: str, port: int) -> Service:
    return Service(Place(Target.of(url), ("127.0.0.1", port)), 5.0)


async def said(request: web.Request) -> web.StreamResponse:
    return web.json_response({"path": request.path, "key": request.headers.get("apikey")})


@pytest.mark.parametrize(
    ("prefix", "path"), [("", "/api/v1/x"), ("/base/", "/base/api/v1/x"), ("/api/v1", "/api/v1/x")]
)
def test_a_call_goes_to_the_checked_address(prefix: str, path: str) -> None:
    with Site(said) as site:
        asked = service(f"http://nowhere.invalid:81{prefix}", site.port)
        assert asked.call("POST", "/x", {"a": 1}, "key") == (200, {"path": path, "key": "key"})
        assert asked.call("GET", "/x") == (200, {"path": path, "key": None})
        asked.close()
        asked.close()
    first, second = site.seen
    assert first.headers["host"] == "nowhere.invalid:81"
    assert (first.body, first.headers["authorization"]) == (b'{"a": 1}', "Bearer key")
    assert "authorization" not in second.headers


def test_what_is_no_json_is_none() -> None:
    with ScriptedServer(respond()) as server:
        asked = service(server.url, int(server.url.rpartition(":")[2]))
        assert asked.call("GET", "/x") == (200, None)
        asked.close()


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n"])
def test_no_answer(answer: bytes) -> None:
    def script(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with ScriptedServer(script) as server:
        asked = service(server.url, int(server.url.rpartition(":")[2]))
        with pytest.raises(CallError, match=r"^no answer \(.+\)$"):
            asked.call("GET", "/x")
