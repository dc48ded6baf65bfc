"""core/session.pxi: users log in, renew their tokens and log in again; the books stay exact."""

import itertools
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.core.balance import balanced
from tests.core.sessions import (
    HEADERS,
    LOGIN,
    ME,
    MS_NS,
    ON_401,
    REFRESH,
    RENEWING,
    closed,
    login,
    plan_of,
    rows,
    session,
)
from tests.rig import SECOND_NS, Rig, iterations
from tests.servers.desk import Desk
from velroload.plan.flow import Chance, Group, Repeat, Set
from velroload.plan.load import Load, Stage
from velroload.plan.session import Accounts, Renew, Session
from velroload.plan.steps import Request, Think
from velroload.plan.values import Text
from velroload.sample import ErrorKind, Flag, Kind


@pytest.mark.parametrize(
    "load",
    [
        iterations(12, users=3),
        Load("constant-arrival-rate", rate=Fraction(60), users=3, duration_ns=200 * MS_NS),
        Load("constant-arrival-rate", rate=Fraction(60), max_vus=12, duration_ns=200 * MS_NS),
    ],
)
@pytest.mark.parametrize("when", ["first_use", "ramp"])
def test_every_user_logs_in_once_and_sends_the_headers(load: Load, when: str) -> None:
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, load, session(when))).run()
    said, found = balanced(rig), rows(rig)
    assert found["GET /me", 200] == said["iterations_completed"] == 12
    assert found["POST /login", 200] == said["logins"] == said["vus_started"]
    assert set(found) == {("GET /me", 200), ("POST /login", 200)}
    setup = {row.name: row.setup for row in rig.endpoints}
    assert setup == {"POST /login": True, "GET /me": False}
    flags = rig.samples["flags"][rig.samples["endpoint"] == 0]
    assert all(flags & Flag.SETUP)
    rig.close()


def test_at_first_use_nobody_logs_in_who_is_given_no_start() -> None:
    """Five users joined, and two starts came: two log-ins."""
    load = Load("constant-arrival-rate", rate=Fraction(20), users=5, duration_ns=100 * MS_NS)
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, load, session())).run()
        assert len(site.seen) == 4
    assert balanced(rig)["logins"] == 2
    assert rig.counters["vus_started"] == 5


def test_the_time_of_a_login_is_not_the_requests_wait() -> None:
    """A start at first use: the log-in is due when the start is, the request when it has ended."""
    load = Load("constant-arrival-rate", rate=Fraction(20), users=2, duration_ns=50 * MS_NS)
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, load, session())).run()
    (first,) = rig.samples[rig.samples["endpoint"] == 0]
    (me,) = rig.samples[rig.samples["endpoint"] == 1]
    assert first["scheduled_ns"] == 0
    assert me["scheduled_ns"] == first["end_ns"]
    assert me["wait_us"] == 0


def test_logins_of_a_ramp_have_their_rate() -> None:
    """Twenty users at once, 50 log-ins a second: one every 20 ms, on time by their own schedule."""
    given = session("ramp", rate_max_per_s=Fraction(50))
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, closed(600, 20, think=Think("constant", (50 * MS_NS,))), given))
        rig.run()
    balanced(rig)
    due = sorted(rig.samples["scheduled_ns"][rig.samples["endpoint"] == 0])
    assert [at % (20 * MS_NS) for at in due] == [0] * 20
    assert len(set(due)) == 20


def test_failed_logins_keep_to_the_rate_and_go_on() -> None:
    given = session("ramp", rate_max_per_s=Fraction(100))
    desk = Desk(refuse_logins=4)
    with desk.site() as site:
        rig = Rig(plan_of(site.url, iterations(6, users=3), given)).run()
    assert rows(rig)["POST /login", 401] == 4
    assert balanced(rig)["logins"] == 3
    due = sorted(rig.samples["scheduled_ns"][rig.samples["endpoint"] == 0])
    assert len(set(due)) == 7
    assert all(at % (10 * MS_NS) == 0 for at in due)


def test_logging_in_before_the_load() -> None:
    desk = Desk()
    with desk.site() as site:
        given = session("setup", rate_max_per_s=Fraction(200))
        rig = Rig(plan_of(site.url, iterations(10, users=5), given))
        assert login(rig) == {"left": 0, "failed": 0}
        assert len(desk.logins_s) == 5
        assert rig.counters["vus_started"] == rig.counters["iterations_started"] == 0
        rig.run()
        assert len(desk.logins_s) == 5
    said = balanced(rig)
    assert (said["logins"], said["vus_started"], said["iterations_completed"]) == (5, 5, 10)
    assert rows(rig) == {("POST /login", 200): 5, ("GET /me", 200): 10}


