"""Server-Timing and X-Response-Time from answers into the ring of values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.balance import balanced
from tests.core.test_redirect import leading
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from tests.servers.site import Site
from velroload.engine.values import VALUE
from velroload.plan.model import Request

MS = 1_000_000
GET = Request("GET", "/")


def said(*lines: bytes, n: int = 1) -> tuple[list[tuple[str, float]], Rig]:
    """(name, ms) of every value after `n` answers with these header lines."""
    head = b"".join(line + b"\r\n" for line in lines)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + head + b"\r\n"
    with ScriptedServer(respond(answer)) as server:
        rig = Rig(plan_for(server.url, iterations(n), server_timing=True)).run()
    assert (rig.samples["error"] == 0).all()
    assert balanced(rig)["requests_sent"] == n
    return values(rig), rig


def rows(rig: Rig) -> Any:
    found = np.frombuffer(rig.values.read(), VALUE)
    assert rig.values.pushed == rig.values.drained
    return found


def values(rig: Rig) -> list[tuple[str, float]]:
    names = [name.decode() for name in rig.values.names()]
    return [(names[row["series"]], row["value_ns"] / MS) for row in rows(rig)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"Server-Timing: db;dur=53.2", [("db", 53.2)]),
        (b"Server-Timing: db;dur=53, app;dur=47.25", [("db", 53), ("app", 47.25)]),
        (b'server-timing: db ; dur = 1 ,app;desc="a, b; \\"c";dur=2', [("db", 1), ("app", 2)]),
        (b'Server-Timing: x;dur="3.5"', [("x", 3.5)]),
        (b"Server-Timing: x;DUR=1;dur=2", [("x", 1)]),
        (b"Server-Timing: miss, cache;desc=hit, db;dur=0", [("db", 0)]),
        (b"Server-Timing: x;dur=0.0000019", [("x", 0.000001)]),
        (b"Server-Timing: x;dur=.5, y;dur=1.", [("y", 1)]),
        (b"Server-Timing: a;dur=1,,, b;dur=2,", [("a", 1), ("b", 2)]),
        (b"Server-Timing: a;;dur=1", [("a", 1)]),
        (b'Server-Timing: cache;desc="L1";dur=1, db;dur=2', [("cache L1", 1), ("db", 2)]),
        (b"Server-Timing: cache;dur=3;desc=l2", [("cache L2", 3)]),
        (b'Server-Timing: Cache ; dur=3 ; desc = "L3"', [("cache L3", 3)]),
        (b'Server-Timing: cache;desc="Cache Read";dur=4', [("cache", 4)]),
        (b"Server-Timing: cache;desc=L4;dur=4, cache;desc=L;dur=1", [("cache", 4), ("cache", 1)]),
        (b'Server-Timing: app;desc="L1";dur=5, cache;dur=6', [("app", 5), ("cache", 6)]),
        (b'Server-Timing: cache;desc="L1', []),
        (b'Server-Timing: cache;dur=1;desc="L1', [("cache", 1)]),
        (b"X-Response-Time: 12.34ms", [("x-response-time", 12.34)]),
        (b"X-Response-Time: 12.34", [("x-response-time", 12.34)]),
        (b"X-Response-Time: 0.5 s", [("x-response-time", 500)]),
        (b"X-Response-Time: 120us", [("x-response-time", 0.12)]),
    ],
)
def test_values(line: bytes, found: list[tuple[str, float]]) -> None:
    values, rig = said(line)
    assert values == found
    rig.close()


@pytest.mark.parametrize(
    "line",
    [
        b"Server-Timing: x;dur=-1", b"Server-Timing: x;dur=1e3", b"Server-Timing: x;dur=abc",
        b"Server-Timing: x;dur=", b"Server-Timing: x;dur=99999999999", b'Server-Timing: x;dur="1',
        b"Server-Timing: =5;dur=3", b"Server-Timing: x;dur=1.2.3",
        b"X-Response-Time: fast", b"X-Response-Time: 5 minutes", b"X-Response-Time: -3ms",
        b"Server-Timing: " + b"n" * 64 + b";dur=1",
    ],
)  # fmt: skip
def test_what_is_no_value_is_counted_and_passed_over(line: bytes) -> None:
    values, rig = said(line, b"Server-Timing: good;dur=7")
    assert [pair for pair in values if pair[0] == "good"] == [("good", 7.0)]
    assert len(values) == 1
    assert rig.counters["values_ignored"] == 1
    rig.close()


def test_a_value_has_its_answers_time_endpoint_and_phase() -> None:
    with Site(leading({})) as site:
        answer = site.handler

        async def timed(request: Any) -> Any:
            response = await answer(request)
            response.headers["Server-Timing"] = f"t;dur={len(request.path)}"
            return response

        site.handler = timed
        flow = (GET, Request("GET", "/long"))
        rig = Rig(plan_for(site.url, iterations(3), flow, server_timing=True)).run()
    found = rows(rig)
    requests = rig.samples[rig.samples["flags"] & 3 == 0]
    assert found["at_ns"].tolist() == requests["end_ns"].tolist()
    assert found["endpoint"].tolist() == requests["endpoint"].tolist()
    assert (found["value_ns"] // MS).tolist() == [1, 5] * 3
    assert set(found["phase"]) == {0}
    rig.close()


def test_hops_have_their_own_values() -> None:
    with Site(leading({"/a": (302, "/b")})) as site:
        moved = site.handler

        async def timed(request: Any) -> Any:
            response = await moved(request)
            response.headers["X-Response-Time"] = "1ms" if request.path == "/a" else "2ms"
            return response

        site.handler = timed
        request = Request("GET", "/a", redirects=1)
        rig = Rig(plan_for(site.url, iterations(2), (request,), server_timing=True)).run()
    names = {row.id: row.kind for row in rig.endpoints}
    found = [(names[int(row["endpoint"])], int(row["value_ns"]) // MS) for row in rows(rig)]
    assert found == [("hop", 1), ("request", 2)] * 2
    rig.close()


def test_names_are_bounded() -> None:
    many = b"Server-Timing: " + b", ".join(b"n%d;dur=1" % i for i in range(50))
    values, rig = said(many, n=2)
    assert len(values) == 64
    assert len({name for name, _ in values}) == 32
    assert rig.counters["values_ignored"] == 36
    rig.close()


def test_a_header_that_does_not_fit_loses_its_last_piece() -> None:
    long = b"Server-Timing: a;dur=1, b;desc=%s;dur=2, c;dur=3" % (b"x" * 1100)
    values, rig = said(long)
    assert values == [("a", 1.0)]
    assert rig.counters["values_ignored"] == 1
    rig.close()


def test_a_full_ring_loses_and_counts() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Response-Time: 1ms\r\n\r\n"
    with ScriptedServer(respond(answer)) as server:
        rig = Rig(plan_for(server.url, iterations(100), server_timing=True), slots=64)
        rig.run()
    assert rig.values.pushed == 64
    assert rig.counters["lost_values"] == 36
    assert len(rows(rig)) == 64
    rig.close()


PIECES = st.sampled_from(
    [b"a", b"dur", b"=", b";", b",", b'"', b"\\", b" ", b"1", b".5", b"9" * 10, b"\xff", b"desc"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_nothing_that_a_server_sends_harms(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    values, rig = said(b"Server-Timing: " + text, b"X-Response-Time: " + text)
    assert all(value >= 0 for _, value in values)
    rig.close()
