"""phase.py, session.py, data.py, probe.py, limits.py: what the model refuses by itself.

What a plan file can get wrong stands in document/mistakes.txt; here is the rest, for callers of the
model.
"""

from collections.abc import Callable
from fractions import Fraction

import pytest

from velroload.errors import ConfigError
from velroload.plan.data import Data
from velroload.plan.limits import Limits
from velroload.plan.model import Request
from velroload.plan.phase import Event, Phase
from velroload.plan.probe import Probe
from velroload.plan.requirements import Requirements
from velroload.plan.session import Accounts, Renew, Session
from velroload.plan.threshold import parse_threshold

S = 1_000_000_000
GET = Request("GET", "/")


def test_a_phase_is_a_load() -> None:
    phase = Phase(
        "p", 10, 2 * S, 8 * S, Fraction(21), thresholds=(parse_threshold("rate >= 20/s"),)
    )
    assert phase.load.request_rate == 21
    assert (phase.load.users, phase.load_ns, phase.load.is_open) == (10, 10 * S, True)
    assert not Phase("p", 10, 0, S).load.is_open


def test_limits_are_held_against_what_is_known() -> None:
    limits = Limits(10, Fraction(100), 60 * S)
    limits.check(10, Fraction(100), 60 * S)
    Limits().check(10**6, None, None)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: Phase("", 1, 0, S), "a phase needs a name"),
    (lambda: Phase("p", 0, 0, S), "phase 'p': users is 0: at least 1 is needed"),
    (lambda: Phase("p", 1, 0, S, Fraction(0)), "phase 'p': rate is 0/s: more than 0 is needed"),
    (lambda: Phase("p", 1, 0, S, cool_down_ns=-1), "phase 'p': cool_down: 0 or more is needed"),
    (
        lambda: Phase("p", 1, 0, S, mix=(("x", Fraction(2)),)),
        "phase 'p': mix of x is 2: 0 to 1",
    ),
    (lambda: Phase("p", 1, 0, S, stop_on="x"), "phase 'p': stop_on is 'x': invalid or fail"),
    (
        lambda: Phase("p", 1, 0, S, events=(Event("e", 0, "fault", fault="x"),) * 2),
        "phase 'p': event 'e' stands twice",
    ),
    (lambda: Event("", 0, "fault"), "an event needs a name"),
    (
        lambda: Event("e", 0, "x"),
        "event 'e': 'x' is not one of http, command, fault, spike",
    ),
    (
        lambda: Event("e", 0, "http", url="http://h:99999999/"),
        "event 'e': 'http://h:99999999/' is no URL that can be called",
    ),
    (
        lambda: Event("e", 0, "http", url="http://u:p@h/x"),
        "event 'e': credentials do not belong in a URL; send them as a header",
    ),
    (
        lambda: Event("e", 0, "http", url="http:///x"),
        "event 'e': 'http:///x' is no URL that can be called",
    ),
    (lambda: Event("e", -1, "fault", fault="x"), "event 'e': times are 0 or more"),
    (
        lambda: Event("e", 0, "http", 5, url="/x"),
        "event 'e': only a fault or a spike lasts; leave out for",
    ),
    (lambda: Event("e", 0, "http", url="x"), "event 'e': 'x' is no path and no URL"),
    (lambda: Event("e", 0, "command"), "event 'e': the command has no word"),
    (lambda: Event("e", 0, "fault"), "event 'e': name the fault"),
    (lambda: Event("e", 0, "spike"), "event 'e': a spike has a factor above 0 and lasts"),
    (lambda: Renew((GET,)), "renew: it has steps, but nothing says when; add at"),
    (lambda: Renew(()), "renew: it has no step and does nothing on a 401"),
    (
        lambda: Renew((GET,), life_slot="a", token_slot="b"),
        "renew: a life is told by one slot, got two",
    ),
    (lambda: Session("minted", (GET,)), "session: steps do not go with minted tokens"),
    (
        lambda: Session("ramp", (GET,), rate_max_per_s=Fraction(0)),
        "session: rate_max: more than 0 is needed",
    ),
    (lambda: Accounts(0, "login"), "accounts: count is 0: at least 1 is needed"),
    (lambda: Accounts(1, "any"), "accounts: token is 'any': write minted or login"),
    (
        lambda: Accounts(1, secret="x", creations=-1),
        "accounts: creations is -1: 0 or more is needed",
    ),
    (lambda: Accounts(1, secret="x", life_s=0), "accounts: life is 0 s: at least 1s is needed"),
    (lambda: Data("d", "csv", ()), "data d: it has no column"),
    (lambda: Data("d", "csv", ("a", "a"), "x"), "data d: the same column twice"),
    (
        lambda: Data("d", "csv", ("a",)),
        "data d: a file is named for csv, json and jsonl, only",
    ),
    (lambda: Data("d", "inline", ("a",)), "data d: it has no row"),
    (
        lambda: Data("d", "inline", ("a",), rows=(("1", "2"),)),
        "data d: every row has the same columns",
    ),
    (
        lambda: Data("d", "csv", ("a",), "x", pick="unique"),
        "data d: unique rows are picked per: user",
    ),
    (
        lambda: Data("d", "csv", ("a",), "x", pick="once", at_end="repeat"),
        "data d: once and at_end: repeat contradict each other",
    ),
    (
        lambda: Probe("p", "redis", "redis://x", token="t"),
        "probe p: token: only an agent asks for one",
    ),
    (
        lambda: Probe("p", "process", "pid:5", timeout_ns=0),
        "probe p: timeout: more than 0 is needed",
    ),
    (
        lambda: Probe("p", "json", "http://x", (("a", "b"),)),
        "probe p: a: 'b' is not a path such as $.user.id or $[0].id",
    ),
    (
        lambda: Probe("p", "prometheus", "http://x", (("a", "b{"),)),
        "probe p: a: 'b{' is not a metric such as up or up{job=\"a\"}",
    ),
    (
        lambda: Probe("p", "json", "http://x", (("a-b", "$.x"),)),
        "probe p: value 'a-b': a name is letters, digits and _, no digit first",
    ),
    (
        lambda: Probe("generator", "redis", "redis://x"),
        "probe generator: that is this machine's own; give it another name",
    ),
    (
        lambda: Probe("p", "cache_header", "X Y", (("HIT", "hit"),)),
        "probe p: 'X Y' is no name of a header",
    ),
    (
        lambda: Probe("p", "cache_header", "X", (("é", "hit"),)),
        "probe p: 'é': a value of up to 64 ASCII letters is needed",
    ),
    (
        lambda: Probe("p", "cache_header", "X", (("H" * 65, "hit"),)),
        f"probe p: '{'H' * 65}': a value of up to 64 ASCII letters is needed",
    ),
    (
        lambda: Probe("p", "redis", "redis://x", roles=(("db_max", "a"),)),
        "probe p: roles: go with prometheus and json only",
    ),
    (
        lambda: Probe("p", "json", "http://x", (("a", "$.x"),), roles=(("db_max", "b"),)),
        "probe p: roles: db_max: there is no value 'b'; it has a",
    ),
    (
        lambda: Probe("p", "json", "http://x", (("a", "$.x"),), roles=(("breaker_", "a"),)),
        "probe p: roles: 'breaker_' is not one of cpu_share, memory_share, memory_bytes, "
        "open_connections, db_connections, db_in_use, db_waiting, db_max, l1_hits, l1_misses, "
        "l2_hits, l2_misses, l3_hits, authz_hits, authz_misses, redis_hits, redis_misses, "
        "rate_limited, process_cpu_share, breaker_NAME",
    ),
    (
        lambda: Limits(max_rate_per_s=Fraction(5)).check(1, Fraction(6), None),
        "limits: 6/s are more than max_rate 5/s",
    ),
    (
        lambda: Limits(max_duration_ns=S).check(1, None, None),
        "limits: nothing bounds the duration, max_duration is 1s; add hold",
    ),
    (lambda: Requirements("x"), "requirements: 'x' is not known: velro-prd"),
]


@pytest.mark.parametrize(("make", "line"), MISTAKES)
def test_mistakes(make: Callable[[], object], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == line
