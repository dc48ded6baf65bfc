"""One iteration, sent for real to servers of our own, and what is shown of it."""

import json
from pathlib import Path

import pytest
from aiohttp import web

from tests.servers.scripted import ScriptedServer, respond
from tests.servers.site import Site
from tests.servers.tls import Authority, TlsServer
from velroload.errors import ConfigError
from velroload.plan.loader import parse_plan
from velroload.plan.model import Plan
from velroload.runner.attempt.as_text import as_text, failures_of
from velroload.runner.attempt.attempt import Attempt, alone, attempt

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"


def plan_of(url: str, text: str) -> Plan:
    text = f"name: t\ntarget: {url}\nload: {{users: 9, hold: 10s}}\n{text}"
    return parse_plan(text, "t.yaml", environ={"KEY": "s3cret-key"})


def sent(url: str, text: str, user: int = 0, **names: str | None) -> Attempt:
    plan = alone(plan_of(url, text), names.get("phase"), names.get("scenario"), user)
    host, _, port = url.rpartition("://")[2].rpartition(":")
    return attempt(plan, user, ((host, int(port)),))


async def shop(request: web.Request) -> web.StreamResponse:
    if request.path == "/login":
        return web.json_response({"access_token": JWT, "id": "a", "n": 7})
    if request.path == "/chunked":
        response = web.StreamResponse()
        response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        await response.write(b"lots " * 300)
        return response
    if request.path == "/away":
        raise web.HTTPFound("/there")
    if request.path == "/red":
        return web.Response(text="\x1b[31mred\x07", headers={"X-Odd": "a\xff"})
    if request.path == "/picture":
        return web.Response(body=b"\xff\xd8\0\0", content_type="image/jpeg")
    return web.json_response({"path": request.path})


FLOW = """
defaults: {headers: {X-Api-Key: "${env:KEY}"}}
flow:
  - POST /login:
      name: login
      json: {email: "user${user}@example.com", password: hunter22}
      capture: {token: $.access_token, id: $.id, n: $.n}
      check: {status: 200, json: {"$.n": 7}}
  - set: {twice: {compute: "int(n) * 2"}}
  - GET /items/${twice}: {name: item, headers: {Authorization: "Bearer ${token}"}}
  - GET /never: {name: never, probability: 0}
  - if: n == '8'
    then: [GET /other: {name: other}]
"""


def test_requests_answers_captures_and_checks_are_shown() -> None:
    with Site(shop) as site:
        made = sent(site.url, FLOW, user=3)
        text = as_text(made)
    assert json.loads(site.seen[0].body) == {"email": "user3@example.com", "password": "hunter22"}
    assert [one.path for one in site.seen] == ["/login", "/items/14"]
    for line in (
        "1 login", "  > POST /login HTTP/1.1", "  > X-Api-Key: ***", "  < HTTP/1.1 200 OK",
        '  > {"email": "user3@example.com", "password": "***"}', "  = captured n = 7",
        "  = captured token = ***", "  = check status 200: ok", "  = check json $.n: ok",
        "  = set twice = 14", "2 item", "  > GET /items/14 HTTP/1.1", "  > Authorization: ***",
        '  < {"path": "/items/14"}', "not sent: never (probability 0 %)",
        "not sent: other (if n == '8')",
        "user 3 of scenario main, seed 0: 2 requests, all ok",
    ):  # fmt: skip
        assert line in text.splitlines(), text
    for secret in ("s3cret-key", "hunter22", JWT, "eyJ", "\x1b"):
        assert secret not in text
    assert failures_of(made) == 0


def test_what_fails_says_why() -> None:
    with Site(shop) as site:
        made = sent(
            site.url,
            """
flow:
  - GET /x: {name: x, expect: 404}
  - GET /y:
      name: y
      check: {json: {"$.path": /z}, body: path, size: 1..2KiB}
""",
        )
    text = as_text(made)
    assert failures_of(made) == 2
    assert "  = 200, " in text
    assert "FAILED: status" in text
    assert "FAILED: check_failed" in text
    lines = [line for line in text.splitlines() if line.startswith("  = check")]
    assert lines == [
        "  = check json $.path: FAILED", "  = check body path: ok", "  = check size: ok"
    ]  # fmt: skip
    assert text.endswith("user 0 of scenario main, seed 0: 2 requests, 2 FAILED\n")


