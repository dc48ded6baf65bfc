"""Plans whose users log in, against a desk that gives tokens."""

from collections import Counter
from fractions import Fraction
from typing import Any

from tests.rig import SECOND_NS, Rig
from velroload import _core
from velroload.plan.load import Load
from velroload.plan.model import Plan, Scenario, Step, Timeouts
from velroload.plan.session import Renew, Session
from velroload.plan.steps import Capture, Request
from velroload.sample import Kind

MS_NS = 1_000_000
TAKEN = (Capture("token", "$.token"), Capture("life", "$.life"))
LOGIN = Request("POST", "/login", body=b"u${user}", captures=TAKEN)
REFRESH = Request("POST", "/refresh", body=b"${token}", captures=TAKEN[:1])
HEADERS = (("Authorization", "Bearer ${token}"),)
ME = Request("GET", "/me")


def session(when: str = "first_use", **fields: Any) -> Session:
    return Session(when, (LOGIN,), HEADERS, **fields)


def plan_of(
    url: str, load: Load, given: Session, flow: tuple[Step, ...] = (ME,), **fields: Any
) -> Plan:
    limits = Timeouts(connect_ns=20 * SECOND_NS, request_ns=20 * SECOND_NS)
    scenario = Scenario("main", load, flow, session=given)
    fields.setdefault("graceful_stop_ns", 20 * SECOND_NS)
    return Plan("test", url, (scenario,), timeouts=limits, **fields)


def closed(ms: int, users: int = 1, **fields: Any) -> Load:
    return Load("constant-vus", users=users, duration_ns=ms * MS_NS, **fields)


def rows(rig: Rig) -> Counter[tuple[str, int]]:
    """(endpoint, status) → how many requests."""
    samples = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    names = {row.id: row.name for row in rig.endpoints}
    return Counter((names[s["endpoint"]], int(s["status"])) for s in samples)


def login(rig: Rig) -> dict[str, int]:
    while rig.engine.login() != _core.DONE:
        rig.empty()
    rig.empty()
    return rig.engine.logged_in()


RENEWING = Renew((REFRESH,), life_slot="life", low=Fraction(1, 2), high=Fraction(9, 10))
ON_401 = Renew((), on_401=True)
