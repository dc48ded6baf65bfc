"""manifest.py: the plan as JSON, and no secret in it."""

import json
from fractions import Fraction

from velroload.plan.manifest import plan_json
from velroload.plan.model import Capture, Load, Plan, Request, Scenario, Think
from velroload.plan.phase import Event, Phase
from velroload.plan.threshold import parse_threshold

LOGIN = Request(
    "POST",
    "/login?api_key=s1&page=2",
    (("Authorization", "Basic s2"), ("X-Trace", "on s9")),
    b'{"email": "a@b", "password": "s3", "n": [{"client_secret": 4711}], "ok": true}',
    captures=(Capture("token", "$.access_token"),),
)
READ = Request("GET", "/me", (("Authorization", "Bearer ${token}"), ("X-Api-Key", "s4")))
FORM = Request("POST", "/form", body=b"user=u&password=s5&x=s9")
BINARY = Request("POST", "/raw", body=b"\xff\xfe")
PLAN = Plan(
    "p",
    "https://user:s6@example.com/base?token=s7",
    (
        Scenario(
            "main",
            Load("constant-arrival-rate", users=3, request_rate=Fraction(10), duration_ns=10**9),
            (READ, Think("constant", (5,)), FORM, BINARY),
            setup=(LOGIN,),
        ),
    ),
    thresholds=(parse_threshold("p95 < 75ms"),),
    abort_on=(parse_threshold("errors>5% for 10s"),),
    headers=(("Cookie", "id=s8"), ("Accept", "*/*")),
    secrets=("s9", 'quo"te/s10', ""),
)


def test_no_secret_is_shown() -> None:
    text = json.dumps(plan_json(PLAN))
    for number in range(1, 10):
        assert f"s{number}" not in text.replace("status", "")
    assert "4711" not in text


def test_what_a_reader_may_know() -> None:
    manifest = plan_json(PLAN)
    assert manifest["target"] == "https://***@example.com/base?token=***"
    assert (manifest["thresholds"], manifest["abort_on"]) == (
        ["p95 < 75ms"],
        ["errors>5% for 10s"],
    )
    assert (manifest["timeout_ns"], manifest["connect_timeout_ns"]) == (10**10, 3 * 10**9)
    assert manifest["headers"] == [["Cookie", "***"], ["Accept", "*/*"]]
    (scenario,) = manifest["scenarios"]
    assert scenario["load"]["request_rate_per_s"] == 10
    assert scenario["requests_per_iteration"] == 3
    (login,) = scenario["setup"]
    assert (login["endpoint"], login["path"]) == ("POST /login", "/login?api_key=***&page=2")
    assert login["headers"] == [["Authorization", "***"], ["X-Trace", "on ***"]]
    assert json.loads(login["body"]) == {
        "email": "a@b",
        "password": "***",
        "n": [{"client_secret": "***"}],
        "ok": True,
    }
    read, think, form, binary = scenario["flow"]
    assert read["headers"] == [["Authorization", "Bearer ${token}"], ["X-Api-Key", "***"]]
    assert think == {"think": "constant 5ns"}
    assert (form["body"], binary["body"]) == ("user=u&password=***&x=***", "2 bytes")


def test_a_known_secret_is_masked_in_every_spelling() -> None:
    request = Request(
        "POST", "/x/quo%22te%2Fs10", body=json.dumps({"note": 'say quo"te/s10 now'}).encode()
    )
    scenario = Scenario("m", Load("constant-vus", users=1, duration_ns=1), (request,))
    plan = Plan("p", "embedded", (scenario,), secrets=('quo"te/s10',))
    (step,) = plan_json(plan)["scenarios"][0]["flow"]
    assert step["path"] == "/x/***"
    assert json.loads(step["body"]) == {"note": "say *** now"}


def test_events_show_no_secret() -> None:
    event = Event(
        "look", 5, "http", url="http://h/x?token=t1&y=s10",
        headers=(("Authorization", "Bearer b1"), ("X", "a s10")), body='{"password": "p1"}',
    )  # fmt: skip
    fault = Event("f", 5, "fault", fault="error", parameters=(("token", "t2"), ("status", "503")))
    command = Event("c", 5, "command", words=("echo", "s10", "password=p2"))
    phase = Phase("p", 1, 0, 10, events=(event, fault, command))
    scenario = Scenario("m", phase.load, (Request("GET", "/"),))
    plan = Plan("p", "embedded", (scenario,), phases=(phase,), secrets=("s10",))
    (shown,) = plan_json(plan)["phases"]
    look, broken, run = shown["events"]
    assert look["url"] == "http://h/x?token=***&y=***"
    assert look["headers"] == [["Authorization", "***"], ["X", "a ***"]]
    assert json.loads(look["body"]) == {"password": "***"}
    assert broken["parameters"] == {"token": "***", "status": "503"}
    assert run["words"] == ["echo", "***", "password=***"]
