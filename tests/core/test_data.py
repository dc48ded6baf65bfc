"""Rows of data sets in the engine: who gets which, in what a user sends, and when there is none."""

import os
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.core.balance import balanced
from tests.reference.data import Rows, shuffled
from tests.reference.pacer import Random
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, read_request
from velroload.errors import ConfigError
from velroload.load.schedule import derive_seed
from velroload.plan.check import Check
from velroload.plan.data import Data
from velroload.plan.flow import If, Repeat, Set, Steps, Take
from velroload.plan.model import Load, Plan, Request, Scenario
from velroload.plan.values import Base64, Expression, Text
from velroload.protocol.table import Memory, Table
from velroload.runner.rows import SHUFFLES

MS = 1_000_000
ROWS = (("1", "Ann"), ("2", "Bo b"), ("3", "Ç"))
GET = Request("GET", "/${d.id}")


class Paths:
    """A server that keeps what it was asked for, in order."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def __call__(self, connection: Any, number: int) -> None:
        while data := read_request(connection):
            self.requests.append(data.decode())
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"v": "Bo"')

    @property
    def paths(self) -> list[str]:
        return [request.split(" ")[1][1:] for request in self.requests]


def rows(n: int) -> tuple[tuple[str, ...], ...]:
    return tuple((str(i), f"name {i}") for i in range(n))


def inline(n: int = 3, **rule: Any) -> Data:
    return Data("d", "inline", ("id", "name"), rows=rows(n), **rule)


def run(data: Data, load: Load, flow: Steps = (GET,), **fields: Any) -> tuple[Rig, Paths]:
    """The flow to its end, one worker."""
    paths = Paths()
    setup = fields.pop("setup", ())
    worker = {name: fields.pop(name) for name in ("worker", "workers") if name in fields}
    with ScriptedServer(paths) as server:
        plan = plan_for(server.url, load, flow, setup, data=(data,), **fields)
        return Rig(plan, **worker).run(), paths


def paths_of(data: Data, load: Load, flow: Steps = (GET,), **fields: Any) -> list[str]:
    """What was asked for; the books are exact."""
    rig, paths = run(data, load, flow, **fields)
    balanced(rig)
    return paths.paths


def test_cells_are_sent_as_slots_are() -> None:
    """In path, header and body, whose length is counted."""
    data = Data("d", "inline", ("id", "name"), rows=ROWS)
    put = Request("PUT", "/${d.id}", (("X-Name", "${d.name}"),), body=b"<${d.name}>")
    _, paths = run(data, iterations(4), (put,))
    for request, (number, name) in zip(paths.requests, (*ROWS, ROWS[0]), strict=True):
        head, _, body = request.partition("\r\n\r\n")
        assert head.startswith(f"PUT /{number} HTTP/1.1\r\n")
        assert f"\r\nX-Name: {name}\r\n" in head
        assert f"\r\nContent-Length: {len(name.encode()) + 2}" in head
        assert body == f"<{name}>"


def test_cells_in_conditions_values_and_checks() -> None:
    data = Data("d", "inline", ("id", "name"), rows=(("1", ""), ("2", "Bo"), ("3", "Cy")))
    flow: Steps = (
        Set("t", Text("t${d.id}")),
        Set("b", Base64("${d.id}${d.name}")),
        Set("n", Expression("int(d.id) * 2")),
        If(Expression("d.name"), (Request("GET", "/named"),)),
        If(Expression("d.name == 'Cy'"), (Request("GET", "/cy"),)),
        Request("GET", "/${t}/${n}/${b}", checks=(Check("is Bo", "when", expression=IS_BO),)),
    )
    rig, paths = run(data, iterations(3), flow)
    assert paths.paths == ["t1/2/MQ==", "named", "t2/4/MkJv", "named", "cy", "t3/6/M0N5"]
    errors = rig.samples["error"][rig.samples["flags"] & 3 == 0]
    assert [int(error != 0) for error in errors[[0, 2, 5]]] == [1, 0, 1]


IS_BO = Expression("d.name == 'Bo'")


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ({"pick": "circular"}, "0120120"),
        ({"pick": "sequential", "at_end": "repeat"}, "0120120"),
        ({"pick": "sequential"}, "012"),
        ({"pick": "once"}, "012"),
        ({"pick": "sequential", "per": "user"}, "0000000"),
        ({"pick": "unique", "per": "user"}, "0000000"),
    ],
)
def test_picks_of_one_user(rule: dict[str, Any], asked: str) -> None:
    assert "".join(paths_of(inline(**rule), iterations(7))) == asked


def test_a_user_that_has_no_row_ends_before_its_iteration_begins() -> None:
    """Seven were planned, three could be: the others are unstarted, none was interrupted."""
    rig, paths = run(inline(pick="once"), iterations(7))
    counters = balanced(rig)
    assert len(paths.paths) == counters["iterations_completed"] == counters["iterations_started"]
    assert counters["iterations_unstarted"] == counters["requests_unstarted"] == 4
    assert counters["iterations_interrupted"] == counters["vus_active"] == 0


def test_a_row_per_user() -> None:
    asked = Counter(paths_of(inline(9, pick="sequential", per="user"), iterations(30, users=6)))
    assert sorted(asked) == [str(n) for n in range(6)]


def test_users_beyond_the_rows_end_and_the_others_go_on() -> None:
    load = Load("constant-vus", users=5, duration_ns=60 * MS)
    rig, paths = run(inline(3, pick="unique", per="user"), load)
    assert set(paths.paths) == {"0", "1", "2"}
    assert balanced(rig)["iterations_interrupted"] == 0


def test_a_run_ends_when_the_rows_do() -> None:
    """An hour was planned."""
    load = Load("constant-vus", users=4, duration_ns=3600_000 * MS)
    assert sorted(paths_of(inline(10, pick="once"), load), key=int) == [str(n) for n in range(10)]


@pytest.mark.parametrize("users", [None, 2])
def test_starts_that_find_no_row_are_unstarted(users: int | None) -> None:
    load = Load("constant-arrival-rate", rate=Fraction(1000), duration_ns=100 * MS,
                users=users, max_vus=None if users else 9)  # fmt: skip
    rig, paths = run(inline(10, pick="once"), load)
    counters = balanced(rig)
    assert sorted(paths.paths, key=int) == [str(n) for n in range(10)]
    assert counters["iterations_started"] == counters["iterations_completed"] == 10
    assert counters["iterations_unstarted"] == counters["requests_unstarted"] == 90


def test_take_goes_to_the_next_row() -> None:
    flow: Steps = (GET, Repeat(2, (Take("d"), GET)))
    assert "".join(paths_of(inline(5), iterations(2), flow)) == "012340"
    flow = (GET, Take("d"))
    assert "".join(paths_of(inline(5, per="user"), iterations(7), flow)) == "0123401"


def test_take_at_the_end_interrupts_the_iteration() -> None:
    flow = (GET, Take("d"), GET, GET)
    rig, paths = run(inline(3, pick="once"), iterations(5), flow)
    counters = balanced(rig)
    assert "".join(paths.paths) == "0112"
    assert counters["iterations_interrupted"] == 1
    assert counters["iterations_unstarted"] == 3
    assert counters["vus_active"] == 0


def test_a_setup_reads_the_row_of_its_user() -> None:
    setup = (Request("POST", "/login/${d.id}"),)
    asked = paths_of(inline(per="user", pick="unique"), iterations(3, users=3), setup=setup)
    assert [asked.count(f"login/{n}") for n in range(3)] == [1, 1, 1]
    asked = paths_of(inline(), iterations(3), setup=setup)
    assert asked == ["login/0", "1", "2", "0"]


def test_a_setup_without_a_row_is_never_begun() -> None:
    setup = (Request("POST", "/login/${d.id}"), Request("GET", "/more"))
    rig, paths = run(inline(1, pick="once", per="user"), iterations(4, users=2), setup=setup)
    counters = balanced(rig)
    assert Counter(paths.paths) == {"login/0": 1, "more": 1, "0": 4}
    assert counters["iterations_completed"] == 4


def test_rows_that_fail_the_run() -> None:
    """Where nobody could know: the engine stops by itself and says of which data set."""
    load = Load("constant-vus", users=4, duration_ns=3600_000 * MS)
    rig, paths = run(inline(5, pick="once", at_end="fail"), load)
    assert len(paths.paths) == 5
    assert rig.engine.short_of == 0
    balanced(rig)


def test_a_run_that_ends_before_its_rows() -> None:
    rig, _ = run(inline(3, pick="once", at_end="fail"), iterations(3))
    assert rig.engine.short_of is None


@pytest.mark.parametrize(
    ("rule", "load", "workers", "needed"),
    [
        ({"pick": "once"}, iterations(4), 1, 4),
        ({"pick": "sequential"}, iterations(6, users=3), 2, 7),  # 4 and 2: worker 0 takes 0 … 6
        ({"pick": "unique", "per": "user"}, iterations(9, users=5), 2, 5),
        ({"pick": "once", "per": "user"}, Load("constant-vus", users=5, duration_ns=MS), 2, 5),
        ({"pick": "once"}, Load("constant-arrival-rate", rate=Fraction(1000), max_vus=4,
                                duration_ns=10 * MS), 2, 10),
    ],
)  # fmt: skip
def test_rows_that_are_known_to_be_too_few(
    rule: dict[str, str], load: Load, workers: int, needed: int
) -> None:
    def build(n: int) -> None:
        data = inline(n, at_end="fail", **rule)
        Rig(plan_for("http://127.0.0.1:1", load, (GET,), data=(data,)), workers=workers).close()

    build(needed)
    with pytest.raises(ConfigError) as caught:
        build(needed - 1)
    assert str(caught.value) == NEEDS.format(needed - 1, needed)


NEEDS = (
    "data d: it has {} row(s), and the run needs {}, for worker w of n takes w, w + n, …; "
    "add rows, or write at_end: stop or repeat"
)


def test_the_rows_of_users_in_several_scenarios() -> None:
    """They are numbered one scenario after the other, over all workers, without a gap."""
    seen: Counter[str] = Counter()
    data = inline(9, pick="unique", per="user", at_end="fail")
    for worker in range(2):
        paths = Paths()
        with ScriptedServer(paths) as server:
            both = tuple(
                Scenario(name, iterations(users, users), (Request("GET", path),))
                for name, users, path in (
                    ("a", 3, "/${d.id}"),
                    ("b", 2, "/x"),
                    ("c", 3, "/${d.id}"),
                )
            )
            plan = Plan("p", server.url, both, data=(data,))
            Rig(plan, worker=worker, workers=2).run().close()
        seen.update(paths.paths)
    assert seen == {"x": 2, **{str(n): 1 for n in range(6)}}


def test_rows_that_only_a_run_has() -> None:
    table = Table.of("d", ("id", "name"), [("7", "x"), ("8", "y")])
    paths = Paths()
    with ScriptedServer(paths) as server:
        plan = plan_for(server.url, iterations(3, users=3), (GET,), data=(inline(),))
        Rig(plan, tables=(table,)).run().close()
    table.close()
    assert Counter(paths.paths) == {"7": 2, "8": 1}


def damaged(at: int, word: int) -> Table:
    """A table in whose memory a word is another one."""
    table = Table.of("d", ("id", "name"), rows(5000))
    data = bytearray(os.pread(table.memory.fd, table.size, 0))
    at %= len(data)
    data[at : at + 8] = word.to_bytes(8, "little")
    fd = os.memfd_create("test")
    os.write(fd, data)
    table.close()
    return replace(table, memory=Memory(fd))


@pytest.mark.parametrize(
    ("at", "word", "said"),
    [
        (0, 1, "program: data set 1 is not of this version of velroload"),
        (8, 0, "program: data set 1 is out of range"),
        (8, 2**40, "program: data set 1 is out of range"),
        (8, 12_289, "program: data set 1 is out of range"),
        (16, 0, "program: data set 1 is out of range"),
        (16, 1, "program: slot 0 is out of range"),
        (24, 2**63, "program: data set 1 is out of range"),
        (24, 68, "program: data set 1 is out of range"),
    ],
)
def test_damaged_heads_are_refused(at: int, word: int, said: str) -> None:
    name = Request("GET", "/${d.name}")
    plan = plan_for("http://127.0.0.1:1", iterations(1), (name,), data=(inline(),))
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Rig(plan, tables=(replace(damaged(at, word), unfit=(None, None)),))


@pytest.mark.parametrize(
    ("at", "word"),
    [(-40, 2**63), (-40, 3), (-40, 2**64 - 4), (64, 2**64 - 1), (64, 9 << 32 | 8), (64, 2**40)],
)
def test_damaged_cells_are_empty(at: int, word: int) -> None:
    """Where a block lies; where a cell ends: before it begins, behind the memory, too long."""
    paths = Paths()
    with ScriptedServer(paths) as server:
        plan = plan_for(server.url, iterations(1), (GET,), data=(inline(),))
        Rig(plan, tables=(damaged(at, word),)).run().close()
    assert paths.paths == [""]


SIZES = st.one_of(st.integers(1, 20), st.sampled_from([255, 256, 257, 1000, 5000]))


@settings(max_examples=30, deadline=None)
@given(
    n=SIZES,
    workers=st.integers(1, 5),
    pick=st.sampled_from(["sequential", "circular", "random", "shuffle", "once", "unique"]),
    repeat=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    users=st.integers(1, 4),
    times=st.integers(1, 9),
)
def test_every_worker_takes_what_the_twin_says(
    n: int, workers: int, pick: str, repeat: bool, seed: int, users: int, times: int
) -> None:
    at_end = "repeat" if repeat and pick != "once" else "stop"
    data = inline(n, pick=pick, at_end=at_end, per="user" if pick == "unique" else "iteration")
    load = iterations(users * workers * times, users * workers)
    flow = (Request("GET", "/${user}-${d.id}"),)
    for worker in range(workers):
        asked = paths_of(data, load, flow, seed=seed, worker=worker, workers=workers)
        twin = Rows(n, pick, at_end, derive_seed(seed, SHUFFLES), worker, workers)
        pairs = [tuple(map(int, path.split("-"))) for path in asked]
        assert all(user % workers == worker and row < n for user, row in pairs)
        if pick == "unique":
            assert all(row == twin.take(user, Random(0)) for user, row in pairs)
        elif pick != "random":
            rows = [twin.take(0, Random(0)) for _ in range(users * times)]
            assert sorted(row for _, row in pairs) == sorted(row for row in rows if row is not None)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 300), lap=st.integers(0, 5), seed=st.integers(0, 2**64 - 1))
def test_a_shuffle_is_a_permutation(n: int, lap: int, seed: int) -> None:
    assert sorted(shuffled(seed, lap, n, i) for i in range(n)) == list(range(n))


def test_every_order_is_as_likely() -> None:
    orders = Counter(tuple(shuffled(5, lap, 3, i) for i in range(3)) for lap in range(900))
    assert set(orders) == set(permutations(range(3)))
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4
