"""Redirects against real servers: hops and the whole, methods, credentials, other hosts, books."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from tests.servers.site import Seen, Site
from velroload.plan.model import Capture, Connecting, Request, Timeouts
from velroload.sample import ErrorKind, Flag, Kind

SECOND_NS = 1_000_000_000


def leading(places: Mapping[str, tuple[int, str]], body: str = "{}") -> Any:
    """A handler: path → (status, Location); 200 elsewhere."""

    async def answer(request: web.Request) -> web.StreamResponse:
        status, location = places.get(request.path, (200, ""))
        if not location:
            return web.Response(text=body)
        return web.Response(status=status, headers={"Location": location}, text="moved")

    return answer


def run(
    url: str,
    request: Request,
    n: int = 4,
    users: int = 2,
    others: tuple[str, ...] = (),
    **fields: Any,
) -> Rig:
    return Rig(plan_for(url, iterations(n, users), (request,), **fields), others=others).run()


def books(rig: Rig) -> dict[str, int]:
    """The counters, after the equations of any run and those of hops."""
    c = balanced(rig)
    kinds = rig.samples["flags"] & 3
    assert c["hops"] == (kinds == Kind.HOP).sum()
    assert c["in_flight"] == c["left_in_flight"] == 0
    sent = rig.samples[(kinds == Kind.REQUEST)]
    before = [int(error) for error in sent["error"] if 10 <= error < 40 or 60 <= error <= 63]
    assert c["requests_started"] == c["requests_sent"] + len(before)
    return c


def by_kind(rig: Rig) -> tuple[Any, Any]:
    """(requests, hops)."""
    kinds = rig.samples["flags"] & 3
    return rig.samples[kinds == Kind.REQUEST], rig.samples[kinds == Kind.HOP]


def occupied_ns(samples: Any) -> int:
    return int((samples["end_ns"] - samples["sent_ns"] + samples["read_lag_ns"]).sum())


def test_a_chain_is_one_request_and_a_sample_for_each_exchange() -> None:
    places = {"/a": (302, "b?x=1"), "/b": (301, "/c/d"), "/c/d": (307, "../e")}
    with Site(leading(places)) as site:
        rig = run(site.url, Request("GET", "/a", redirects=5), n=10)
    assert sorted(site.paths()) == sorted(["/a", "/b?x=1", "/c/d", "/e"] * 10)
    c = books(rig)
    assert c["requests_started"] == c["requests_sent"] == 10
    assert c["hops"] == len(site.seen) == 40
    assert c["connections_opened"] == 2  # all on the user's own connection
    requests, hops = by_kind(rig)
    assert list(requests["status"]) == [200] * 10
    assert sorted(hops["status"]) == sorted([302, 301, 307, 200] * 10)
    assert (requests["error"] == 0).all()
    assert (hops["error"] == 0).all()
    names = {row.id: (row.name, row.kind) for row in rig.endpoints}
    assert {names[int(row)] for row in requests["endpoint"]} == {("GET /a", "request")}
    assert {names[int(row)] for row in hops["endpoint"]} == {("GET /a (redirects)", "hop")}
    rig.close()


def test_the_whole_is_the_sum_of_its_exchanges() -> None:
    """response = service + wait + connect + TLS + lag holds for the whole as for each exchange."""
    with Site(leading({"/a": (302, "/b"), "/b": (302, "/c")})) as site:
        rig = run(site.url, Request("GET", "/a", redirects=2), n=20, users=1)
    books(rig)
    requests, hops = by_kind(rig)
    for number, whole in enumerate(requests):
        first, *_, last = parts = hops[3 * number : 3 * number + 3]
        assert whole["scheduled_ns"] == first["scheduled_ns"]
        assert whole["end_ns"] == last["end_ns"]
        assert list(parts["scheduled_ns"][1:]) == list(parts["end_ns"][:-1])
        service = whole["end_ns"] - whole["sent_ns"]
        assert service == (parts["end_ns"] - parts["sent_ns"]).sum()
        assert whole["connect_us"] == parts["connect_us"].sum()
        fresh = bool(whole["flags"] & Flag.NEW_CONNECTION)
        assert fresh == (number == 0) == bool(first["flags"] & Flag.NEW_CONNECTION)
        assert not last["flags"] & Flag.NEW_CONNECTION
    rig.close()


def test_littles_law_holds_over_hops() -> None:
    with Site(leading({"/a": (302, "/b")})) as site:
        rig = run(site.url, Request("GET", "/a", redirects=2), n=200, users=4)
    c = books(rig)
    assert c["in_flight_integral"] == occupied_ns(by_kind(rig)[0])
    rig.close()


@pytest.mark.parametrize(
    ("method", "status", "followed"),
    [
        ("POST", 301, "GET"), ("POST", 302, "GET"), ("POST", 303, "GET"),
        ("POST", 307, "POST"), ("POST", 308, "POST"),
        ("PUT", 301, "PUT"), ("PUT", 302, "PUT"), ("PUT", 303, "GET"), ("PUT", 307, "PUT"),
        ("DELETE", 302, "DELETE"), ("GET", 303, "GET"), ("HEAD", 302, "HEAD"),
        ("HEAD", 303, "HEAD"),
    ],
)  # fmt: skip
def test_methods(method: str, status: int, followed: str) -> None:
    body = None if method in ("GET", "HEAD") else b"body of ${user}"
    request = Request(method, "/a", (("Content-Type", "text/x"),), body, redirects=1)
    with Site(leading({"/a": (status, "/b")})) as site:
        books(run(site.url, request, n=1, users=1))
    first, second = site.seen
    assert (first.method, second.method, second.path) == (method, followed, "/b")
    kept = followed == method and status != 303
    assert second.body == (first.body if kept else b"")
    assert ("content-type" in second.headers) == kept
    assert first.body == (b"" if body is None else b"body of 0")


PRIVATE = (("Authorization", "Bearer ${user}"), ("Cookie", "a=b"), ("X-Api-Key", "k"))


def headers(seen: Seen) -> set[str]:
    return set(seen.headers) & {"authorization", "cookie", "x-api-key", "x-own"}


def test_credentials_stay_with_their_host() -> None:
    """There and back; the plan's headers too."""
    with Site(leading({}), host="127.0.0.2") as other, Site(leading({})) as site:
        site.handler = leading({"/a": (307, f"{other.url}/b")})
        other.handler = leading({"/b": (307, "/c"), "/c": (307, f"{site.url}/d")})
        request = Request("POST", "/a", (*PRIVATE[:1], ("X-Own", "1")), b"body", redirects=5)
        rig = run(site.url, request, n=2, others=(other.url,), headers=PRIVATE[1:])
    assert site.paths() == ["/a", "/d"] * 2 or sorted(site.paths()) == ["/a", "/a", "/d", "/d"]
    assert sorted(other.paths()) == ["/b", "/b", "/c", "/c"]
    everything = {"authorization", "cookie", "x-api-key", "x-own"}
    assert all(headers(seen) == everything for seen in site.seen)
    assert all(headers(seen) == {"x-own"} for seen in other.seen)
    assert {seen.headers["host"] for seen in other.seen} == {f"127.0.0.2:{other.port}"}
    assert {seen.body for seen in other.seen} == {b"body"}
    c = books(rig)
    assert c["requests_started"] == 2
    assert c["hops"] == 8
    requests, hops = by_kind(rig)
    assert {(int(row) >> 24) for row in hops["user_address"]} == {0, 1}
    assert list(requests["status"]) == [200, 200]
    rig.close()