def test_without_a_rate_sixteen_log_in_at_once() -> None:
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, iterations(40, users=40), session("setup")))
        assert login(rig) == {"left": 0, "failed": 0}
        assert rig.counters["connections_open"] == 0
        rig.run()
    assert rows(rig) == {("POST /login", 200): 40, ("GET /me", 200): 40}
    balanced(rig)


def test_a_login_before_the_load_that_fails_three_times_ends_it() -> None:
    desk = Desk(refuse_logins=1000)
    with desk.site() as site:
        rig = Rig(plan_of(site.url, iterations(10, users=2), session("setup")))
        said = login(rig)
        assert said["failed"]
        assert said["left"] <= 1
        assert len(desk.logins_s) <= 6
        rig.finish()
    balanced(rig)
    with pytest.raises(RuntimeError, match=r"^login: the engine was started before$"):
        rig.engine.login()


def test_a_stop_ends_the_logging_in() -> None:
    with Desk().site() as site:
        given = session("setup", rate_max_per_s=Fraction(10))
        rig = Rig(plan_of(site.url, iterations(100, users=100), given))
        until_s = time.monotonic() + 20
        while rig.counters["logins"] < 2:
            assert time.monotonic() < until_s
            rig.engine.login(10 * MS_NS)
        rig.engine.stop()
        assert login(rig)["left"] > 90
        rig.run()
    balanced(rig)
    assert rig.counters["iterations_unstarted"] == 100
    assert rows(rig)["GET /me", 200] == 0


def spread(rig: Rig, users: int) -> list[float]:
    """When each user's first renewal was due, in seconds after its log-in had ended.

    A JWT lives from the instant its server wrote into it, which lies before the log-in's end.
    """
    found = []
    for user in range(users):
        own = rig.samples[rig.samples["user_address"] & 0xFFFFFF == user]
        login = own[own["endpoint"] == 0][0]
        due = own["scheduled_ns"][own["endpoint"] == 1][0]
        assert due - login["scheduled_ns"] >= 499 * MS_NS
        found.append((due - login["end_ns"]) / 1e9)
    return sorted(found)


