"""Control steps and values in the engine: what each does, and what chance comes to in the long run.
The ledger is asserted for each run."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence as Row
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from scipy import stats

from tests.core.balance import balanced
from tests.core.flows import (
    MARKS,
    MS,
    Recorder,
    answering,
    get,
    liked,
    paths,
    run,
    sent_of,
)
from tests.reference.interpreter import User
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, read_request
from velroload.plan.flow import (
    Chance,
    Choice,
    End,
    Group,
    If,
    Once,
    Repeat,
    Set,
    While,
)
from velroload.plan.model import Capture, Request, Think
from velroload.plan.values import (
    Base64,
    Expression,
    Now,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Text,
    Uuid,
)
from velroload.sample import ErrorKind, Kind


def test_every_user_has_a_stream_of_its_own_and_the_same_one_again() -> None:
    flow = (
        Set("u", Uuid()),
        Chance(Fraction(1, 2), (get("a", "?${u}"),)),
        Choice(((Fraction(3), (get("b", "?${u}"),)), (Fraction(1), (get("c"),)))),
    )
    first, second = (run(flow, 60, users=3, seed=5)[1].heads for _ in range(2))
    for user in range(3):
        plan = plan_for("http://127.0.0.1:1", iterations(60), flow, seed=5)
        twin = User(plan, user, answering).iterate(60).sent
        for heads in (first, second):
            had = [sent for _, sent in heads[user]]
            assert had == twin[: len(had)]
            passes = [number for number, _ in heads[user]]
            assert passes == sorted(passes)
            assert passes[0] == 0


def counted(rig: Rig, recorder: Recorder) -> Counter[str]:
    balanced(rig)
    rig.close()
    return Counter(sent.path for _, sent in recorder.heads[0])


@pytest.mark.parametrize("probability", [Fraction(1, 10), Fraction(9, 10)])
def test_chance_comes_out(probability: Fraction) -> None:
    seen = counted(*run((get("all"), Chance(probability, (get("some"),))), 2000, seed=1))
    assert seen["/all"] == 2000
    assert stats.binomtest(seen["/some"], 2000, float(probability)).pvalue > 0.001


def test_choice_comes_out() -> None:
    weights = (Fraction(1), Fraction(0), Fraction(2), Fraction(5))
    branches = tuple((weight, (get(str(weight)),)) for weight in weights)
    seen = counted(*run((Choice(branches),), 2000, seed=2))
    assert seen["/0"] == 0
    found = [seen[f"/{weight}"] for weight in weights if weight]
    expected = [2000 * float(weight) / 8 for weight in weights if weight]
    assert stats.chisquare(found, expected).pvalue > 0.001


@pytest.mark.parametrize(
    ("pick", "shares"),
    [
        (Pick(("a", "b", "c", "d", "e")), [0.2] * 5),
        (Pick(("a", "b", "c"), "zipf", 1.0), [6 / 11, 3 / 11, 2 / 11]),
        (Pick(("a", "b", "c", "d", "e"), "hot"), [0.8, 0.05, 0.05, 0.05, 0.05]),
    ],
)
def test_picks_come_out(pick: Pick, shares: Row[float]) -> None:
    seen = counted(*run((Set("p", pick), get("p", "?${p}")), 3000, seed=3))
    found = [seen[f"/p?{option}"] for option in pick.options]
    assert sum(found) == 3000
    assert stats.chisquare(found, [3000 * share for share in shares]).pvalue > 0.001


def test_formats() -> None:
    flow = (
        Set("id", Uuid()),
        Set("s", Now("s")),
        Set("ms", Now("ms")),
        Set("iso", Now("iso")),
        Set("n", Sequence(7)),
        Set("text", RandomText(12, "ab")),
        Set("both", Text("${n}/${user}")),
        Set("b", Base64("${both}?")),
        Request("POST", "/", body=json.dumps({
            name: f"${{{name}}}" for name in ("id", "s", "ms", "iso", "n", "text", "both", "b")
        }).encode()),
    )  # fmt: skip
    before = datetime.now(UTC)
    rig, recorder = run(flow, 2)
    after = datetime.now(UTC)
    balanced(rig)
    rig.close()
    for number, sent in enumerate(sent_of(recorder)):
        said = json.loads(sent.body)
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                            said["id"])  # fmt: skip
        at = datetime.fromisoformat(said["iso"])
        assert len(said["iso"]) == 24
        assert int(before.timestamp() * 1000) <= int(at.timestamp() * 1000)
        assert at <= after
        assert int(before.timestamp()) <= int(said["s"]) <= after.timestamp()
        assert int(before.timestamp() * 1000) <= int(said["ms"]) <= after.timestamp() * 1000
        assert said["n"] == str(7 + number)
        assert re.fullmatch("[ab]{12}", said["text"])
        assert said["both"] == f"{said['n']}/0"
        assert base64.b64decode(said["b"]).decode() == said["both"] + "?"


def test_a_loop_has_a_limit() -> None:
    rig, recorder = run((While(Expression("1 == 1"), (get("a"),), limit=7), get("b")))
    assert paths(recorder) == ["/a"] * 7 + ["/b"]
    counters = balanced(rig)
    assert (counters["requests_planned"], counters["requests_skipped"]) == (8, 0)
    rig.close()


def test_a_loop_around_nothing() -> None:
    nothing = Choice(((Fraction(1), ()),))
    rig, recorder = run((get("a"), Repeat(5, (nothing,)), get("b")))
    assert paths(recorder) == ["/a", "/b"]
    balanced(rig)
    rig.close()


def test_a_million_steps_without_a_request_let_others_have_their_turn() -> None:
    spin = Repeat(1000, (Repeat(1000, (Set("n", RandomInt(1, 6)),)),))
    rig, recorder = run((get("a"), spin, get("b")), 1)
    assert paths(recorder) == ["/a", "/b"]
    balanced(rig)
    rig.close()


def test_end_and_on_error_end_count_what_is_left() -> None:
    flow = (get("a"), If(Expression("iteration == '1'"), (End(),)), get("b"), get("c"))
    rig, recorder = run(flow, 2)
    assert paths(recorder) == ["/a", "/b", "/c", "/a"]
    counters = balanced(rig)
    assert (counters["requests_unstarted"], counters["iterations_completed"]) == (2, 2)
    rig.close()
    bad = liked("bad", False)
    rig, recorder = run((get("a"), get(bad, on_error="end"), get("b")), 2)
    assert paths(recorder) == ["/a", f"/{bad}"] * 2
    counters = balanced(rig)
    assert (counters["requests_unstarted"], counters["iterations_interrupted"]) == (2, 2)
    rig.close()


def test_a_computed_line_break_never_reaches_a_header() -> None:
    sent: list[bytes] = []

    def script(connection: Any, number: int) -> None:
        while data := read_request(connection):
            sent.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    value = Set("w", Expression(r"'a\r\nX-Evil: 1'"))
    flow = (value, Request("GET", "/a", headers=(("X-W", "${w}"),)))
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(1), flow)).run()
    assert balanced(rig)["expressions_failed"] == 1
    assert [b"\r\nX-W: \r\n" in head and b"Evil" not in head for head in sent] == [True]
    rig.close()


def test_what_does_not_fit_a_slot_is_empty_and_counted() -> None:
    double = Repeat(12, (Set("w", Text("${w}${w}")),))
    flow = (Set("w", Text("x")), double, get("a", "?${w}"), Set("n", Expression("int(w)")))
    rig, recorder = run(flow)
    assert paths(recorder) == ["/a?"]
    counters = balanced(rig)
    assert counters["values_too_long"] == 1
    assert counters["expressions_failed"] == 1
    rig.close()


def test_a_group_is_timed_with_its_think_time_beside() -> None:
    pause = Think("constant", (30 * MS,))
    rig, _ = run((get("a"), Group("g", (get("b"), pause, get("c"))), pause), 2)
    balanced(rig)
    requests = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST].reshape(2, 3)
    groups = rig.samples[rig.samples["flags"] & 3 == Kind.GROUP]
    assert len(groups) == 2
    for (first, middle, last), group in zip(requests, groups, strict=True):
        assert group["scheduled_ns"] == first["end_ns"] == middle["scheduled_ns"]
        assert group["end_ns"] == last["end_ns"]
        assert group["connect_us"] == 30_000
        assert group["end_ns"] - group["scheduled_ns"] >= 30 * MS
    kinds = {row.name: row.kind for row in rig.endpoints}
    assert (kinds["g"], kinds["iteration"]) == ("group", "iteration")
    rig.close()


def test_steps_of_a_setup_are_done_once() -> None:
    login, once, last = liked("login"), liked("once"), liked("last")
    setup = (Repeat(3, (get(login),)), Once((get(once),)), Group("in", (get(last),)))
    recorder = Recorder()
    with ScriptedServer(recorder) as server:
        plan = plan_for(server.url, iterations(2), (get("a"),), setup, headers=MARKS)
        rig = Rig(plan).run()
    assert paths(recorder) == [f"/{login}"] * 3 + [f"/{once}", f"/{last}", "/a", "/a"]
    balanced(rig)
    rig.close()


def test_pacing_starts_an_iteration_every_so_long() -> None:
    recorder = Recorder()
    with ScriptedServer(recorder) as server:
        load = replace(iterations(4), pacing_ns=20 * MS)
        rig = Rig(plan_for(server.url, load, (get("a"),), headers=MARKS)).run()
    balanced(rig)
    starts = rig.samples["scheduled_ns"]
    assert (starts[1:] - starts[:-1] >= 20 * MS).all()
    rig.close()


def test_captures_of_every_kind_reach_the_next_request() -> None:
    answer = (b'HTTP/1.1 201 Made\r\nETag: "7"\r\nSet-Cookie: sid=abc; Path=/\r\nX-Empty:\r\n'
              b'Content-Length: 17\r\n\r\n{"v": "n=5 text"}')  # fmt: skip
    seen: list[bytes] = []

    def script(connection: Any, number: int) -> None:
        while data := read_request(connection):
            seen.append(data.split(b" ")[1])
            connection.sendall(answer)

    captures = (
        Capture("j", "$.v"),
        Capture("r", r"n=(\d)", "regex"),
        Capture("h", "ETag", "header"),
        Capture("e", "X-Empty", "header"),
        Capture("c", "sid", "cookie"),
        Capture("s", "", "status"),
        Capture("d", "X-None", "header", "default"),
    )
    flow = (Request("GET", "/", captures=captures), Request("GET", "/${r}${h}${e}${c}${s}${d}"))
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(1), flow)).run()
    assert seen == [b"/", b'/5"7"abc201default']
    balanced(rig)
    rig.close()


def test_a_header_that_fills_its_room_is_no_capture() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-A: %s\r\nContent-Length: 0\r\n\r\n" % (b"a" * 3000)

    def script(connection: Any, number: int) -> None:
        while read_request(connection):
            connection.sendall(answer)

    with ScriptedServer(script) as server:
        flow = (Request("GET", "/", captures=(Capture("a", "X-A", "header"),)),)
        rig = Rig(plan_for(server.url, iterations(1), flow)).run()
    assert rig.samples["error"].tolist() == [ErrorKind.CAPTURE_TOO_LONG]
    balanced(rig)
    rig.close()