def test_other_hosts_are_refused_and_named() -> None:
    with Site(leading({"/a": (302, "http://127.0.0.9:1/x")})) as site:
        rig = run(site.url, Request("GET", "/a", redirects=3), n=6)
    c = books(rig)
    requests, hops = by_kind(rig)
    assert set(requests["error"]) == {ErrorKind.REDIRECT_REFUSED}
    assert set(requests["status"]) == {302}
    assert len(hops) == c["hops"] == 0
    assert rig.site.redirects.refused == {"http://127.0.0.9:1": 6}
    rig.close()


@pytest.mark.parametrize(("limit", "exchanges"), [(1, 2), (3, 4)])
def test_the_limit_is_an_error_of_its_own(limit: int, exchanges: int) -> None:
    with Site(leading({"/a": (302, "/a")})) as site:
        rig = run(site.url, Request("GET", "/a", redirects=limit), n=4)
    c = books(rig)
    assert len(site.seen) == 4 * exchanges == c["hops"]
    requests, hops = by_kind(rig)
    assert set(requests["error"]) == {ErrorKind.TOO_MANY_REDIRECTS}
    assert (hops["error"] == ErrorKind.TOO_MANY_REDIRECTS).sum() == 4
    rig.close()


def test_off_by_default_and_without_a_location_a_redirect_is_an_answer() -> None:
    with Site(leading({"/a": (302, "/b")})) as site:
        rig = run(site.url, Request("GET", "/a"), n=2)
        assert books(rig)["hops"] == 0
        assert list(rig.samples["status"]) == [302, 302]
        rig.close()
    bare = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer(respond(bare)) as server:
        rig = run(server.url, Request("GET", "/a", redirects=3), n=2)
        assert books(rig)["hops"] == 0
        assert list(rig.samples["status"]) == [301, 301]
        assert (rig.samples["error"] == 0).all()
        rig.close()


