"""The headers of every answer, routing, and what is no request at all."""

import http.client
import re
import socket

import pytest

from tests.servers.target_client import Client


def test_every_answer_bears_its_id_and_its_time(client: Client) -> None:
    for path, status in (("/health", 200), ("/nowhere", 404), ("/api/v1/auth/me", 401)):
        answer = client.ask("GET", path)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json"
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
        spent = re.fullmatch(r"(\d+\.\d\d)ms", answer.headers["X-Response-Time"])
        assert spent is not None
        assert answer.headers["Server-Timing"] == f"app;dur={spent[1]}"


def test_made_ids_differ(client: Client) -> None:
    ids = {client.ask("GET", "/health").headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("given", ["a", "trace-1.2_3:4", "x" * 128])
def test_a_decent_id_is_echoed(client: Client, given: str) -> None:
    answer = client.ask("GET", "/nowhere", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert answer.body["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "é", 'a"b'])
def test_another_id_is_replaced(client: Client, given: str) -> None:
    answer = client.ask("GET", "/health", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_logins_take_the_time_that_they_say(client: Client) -> None:
    spent_ms = float(client.login().headers["X-Response-Time"].removesuffix("ms"))
    assert spent_ms > 0.5  # a scrypt of n=1024 is real work


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/health", "GET"),
        ("GET", "/api/v1/auth/login", "POST"),
        ("PUT", "/api/v1/generations/x", "DELETE, GET"),
        ("POST", "/api/v1/generations/x/media-urls", "GET"),
    ],
)
def test_a_wrong_method(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.ask(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    assert answer.body["detail"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/", "/health/", "/api/v1/generations/", "/api/v1/%FF"])
def test_an_unknown_path(client: Client, path: str) -> None:
    answer = client.ask("GET", path, token=client.token())
    assert answer.status == 404
    assert answer.body["detail"] == "Not Found"


def test_an_escaped_path_and_a_whole_url_find_their_route(client: Client) -> None:
    assert client.ask("GET", "/%68ealth?x=%20").status == 200
    assert client.ask("GET", f"{client.target.url}/health").status == 200


def test_one_connection_carries_many_requests(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.target.port, timeout=10)
    before = client.target.truth()["connections_accepted"]
    for path in ("/health", "/nowhere", "/api/v1/auth/me", "/health"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()
    assert client.target.truth()["connections_accepted"] == before + 2  # it and the second truth


def test_what_is_no_request_is_answered_like_every_error(client: Client) -> None:
    before = client.target.truth()["requests"].get("(malformed)", {}).get("400", 0)
    with socket.create_connection(("127.0.0.1", client.target.port), timeout=10) as sock:
        sock.sendall(b"this is not HTTP\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 400 Bad Request\r\n", head)
    assert re.fullmatch(
        rb'\{"detail":"Malformed request","request_id":"[0-9a-f]{32}","status_code":400\}', body
    )
    assert client.target.truth()["requests"]["(malformed)"]["400"] == before + 1
