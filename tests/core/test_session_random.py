"""core/session.pxi: random flows with log-ins and renewals, as the interpreter says."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from tests.core.balance import balanced
from tests.core.sessions import HEADERS, LOGIN, ON_401, RENEWING, plan_of
from tests.reference.interpreter import User
from tests.reference.pacer import Random
from tests.rig import Rig, iterations
from tests.servers.scripted import ScriptedServer, read_request
from velroload.plan.flow import Chance, Group, Repeat
from velroload.plan.model import Step
from velroload.plan.session import Renew, Session
from velroload.plan.steps import ON_ERROR, Request


class Moody:
    """A server that refuses with 401 by its own count: the same requests, the same answers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.paths: list[str] = []

    def answer(self, path: str) -> bool:
        self.paths.append(path)
        self.good = self.random.below(3) > 0
        return self.good

    def __call__(self, connection: Any, number: int) -> None:
        while data := read_request(connection):
            good = self.answer(data.split(b" ", 2)[1].decode())
            body = b'{"token": "t%d", "life": 3600}' % len(self.paths)
            head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % (b"200 OK" if good else b"401 No", len(body)) + body)


def get(name: str, **fields: Any) -> Request:
    return Request("GET", f"/{name}", **fields)


STEPS: st.SearchStrategy[tuple[Step, ...]] = st.deferred(
    lambda: st.lists(
        st.builds(get, st.sampled_from("abc"), on_error=st.sampled_from(ON_ERROR))
        | st.builds(Chance, st.just(Fraction(1, 2)), STEPS)
        | st.builds(Repeat, st.integers(1, 3), STEPS)
        | st.builds(Group, st.just("g"), STEPS),
        min_size=1,
        max_size=3,
    ).map(tuple)
)


@settings(max_examples=40)
@hypothesis_given(
    flow=STEPS,
    more=st.lists(st.builds(get, st.sampled_from("xy")), max_size=2),
    renewing=st.sampled_from([None, ON_401, replace(RENEWING, on_401=True)]),
    seed=st.integers(0, 2**32),
)
def test_request_by_request_what_the_interpreter_says(
    flow: tuple[Step, ...], more: list[Request], renewing: Renew | None, seed: int
) -> None:
    asked = Session("first_use", (*more, LOGIN), HEADERS, renew=renewing)
    server, twin = Moody(seed), Moody(seed)

    def answering(request: Request, path: str, body: bytes) -> tuple[bool, dict[str, str]]:
        return (True, {}) if twin.answer(path) else (False, {"status": "401"})

    with ScriptedServer(server) as scripted:
        plan = plan_of(scripted.url, iterations(3), asked, (get("first"), *flow))
        rig = Rig(plan).run()
        User(plan, 0, answering).iterate(3)
    balanced(rig)
    rig.close()
    assert server.paths == twin.paths
