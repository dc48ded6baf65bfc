"""plan/connecting.py: where connections go, and what contradicts itself."""

from fractions import Fraction
from typing import Any

import pytest

from velroload.errors import ConfigError
from velroload.plan.connecting import SOURCES_MAX, Connecting, ConnectTo
from velroload.plan.model import Load, Plan, Request, Scenario

CLOSED = Load("constant-vus", users=1, duration_ns=1)
ON_DEMAND = Load("constant-arrival-rate", rate=Fraction(1), duration_ns=1)


def plan_of(
    connecting: Connecting, load: Load = CLOSED, target: str = "http://h", **more: Any
) -> Plan:
    headers = more.pop("own", ())
    flow = (Request("GET", "/", headers),)
    return Plan("p", target, (Scenario("m", load, flow),), connecting=connecting, **more)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        (ConnectTo("h", 80, "127.0.0.1", 8080), ("127.0.0.1", 8080)),
        (ConnectTo("h", 80, "127.0.0.1", None), ("127.0.0.1", 80)),
        (ConnectTo("h", 80, None, 8080), ("h", 8080)),
        (ConnectTo(None, None, "::1", 1), ("::1", 1)),
        (ConnectTo("h", None, "other", None), ("other", 80)),
        (ConnectTo("x", 80, "127.0.0.1", 8080), ("h", 80)),
        (ConnectTo("h", 81, "127.0.0.1", 8080), ("h", 80)),
    ],
)
def test_connect_to(rule: ConnectTo, place: tuple[str, int]) -> None:
    assert Connecting(connect_to=(rule,)).place("h", 80) == place


def test_the_first_rule_that_speaks_of_it_counts_and_case_does_not() -> None:
    rules = (
        ConnectTo("x", None, "a", 1),
        ConnectTo("h", None, "b", 2),
        ConnectTo(None, None, "c", 3),
    )
    asked = Connecting(connect_to=rules)
    assert asked.place("H", 80) == ("b", 2)
    assert asked.place("z", 80) == ("c", 3)
    assert Connecting().place("H", 80) == ("H", 80)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"requests_max": 0}, "requests per connection is 0: at least 1 is needed"),
        (
            {"requests_max": 5, "keep_alive": False},
            "requests per connection without keep-alive: each connection carries one request; "
            "leave one of the two out",
        ),
        (
            {"warm": True, "keep_alive": False},
            "warm connections without keep-alive: each connection carries one request; "
            "leave one of the two out",
        ),
        ({"family": 5}, "family is 5: write 4 or 6"),
        ({"sources": ("localhost",)}, "source 'localhost': not an IP address"),
        (
            {"sources": ("127.0.0.1",) * (SOURCES_MAX + 1)},
            "4,097 sources: at most 4,096 are possible",
        ),
    ],
)
def test_contradictions(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Connecting(**fields)
    assert str(caught.value) == line


HEADER = "header Connection: keep-alive contradicts keep-alive off; leave one of them out"
HOW_MANY = (
    "warm connections: how many? users begin on demand here; "
    "say how many users or connections there are"
)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {
                "connecting": Connecting(keep_alive=False),
                "own": (("Connection", "keep-alive"),),
            },
            HEADER,
        ),
        (
            {
                "connecting": Connecting(keep_alive=False),
                "headers": (("connection", "keep-alive"),),
            },
            HEADER,
        ),
        ({"connecting": Connecting(warm=True), "load": ON_DEMAND}, HOW_MANY),
        (
            {"connecting": Connecting(sources=("127.0.0.2",)), "target": "unix:/s"},
            "source does not go with a unix socket: it has no IP address",
        ),
        (
            {
                "connecting": Connecting(connect_to=(ConnectTo(None, None, "h", 1),)),
                "target": "unix:/s",
            },
            "connect-to does not go with a unix socket: it has no IP address",
        ),
        (
            {"connecting": Connecting(family=4), "target": "unix:/s"},
            "family does not go with a unix socket: it has no IP address",
        ),
    ],
)
def test_a_plan_that_contradicts_itself(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(**fields)
    assert str(caught.value).replace("connection:", "Connection:") == line


def test_what_goes_together() -> None:
    plan_of(Connecting(keep_alive=False), own=(("Connection", "close"),))
    plan_of(Connecting(warm=True), ON_DEMAND, connections=5)
    plan_of(Connecting(warm=True, reset_at_end=True, retry=False), target="unix:/s")
