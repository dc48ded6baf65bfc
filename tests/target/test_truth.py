"""The target's own count equals what was sent, to the integer."""

import http.client
import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.servers.target_client import Client
from velroload.target.process import TargetProcess


def mixed_traffic(target: TargetProcess, token: str, rounds: int) -> Counter[tuple[str, int]]:
    """Several kinds of requests over one connection; what came back, by endpoint and status."""
    seen: Counter[tuple[str, int]] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
    for _ in range(rounds):
        for method, path, row, authorization in (
            ("GET", "/health", "GET /health", ""),
            ("GET", "/api/v1/auth/me", "GET /api/v1/auth/me", f"Bearer {token}"),
            ("GET", "/api/v1/auth/me", "GET /api/v1/auth/me", "Bearer forged"),
            ("GET", "/api/v1/generations?limit=2", "GET /api/v1/generations", f"Bearer {token}"),
            ("GET", "/api/v1/generations?limit=0", "GET /api/v1/generations", f"Bearer {token}"),
            ("GET", "/api/v1/generations/x", "GET /api/v1/generations/{id}", f"Bearer {token}"),
            ("GET", "/nowhere", "(unmatched)", ""),
            ("PUT", "/health", "(unmatched)", ""),
        ):
            connection.request(method, path, headers={"Authorization": authorization})
            response = connection.getresponse()
            response.read()
            seen[(row, response.status)] += 1
    connection.close()
    return seen


def test_counts_equal_what_was_sent() -> None:
    with TargetProcess().start(users=3) as target:
        client = Client(target)
        session = client.login()
        email, _ = target.account(1)
        refused = client.ask("POST", "/api/v1/auth/login", {"email": email, "password": "no"})
        made = [
            client.ask(
                "POST", "/api/v1/auth/register", {"email": "a@example.com", "password": "p" * 8}
            ).status
            for _ in range(2)
        ]
        assert (session.status, refused.status, made) == (200, 401, [200, 409])
        with ThreadPoolExecutor(4) as pool:
            token = session.body["access_token"]
            parts = list(pool.map(lambda _: mixed_traffic(target, token, 25), range(4)))
        truth = target.truth()
        assert target.stderr() == ""
    sent = sum(parts, Counter[tuple[str, int]]())
    expected: dict[str, dict[str, int]] = {
        "POST /api/v1/auth/login": {"200": 1, "401": 1},
        "POST /api/v1/auth/register": {"200": 1, "409": 1},
    }
    for (row, status), count in sent.items():
        expected.setdefault(row, {})[str(status)] = count
    assert truth["requests"] == expected
    assert truth["received"] == truth["answered"] == sent.total() + 4
    assert (truth["aborted"], truth["in_flight"]) == (0, 0)
    assert truth["logins"] == {"ok": 1, "refused": 1}
    assert truth["registrations"] == {"ok": 1, "refused": 1}
    assert truth["tokens_refused"] == {"malformed": 100}
    lookups = truth["lookups"]["token"]
    assert (lookups["L1 hits"], lookups["L1 misses"]) == (399, 101)
    assert (lookups["L3 hits"], lookups["L3 misses"]) == (1, 100)
    assert (truth["audited"], truth["crossed"]) == (200, 0)
    layers = truth["layers"]["GET /api/v1/generations/{id}"]
    assert layers == {"404": {"L1": 0, "L2": 0, "L3": 100}}
    mine = truth["layers"]["GET /api/v1/auth/me"]["200"]
    assert mine["L1"] + mine["L3"] == 100
    assert truth["connections_accepted"] == 4 + 4 + 1


def test_the_truth_does_not_count_itself(client: Client) -> None:
    first, second = client.target.truth(), client.target.truth()
    assert second.pop("connections_accepted") == first.pop("connections_accepted") + 1
    first.pop("connections_open")
    second.pop("connections_open")
    assert first == second


def test_a_request_that_never_ends_is_aborted_and_not_answered() -> None:
    with TargetProcess().start(users=1) as target:
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as sock:
            sock.sendall(
                b"POST /api/v1/auth/login HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n{"
            )
            truth = until(target, "received", 1)
            assert (truth["answered"], truth["aborted"], truth["in_flight"]) == (0, 0, 1)
        truth = until(target, "aborted", 1)
        assert (truth["received"], truth["answered"], truth["in_flight"]) == (1, 0, 0)
        assert truth["requests"] == {}
        assert target.stderr() == ""


def test_a_broken_chunk_is_an_answered_error() -> None:
    with TargetProcess().start(users=1) as target:
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as sock:
            sock.sendall(
                b"POST /api/v1/auth/login HTTP/1.1\r\nHost: t\r\n"
                b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
            )
            answer = b"".join(iter(lambda: sock.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status_code"] == 400
        truth = target.truth()
        assert truth["received"] == truth["answered"] + truth["aborted"]
        assert target.stderr() == ""


def until(target: TargetProcess, key: str, value: int) -> dict[str, Any]:
    """Ask for the truth until a counter has its value; the test's time-out is the limit."""
    while True:
        truth = target.truth()
        if truth[key] == value:
            return truth