@pytest.mark.parametrize(
    "load",
    [
        closed(1500, 40, think=Think("constant", (10 * MS_NS,))),
        closed(1500, 40, pacing_ns=400 * MS_NS),
        Load("constant-arrival-rate", rate=Fraction(100), users=40, duration_ns=3 * SECOND_NS // 2),
    ],
)
@pytest.mark.parametrize("jwt", [False, True])
def test_tokens_are_renewed_at_a_random_share_of_their_life(load: Load, jwt: bool) -> None:
    """A life of 1 s: renewed from 0.5 to 0.9 s on, while users rest, never all at once."""
    given = replace(RENEWING, life_slot=None, token_slot="token") if jwt else RENEWING
    with Desk(life=1).site() as site:
        rig = Rig(plan_of(site.url, load, session(renew=given))).run()
    said, found = balanced(rig), rows(rig)
    assert said["renewals"] == found["POST /refresh", 200] >= 40
    assert said["lives_unreadable"] == 0
    assert not [key for key in found if key[1] != 200]
    due = spread(rig, 40)
    assert due[0] < 0.65
    longest = (rig.samples["end_ns"] - rig.samples["scheduled_ns"]).max() / 1e9  # users were busy
    assert 0.75 < due[-1] < 0.96 + longest
    mean = sum(due) / 40
    assert 0.6 < mean < 0.82  # uniform: 0.7, its deviation of 40 draws 0.018
    flow = rig.samples[rig.samples["endpoint"] == 2]
    if not rig.job.settings["scenarios"][0]["open"]:
        assert not any(flow["wait_us"])


@pytest.mark.timing
def test_a_renewal_uses_the_think_time() -> None:
    """Pacing of 200 ms: iterations stay on their grid although a token is renewed in between."""
    short = replace(RENEWING, low=Fraction(1, 10), high=Fraction(1, 10))
    with Desk(life=1).site() as site:
        rig = Rig(plan_of(site.url, closed(900, pacing_ns=200 * MS_NS), session(renew=short))).run()
    assert balanced(rig)["renewals"] >= 6
    flow = rig.samples["scheduled_ns"][rig.samples["endpoint"] == 2]
    assert [int(at - flow[0]) for at in flow] == [n * 200 * MS_NS for n in range(len(flow))]


def test_a_long_iteration_renews_its_token_between_two_steps() -> None:
    """One iteration of 40 requests over 2 s; tokens live 500 ms, and no request is refused."""
    steps = Repeat(40, (ME, Think("constant", (50 * MS_NS,))))
    given = replace(RENEWING, low=Fraction(3, 10), high=Fraction(5, 10))
    with Desk(life=0.5).site() as site:
        load = iterations(1)
        rig = Rig(plan_of(site.url, load, session(renew=given), (Group("all", (steps,)),))).run()
    said = balanced(rig)
    assert rows(rig)["GET /me", 200] == 40
    assert said["iterations_completed"] == 1
    own = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    took_ns = own["end_ns"].max() - own["scheduled_ns"].min()
    soonest_ns = 375 * MS_NS  # half way between the latest share and the end of the life
    assert 3 <= said["renewals"] <= took_ns // soonest_ns + 1
    for before, after in itertools.pairwise(own):
        if rig.endpoints[before["endpoint"]].name == "POST /refresh":
            assert after["scheduled_ns"] == before["end_ns"]
            assert after["wait_us"] == 0


def test_without_steps_of_its_own_a_renewal_is_a_login() -> None:
    given = Renew((), life_slot="life", on_401=True, low=Fraction(1, 2), high=Fraction(6, 10))
    with Desk(life=0.4).site() as site:
        load = closed(900, 4, think=Think("constant", (5 * MS_NS,)))
        rig = Rig(plan_of(site.url, load, session(renew=given))).run()
    assert balanced(rig)["logins"] >= 12
    assert rig.counters["renewals"] == 0


def test_a_refused_renewal_becomes_a_login() -> None:
    desk = Desk(life=0.4, refuse_refresh=5)
    with desk.site() as site:
        load = closed(900, 4, think=Think("constant", (5 * MS_NS,)))
        rig = Rig(plan_of(site.url, load, session(renew=RENEWING))).run()
    said, found = balanced(rig), rows(rig)
    assert found["POST /refresh", 401] == 5
    assert said["logins"] == 4 + 5
    assert found["GET /me", 401] == 0


@pytest.mark.parametrize("life", ["soon", -1, 0, "nan", "1e99", "inf", "", True])
def test_a_life_that_is_none_is_counted_and_never_renewed(life: object) -> None:
    with Desk(life=life).site() as site:
        rig = Rig(plan_of(site.url, iterations(4, users=2), session(renew=RENEWING))).run()
    said = balanced(rig)
    assert (said["lives_unreadable"], said["renewals"]) == (2, 0)
    assert said["iterations_completed"] == 4


def test_a_token_that_is_no_jwt_is_counted_and_used() -> None:
    given = replace(RENEWING, life_slot=None, token_slot="token")
    with Desk(broken_token=True).site() as site:
        rig = Rig(plan_of(site.url, iterations(4, users=2), session(renew=given))).run()
    assert balanced(rig)["lives_unreadable"] == 2
    assert rows(rig) == {("POST /login", 200): 2, ("GET /me", 200): 4}


@pytest.mark.parametrize("open_model", [False, True])
def test_a_401_is_answered_by_one_login_and_one_repetition(open_model: bool) -> None:
    """A token is good for three requests: every fourth is refused, and comes through then."""
    load = iterations(10)
    if open_model:
        load = Load("constant-arrival-rate", rate=Fraction(100), users=1, duration_ns=100 * MS_NS)
    with Desk(uses=3).site() as site:
        rig = Rig(plan_of(site.url, load, session(renew=ON_401))).run()
    said, found = balanced(rig), rows(rig)
    assert (found["GET /me", 200], found["GET /me", 401]) == (10, 3)
    assert said["requests_repeated"] == 3
    assert said["logins"] == found["POST /login", 200] == 4
    assert said["iterations_completed"] == 10
    assert said["requests_planned"] == 10 + 3 + 4
    own = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    for before, after in itertools.pairwise(own):
        if before["endpoint"] == 0 and after["endpoint"] == 1 and before["scheduled_ns"]:
            assert after["scheduled_ns"] == before["end_ns"]
            assert after["wait_us"] == 0


def test_a_request_is_repeated_once_at_most() -> None:
    with Desk(uses=0).site() as site:
        rig = Rig(plan_of(site.url, iterations(3), session(renew=ON_401), (ME, ME))).run()
    said, found = balanced(rig), rows(rig)
    assert found == {("POST /login", 200): 1 + 6, ("GET /me", 401): 12}
    assert (said["requests_repeated"], said["iterations_completed"]) == (6, 3)


def test_an_expected_401_is_a_success() -> None:
    forged = Request("GET", "/me", (("authorization", "Bearer forged"),), expect=((401, 401),))
    with Desk().site() as site:
        rig = Rig(plan_of(site.url, iterations(3), session(renew=ON_401), (forged, ME))).run()
        sent = [seen.headers["authorization"] for seen in site.seen if seen.path == "/me"]
    assert sent[::2] == ["Bearer forged"] * 3
    assert rows(rig) == {("POST /login", 200): 1, ("GET /me", 401): 3, ("GET /me", 200): 3}
    assert balanced(rig)["requests_repeated"] == 0


def test_an_iteration_ends_when_its_user_cannot_log_in_again() -> None:
    """The first log-in is good for one request, the second is refused: what is left of the
    iteration is unstarted, and the user goes on with the next one."""
    with Desk(uses=1, refused=(2,)).site() as site:
        plan = plan_of(site.url, iterations(2), session(renew=ON_401), (ME, ME, ME))
        rig = Rig(plan).run()
    said, found = balanced(rig), rows(rig)
    assert (said["iterations_interrupted"], said["iterations_completed"]) == (1, 1)
    assert (found["POST /login", 401], said["logins"]) == (1, 4)
    assert said["requests_unstarted"] == 2  # the one that was to be repeated, and the last


def test_on_error_login_ends_the_iteration_and_logs_in_again() -> None:
    flow = (replace(ME, on_error="login"), Request("GET", "/next"))
    with Desk(uses=3).site() as site:
        rig = Rig(plan_of(site.url, iterations(6), session(), flow)).run()
    said, found = balanced(rig), rows(rig)
    # me next me | next refused: no policy · me refused: login …
    assert said["iterations_interrupted"] == found["GET /me", 401] > 0
    assert said["logins"] == 1 + found["GET /me", 401] - 1  # not after the last iteration
    assert said["iterations_completed"] + said["iterations_interrupted"] == 6


def test_loops_and_groups_of_a_login_leave_those_of_the_flow_alone() -> None:
    """A log-in with a loop and a group of its own in the middle of one of the flow's."""
    steps = (Repeat(2, (Group("in", (Request("GET", "/hi", expect=((401, 401),)),)),)), LOGIN)
    flow = (Group("out", (Repeat(5, (ME,)),)),)
    given = Session("first_use", steps, HEADERS, renew=ON_401)
    with Desk(uses=2).site() as site:
        rig = Rig(plan_of(site.url, iterations(2), given, flow)).run()
    said, found = balanced(rig), rows(rig)
    assert (found["GET /me", 200], found["GET /me", 401]) == (10, 4)
    assert found["GET /hi", 401] == 2 * said["logins"]
    groups = rig.samples[rig.samples["flags"] & 3 == Kind.GROUP]
    names = Counter(rig.endpoints[each["endpoint"]].name for each in groups)
    assert names == {"in": 2 * said["logins"], "out": 2}
    assert all(each["end_ns"] >= each["scheduled_ns"] for each in groups)


def test_a_stop_in_the_middle_of_everything_leaves_the_books_exact() -> None:
    given = Renew((REFRESH, REFRESH), life_slot="life", low=Fraction(1, 20), high=Fraction(1, 10),
                  on_401=True)  # fmt: skip
    flow = (ME, Chance(Fraction(1, 2), (ME,)), Think("exponential", (3 * MS_NS,)), ME)
    for wait_ms in (20, 55, 90, 130):
        with Desk(life=0.3, uses=7, refuse_refresh=3).site() as site:
            load = Load("ramping-vus", stages=(
                Stage(100 * MS_NS, Fraction(12)), Stage(100 * MS_NS, Fraction(3)),
                Stage(5 * SECOND_NS, Fraction(12)),
            ))  # fmt: skip
            given_up = 30 * MS_NS
            rig = Rig(
                plan_of(site.url, load, session(renew=given), flow, graceful_stop_ns=given_up)
            )
            rig.start()
            until_s = time.monotonic() + wait_ms / 1000
            while time.monotonic() < until_s:
                rig.turn(1_000_000)
            rig.engine.stop(at_once=wait_ms == 55)
            rig.turn_to_end()
        balanced(rig)
        rig.close()


def test_minted_tokens_are_set_and_renewed() -> None:
    """No log-in: steps without a request put the token in its slot."""
    desk = Desk(life=0.4)
    with desk.site() as site:
        desk.good["made"] = 1 << 60
        steps = (Set("token", Text("made")), Set("life", Text("0.4")))
        given = Session("minted", steps, HEADERS, renew=RENEWING)
        load = closed(900, 3, think=Think("constant", (5 * MS_NS,)))
        plan = plan_of(site.url, load, given, accounts=Accounts(3, secret="signs"))
        rig = Rig(plan).run()
    said, found = balanced(rig), rows(rig)
    assert not desk.logins_s
    assert said["renewals"] == found["POST /refresh", 200] >= 6
    assert found["GET /me", 401] == 0


def test_a_pool_of_connections_serves_logins_too() -> None:
    with Desk(uses=3).site() as site:
        plan = plan_of(site.url, iterations(60, users=20), session(renew=ON_401))
        rig = Rig(replace(plan, connections=3)).run()
    assert rows(rig)["GET /me", 200] == 60
    assert balanced(rig)["connections_opened"] <= 6
    errors = set(rig.samples["error"])
    assert errors <= {ErrorKind.NONE, ErrorKind.STATUS}
