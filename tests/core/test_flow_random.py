"""Control steps and values in the engine: random flows as the interpreter says."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.core.balance import balanced
from tests.core.flows import answering, get, run, sent_of
from tests.reference.interpreter import Sent, User
from tests.rig import iterations, plan_for
from velroload.plan.data import Data
from velroload.plan.flow import (
    Chance,
    Choice,
    End,
    Group,
    If,
    Once,
    Repeat,
    Set,
    Step,
    Steps,
    Take,
    While,
)
from velroload.plan.model import Capture, Think
from velroload.plan.values import (
    Base64,
    Expression,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Text,
    Uuid,
)
from velroload.sample import Kind

NAMES = ("n", "c", "w")
REQUESTS = st.builds(
    lambda name, query, capture, end, body: replace(
        get(
            name,
            query,
            captures=(Capture("c", "$.v"),) if capture else (),
            on_error="end" if end else "continue",
        ),
        method="GET" if body is None else "POST",
        body=body,
        endpoint=f"{'GET' if body is None else 'POST'} {name}",
    ),
    st.sampled_from(["a", "b"]),
    st.sampled_from(
        ["", "?n=${n}", "?c=${c}&w=${w}", "?i=${iteration}", "?d=${d.a}&e=${e.a}", "?e=${e.b}"]
    ),
    st.booleans(),
    st.integers(0, 9).map(lambda n: n == 0),
    st.sampled_from([None, b"plain", b"${c}${n}", b"${d.b}${n}${e.a}"]),
)
VALUES = st.one_of(
    st.just(Uuid()),
    st.builds(Sequence, st.integers(-9, 9)),
    st.builds(lambda a, n: RandomInt(a, a + n), st.integers(-9, 9), st.integers(0, 2**62)),
    st.builds(RandomText, st.integers(1, 9), st.sampled_from(["abc", "x", "0123456789"])),
    st.builds(
        Pick,
        st.just(("one", "two", "three", "", "five")),
        st.sampled_from(["uniform", "zipf", "hot"]),
    ),
    st.sampled_from(
        [Text("${n}-${c}"), Text(""), Text("${d.b}"), Base64("${n}"), Base64("${e.b}")]
    ),
    st.sampled_from(
        [
            "len(n) + 1",
            "len(d.b) + int(e.a)",
            "upper(w)",
            "int(n) // 2",
            "c == ''",
            "1 / 0",
            "round(2.5, 1)",
        ]
    ).map(Expression),
)
CONDITIONS = st.sampled_from(
    ["c", "n", "int(n) > 2", "c == '3'", "d.a", "e.b != 'x'", "len(w) % 2 == 0", "1 / 0"]
).map(Expression)
CHANCES = st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 3), Fraction(9, 10)])
THINKS = st.sampled_from(
    [
        Think("constant", (1,)),
        Think("uniform", (1, 9)),
        Think("exponential", (9,)),
        Think("normal", (9, 9)),
        Think("lognormal", (9,), Fraction(1, 2)),
    ]
)
LEAVES = st.one_of(
    REQUESTS,
    REQUESTS,
    st.builds(Set, st.sampled_from(NAMES), VALUES),
    THINKS,
    st.builds(Take, st.sampled_from(["d", "e"])),
    st.just(End()),
)
D_ROWS = (("", "é"), ("1", "two words"), ("2", ""), ("3", "x" * 300), ("4", "'\"$"))
DATA = st.builds(
    lambda n, pick, per, end: Data(
        "d", "inline", ("a", "b"), rows=D_ROWS[:n], pick=pick, per=per,
        at_end="stop" if pick == "once" else end,
    ),
    st.integers(1, 5),
    st.sampled_from(["sequential", "circular", "random", "shuffle", "once"]),
    st.sampled_from(["iteration", "user"]),
    st.sampled_from(["stop", "repeat"]),
)  # fmt: skip
E = Data("e", "inline", ("a", "b"), rows=(("1", "x"), ("2", "y")), pick="shuffle")


def inside(steps: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    some = st.lists(steps, min_size=1, max_size=3).map(tuple)
    any_ = st.lists(steps, max_size=3).map(tuple)
    ways = st.lists(st.tuples(CHANCES, any_), max_size=1)
    return st.one_of(
        st.builds(Chance, CHANCES, some),
        st.builds(
            lambda before, certain, after: Choice((*before, (Fraction(1), certain), *after)),
            ways,
            any_,
            ways,
        ),
        st.builds(Repeat, st.integers(1, 3), some),
        st.builds(While, CONDITIONS, some, st.integers(1, 3)),
        st.builds(If, CONDITIONS, some, any_),
        st.builds(If, CONDITIONS, st.just(()), some),
        st.builds(Group, st.sampled_from(["g", "h"]), some),
        st.builds(Once, some),
    )


STEPS = st.recursive(LEAVES, inside, max_leaves=12)
BEGIN = Once(tuple(Set(name, Text("")) for name in NAMES))


@given(st.lists(STEPS, min_size=1, max_size=4).map(tuple), DATA, st.integers(0, 2**64 - 1))
@settings(max_examples=150, deadline=None)
def test_random_flows_request_by_request(flow: Steps, data: Data, seed: int) -> None:
    flow = (get("first"), BEGIN, *flow)
    plan = plan_for("http://127.0.0.1:1", iterations(3), flow, data=(data, E), seed=seed)
    assume(plan.scenarios[0].requests_most < 200)
    twin = User(plan, 0, answering).iterate(3)
    rig, recorder = run(flow, 3, data=(data, E), seed=seed)
    found = sent_of(recorder)
    assert found == [Sent(s.endpoint, s.path, s.body) for s in twin.sent]
    counters = balanced(rig)
    assert counters["iterations_started"] == twin.started
    assert counters["requests_started"] == len(twin.sent) == counters["requests_sent"]
    groups = rig.samples[rig.samples["flags"] & 3 == Kind.GROUP]
    names = [rig.endpoints[row["endpoint"]].name for row in groups]
    assert names == twin.groups
    rig.close()
