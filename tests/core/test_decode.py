"""Compressed answers: asked for, decoded only where a step reads the body, bounded."""

import gzip
import zlib

import pytest
from aiohttp import web

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.site import Site
from velroload.plan.model import Capture, Request
from velroload.sample import ErrorKind

TEXT = b'{"id": "seven", "rest": "' + b"x" * 5000 + b'"}'
FLOW = (
    Request("GET", "/a", compressed=True, captures=(Capture("id", "$.id"),)),
    Request("GET", "/b/${id}"),
)


async def answer(request: web.Request) -> web.StreamResponse:
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=TEXT)
    codings = {"/a": ("gzip", gzip.compress(TEXT)), "/d": ("deflate", zlib.compress(TEXT))}
    coding, body = codings.get(request.path, ("gzip", gzip.compress(TEXT)))
    return web.Response(body=body, headers={"Content-Encoding": coding})


@pytest.mark.parametrize("path", ["/a", "/d"])
def test_a_capture_reads_what_was_compressed(path: str) -> None:
    first = Request("GET", path, compressed=True, captures=(Capture("id", "$.id"),))
    with Site(answer) as site:
        rig = Rig(plan_for(site.url, iterations(3), (first, FLOW[1]))).run()
    assert site.paths() == [path, "/b/seven"] * 3
    assert [one.headers.get("accept-encoding") for one in site.seen] == ["gzip, deflate", None] * 3
    requests = rig.samples[rig.samples["flags"] & 3 == 0]
    assert (requests["error"] == 0).all()
    assert (requests["bytes_in"][::2] < 1000).all()  # as sent, not as decoded
    assert balanced(rig)["requests_sent"] == 6
    rig.close()


def test_without_a_reader_nothing_is_decoded_or_kept() -> None:
    with Site(answer) as site:
        rig = Rig(plan_for(site.url, iterations(3), (Request("GET", "/a", compressed=True),))).run()
    assert rig.job.settings["wanted"] == []
    assert {one.headers["accept-encoding"] for one in site.seen} == {"gzip, deflate"}
    assert (rig.samples["error"] == 0).all()
    rig.close()


def test_an_own_header_says_what_is_asked_for() -> None:
    own = Request("GET", "/a", (("Accept-Encoding", "gzip;q=0.5"),), compressed=True)
    with Site(answer) as site:
        Rig(plan_for(site.url, iterations(1), (own,))).run().close()
    assert site.seen[0].headers["accept-encoding"] == "gzip;q=0.5"


def test_a_bomb_is_an_error_of_its_own() -> None:
    bomb = gzip.compress(bytes(100 << 20), 9)

    async def explode(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    with Site(explode) as site:
        rig = Rig(plan_for(site.url, iterations(2), FLOW[:1])).run()
    c = balanced(rig)
    assert (c["requests_sent"], c["connections_opened"]) == (2, 1)
    assert set(rig.samples["error"]) == {ErrorKind.BODY_TOO_LARGE}
    rig.close()


def test_what_cannot_be_decoded_fails_the_capture() -> None:
    async def brotli(request: web.Request) -> web.StreamResponse:
        return web.Response(body=TEXT, headers={"Content-Encoding": "br"})

    with Site(brotli) as site:
        rig = Rig(plan_for(site.url, iterations(2), FLOW[:1])).run()
    assert balanced(rig)["requests_sent"] == 2
    assert set(rig.samples["error"]) == {ErrorKind.CAPTURE_FAILED}
    rig.close()