def test_a_capture_that_fails_says_how_to_mend_it() -> None:
    flow = """
flow:
  - GET /items: {on_error: continue, capture: {path: {json: $.path, max_length: 3}}}
  - GET /there: {on_error: continue, capture: {gone: $.gone}}
"""
    with Site(shop) as site:
        text = as_text(sent(site.url, flow))
    assert (
        "    what a step captures has more than 764 bytes, or than its max_length: give it one "
        "that is large enough, such as 2KiB"
    ) in text.splitlines()
    assert "    what a step captures is not in this answer" in text.splitlines()


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    with Site(shop) as site:
        text = as_text(sent(site.url, "flow: [GET /red]"))
    assert "\x1b" not in text
    assert r"  < \x1b[31mred\x07" in text.splitlines()


def test_bodies_are_read_and_cut() -> None:
    with Site(shop) as site:
        made = sent(site.url, "defaults: {compressed: true}\nflow: [GET /chunked, GET /picture]")
    text = as_text(made)
    assert "< lots lots lots" in text
    assert "< … 900 letters more (--all)" in text
    assert "that are no text)" in text
    assert as_text(made, whole=True).count("lots ") > 200


def test_every_exchange_of_a_redirect_is_shown_and_judged_once() -> None:
    with Site(shop) as site:
        made = sent(site.url, "flow: [GET /away: {name: away, redirects: 3}]")
    text = as_text(made)
    assert "  > GET /there HTTP/1.1" in text.splitlines()
    assert text.count(": ok") == 1
    assert text.endswith("1 request, all ok\n")


def test_an_answer_that_breaks_off() -> None:
    with ScriptedServer(respond(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n\x00ab")) as s:
        made = sent(s.url, "defaults: {timeout: 200ms}\nflow: [GET /]")
    assert "FAILED: timeout" in as_text(made)


def test_nobody_there_is_an_outcome_too() -> None:
    with ScriptedServer(respond()) as server:
        url = server.url
    made = sent(url, "flow: [GET /a]")
    assert as_text(made).endswith("user 0 of scenario main, seed 0: 1 request, 1 FAILED\n")


def test_in_tls_the_plain_text_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TlsServer(authority.server(), respond()) as server:
        url = server.url
        made = sent(url, f"defaults: {{tls: {{ca: {authority.ca}}}}}\nflow: [GET /]")
    text = as_text(made)
    assert "  > GET / HTTP/1.1" in text
    assert "  < ok" in text


def test_the_same_seed_sends_the_same_and_users_differ() -> None:
    flow = "flow: [set: {a: uuid}, 'GET /${a}': {name: a}]"
    with Site(shop) as site:
        for user in (0, 0, 1):
            sent(site.url, flow, user=user)
    one, again, other = (seen.path for seen in site.seen)
    assert one == again != other


def test_pauses_are_left_out() -> None:
    with Site(shop) as site:
        made = sent(site.url, "flow: [GET /a, think: 1h, {group: g, steps: [think: 1h]}, GET /b]")
    assert failures_of(made) == 0
    assert site.paths() == ["/a", "/b"]


PHASES = """
name: t
target: http://127.0.0.1:1
flow: [GET /a: {name: a, probability: 0}]
phases:
  - {name: one, users: 5, hold: 10s, rate: 10/s, mix: {a: 1.0}}
  - {name: two, users: 5, hold: 10s, rate: 10/s, mix: {a: 0.5}}
"""


def test_a_phase_has_its_mix() -> None:
    plan = parse_plan(PHASES, "t.yaml", environ={})
    first, second = (alone(plan, name, None, 0) for name in (None, "two"))
    assert first.scenarios[0].requests_of("a") == 1
    assert float(second.scenarios[0].requests_of("a")) == 0.5


@pytest.mark.parametrize(
    ("phase", "scenario", "user", "message"),
    [
        ("three", None, 0, "--phase three: no such phase; there are one, two"),
        (None, "buy", 0, "--scenario buy: no such scenario; there are main"),
        (None, None, 100_000, "--user 100000: a number from 0 to 99,999 is needed"),
    ],
)
def test_names_that_are_not_there(
    phase: str | None, scenario: str | None, user: int, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        alone(parse_plan(PHASES, "t.yaml", environ={}), phase, scenario, user)
    assert str(caught.value) == message


def test_a_plan_without_phases_has_none() -> None:
    with pytest.raises(ConfigError) as caught:
        alone(plan_of("http://127.0.0.1:1", "flow: [GET /]"), "one", None, 0)
    assert str(caught.value) == "--phase one: the plan has no phases"
