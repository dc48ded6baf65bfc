"""Cookies of users against a real server."""

from typing import Any

from aiohttp import web

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from tests.servers.site import Site, ok
from velroload.plan.model import Request, Think

MILLISECOND_NS = 1_000_000


async def count(request: web.Request) -> web.StreamResponse:
    """A visit counter in a cookie, a user's name in another."""
    response = web.Response(text="ok")
    response.set_cookie("visits", str(int(request.cookies.get("visits", "0")) + 1))
    if "name" not in request.cookies:
        response.set_cookie("name", request.headers["x-user"], max_age=3600)
    return response


def run(url: str, flow: tuple[Any, ...], n: int, users: int = 1, **fields: Any) -> Rig:
    return Rig(plan_for(url, iterations(n, users), flow, cookies=True, **fields)).run()


def test_each_user_keeps_its_own() -> None:
    request = Request("GET", "/a/${user}", (("X-User", "u${user}"),))
    with Site(count) as site:
        rig = run(site.url, (request,), n=40, users=4)
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == 40 == len(site.seen)
    assert (rig.samples["error"] == 0).all()
    for user in range(4):
        mine = [one.headers.get("cookie") for one in site.seen if one.path == f"/a/{user}"]
        assert mine[0] is None
        for number, line in enumerate(mine[1:], 1):
            assert sorted((line or "").split("; ")) == [f"name=u{user}", f"visits={number}"]
    assert rig.site.cookies is not None
    assert rig.site.cookies.ignored == 0
    rig.close()


def test_nothing_is_kept_unless_asked() -> None:
    with Site(count) as site:
        plan = plan_for(site.url, iterations(4), (Request("GET", "/", (("X-User", "u"),)),))
        rig = Rig(plan).run()
    assert not any("cookie" in one.headers for one in site.seen)
    assert balanced(rig)["requests_sent"] == 4
    assert rig.site.cookies is None
    rig.close()


async def by_path(request: web.Request) -> web.StreamResponse:
    response = web.Response(text="ok")
    if request.path == "/login":
        response.set_cookie("session", "s", path="/app")
        response.set_cookie("all", "a", path="/")
        response.set_cookie("short", "x", path="/", max_age=1)
        response.set_cookie("tls", "t", path="/", secure=True)
    return response


def test_paths_expiry_and_secure() -> None:
    """The pause between is longer than the short cookie's life."""
    flow = (
        Request("POST", "/login"),
        Request("GET", "/app/${user}?q"),
        Think("constant", (2100 * MILLISECOND_NS,)),
        Request("GET", "/other"),
        Request("GET", "/app"),
    )
    with Site(by_path) as site:
        rig = run(site.url, flow, n=1)
    sent = [set(one.headers.get("cookie", "").split("; ")) for one in site.seen]
    assert sent == [
        {""},
        {"session=s", "all=a", "short=x"},
        {"all=a"},
        {"session=s", "all=a"},
    ]
    assert balanced(rig)["requests_sent"] == 4
    rig.close()


async def hand_over(request: web.Request) -> web.StreamResponse:
    if request.path == "/a":
        response = web.Response(status=302, headers={"Location": "/deep/b"})
        response.set_cookie("hop", "1", path="/deep")
        return response
    return web.Response(text="ok")


def test_a_redirect_takes_along_what_its_answer_set() -> None:
    with Site(ok, host="127.0.0.2") as other, Site(hand_over) as site:
        request = Request("GET", "/a", redirects=3)
        plan = plan_for(site.url, iterations(1), (request,), cookies=True)
        rig = Rig(plan).run()
        assert [(one.path, one.headers.get("cookie")) for one in site.seen] == [
            ("/a", None),
            ("/deep/b", "hop=1"),
        ]
        c = balanced(rig)
        assert (c["requests_sent"], c["hops"]) == (1, 2)
        rig.close()

        async def elsewhere(request: web.Request) -> web.StreamResponse:
            response = web.Response(status=302, headers={"Location": f"{other.url}/x"})
            response.set_cookie("mine", "1", path="/")
            return response

        site.handler = elsewhere
        rig = Rig(plan, others=(other.url,)).run()
        assert [one.headers.get("cookie") for one in other.seen] == [None]
        assert (rig.samples["error"] == 0).all()
        rig.close()


def test_hostile_cookies_cost_their_bounds_and_no_more() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
    lines = b"".join(b"Set-Cookie: c%d=%s; Path=/\r\n" % (i, b"x" * 100) for i in range(200))
    with ScriptedServer(respond(head + lines + b"\r\n")) as server:
        rig = run(server.url, (Request("GET", "/"),), n=5)
    assert balanced(rig)["requests_sent"] == 5
    assert (rig.samples["error"] == 0).all()
    assert rig.counters["bytes_out"] < 5 * 4400
    assert rig.site.cookies is not None
    assert rig.site.cookies.ignored > 0
    rig.close()