@pytest.mark.parametrize(
    "location",
    [b"http://[bad", b"/x" + b"y" * 2100, b"/a\x01b", b"gopher://x/"],
)
def test_hostile_locations(location: bytes) -> None:
    answer = b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    with ScriptedServer(respond(answer)) as server:
        rig = run(server.url, Request("GET", "/a", redirects=3), n=2)
    books(rig)
    known = {ErrorKind.BAD_REDIRECT, ErrorKind.BAD_HEADER}
    assert set(rig.samples["error"]) <= known
    rig.close()


def test_a_hop_that_cannot_connect_was_not_sent() -> None:
    closed = "http://127.0.0.1:1"
    with Site(leading({"/a": (302, f"{closed}/x")})) as site:
        rig = run(site.url, Request("GET", "/a", redirects=1), n=3, others=(closed,))
    c = books(rig)
    assert (c["requests_started"], c["requests_sent"], c["hops"]) == (3, 0, 6)
    requests, hops = by_kind(rig)
    assert set(requests["error"]) == {ErrorKind.CONNECT_REFUSED}
    assert sorted(set(hops["error"])) == [0, ErrorKind.CONNECT_REFUSED]
    assert c["in_flight_integral"] == 0
    rig.close()


def test_a_server_that_closes_after_each_answer() -> None:
    moved = b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nConnection: close\r\nLocation: /b\r\n\r\n"
    done = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def script(connection: Any, number: int) -> None:
        head = connection.recv(65536)
        connection.sendall(moved if head.startswith(b"GET /a ") else done)

    with ScriptedServer(script) as server:
        rig = run(server.url, Request("GET", "/a", redirects=1), n=5, users=1)
    c = books(rig)
    assert (c["requests_started"], c["hops"], c["connections_opened"]) == (5, 10, 10)
    requests, hops = by_kind(rig)
    assert np.all(requests["status"] == 200)
    assert np.all((hops["flags"] & Flag.NEW_CONNECTION) != 0)
    rig.close()


def test_the_limit_of_time_is_for_the_whole() -> None:
    """The answer to /b never comes: the request ends when its own time is over."""

    def script(connection: Any, number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: /b\r\n\r\n")
        connection.recv(65536)
        connection.recv(65536)

    with ScriptedServer(script) as server:
        limit = Timeouts(connect_ns=SECOND_NS // 5, request_ns=SECOND_NS // 5)
        rig = run(server.url, Request("GET", "/a", redirects=1), n=1, users=1, timeouts=limit)
    c = books(rig)
    assert (c["requests_sent"], c["hops"]) == (1, 2)
    (whole,), _ = by_kind(rig)
    assert whole["error"] == ErrorKind.TIMEOUT
    assert whole["flags"] & Flag.CENSORED
    assert whole["end_ns"] - whole["scheduled_ns"] >= SECOND_NS // 5
    rig.close()


def test_captures_are_taken_from_the_last_answer() -> None:
    flow = (
        Request("GET", "/a", redirects=1, captures=(Capture("id", "$.id"),)),
        Request("GET", "/x/${id}"),
    )
    with Site(leading({"/a": (302, "/b")}, '{"id": "i${7"}')) as site:
        rig = Rig(plan_for(site.url, iterations(2), flow)).run()
    assert site.paths() == ["/a", "/b", "/x/i${7"] * 2
    c = books(rig)
    assert (c["requests_started"], c["hops"]) == (4, 4)
    assert (rig.samples["error"] == 0).all()
    rig.close()


def test_pooled_users_keep_their_connection_through_a_chain() -> None:
    with Site(leading({"/a": (302, "/b")})) as site:
        request = Request("GET", "/a", redirects=1)
        rig = run(site.url, request, n=30, users=6, connections=2)
    c = books(rig)
    assert (c["requests_started"], c["hops"], c["connections_opened"]) == (30, 60, 2)
    assert (by_kind(rig)[0]["status"] == 200).all()
    rig.close()


def test_a_connection_that_has_carried_its_limit_is_not_used_for_a_hop() -> None:
    with Site(leading({"/a": (302, "/b")})) as site:
        asked = Connecting(requests_max=1)
        rig = run(site.url, Request("GET", "/a", redirects=3), n=3, users=1, connecting=asked)
    c = books(rig)
    requests, hops = by_kind(rig)
    assert (len(requests), len(hops)) == (3, 6)
    assert (requests["error"] == 0).all()
    assert c["connections_opened"] == 6
