"""The main job: what runs when no target is named, on a reference target of our own."""

import json
from fractions import Fraction

from velroload.plan.model import EMBEDDED, SECOND_NS, Capture, Load, Plan, Request, Scenario
from velroload.plan.threshold import Threshold
from velroload.target.accounts import DEFAULT_PASSWORD, email_of

NAME = "main-job"
USERS = 200
REQUEST_RATE_PER_S = 1000
RAMP_NS = 5 * SECOND_NS
DURATION_NS = 15 * SECOND_NS

SAID = (
    "no target: the embedded one is started on loopback for the main job "
    "(name a URL to load your own)"
)


def main_load() -> Load:
    """200 users who ramp in over 5 s, then 1,000 requests/s in total for 15 s."""
    return Load(
        "constant-arrival-rate",
        users=USERS,
        request_rate=Fraction(REQUEST_RATE_PER_S),
        ramp_ns=RAMP_NS,
        duration_ns=DURATION_NS,
    )


def main_scenario(load: Load) -> Scenario:
    """Each user logs in once, then asks who he is and lists his generations."""
    account = {"email": email_of("${user}"), "password": DEFAULT_PASSWORD}
    bearer = (("Authorization", "Bearer ${token}"),)
    login = Request(
        "POST",
        "/api/v1/auth/login",
        (("Content-Type", "application/json"),),
        json.dumps(account).encode(),
        endpoint="login",
        captures=(Capture("token", "$.access_token"),),
    )
    flow = (
        Request("GET", "/api/v1/auth/me", bearer, endpoint="me"),
        Request("GET", "/api/v1/generations?limit=20", bearer, endpoint="list_generations"),
    )
    return Scenario("main", load, flow, setup=(login,))


def main_plan(load: Load, seed: int, thresholds: tuple[Threshold, ...] = ()) -> Plan:
    """The main job as a plan, under another load where one is asked for."""
    scenarios = (main_scenario(load),)
    return Plan(NAME, EMBEDDED, scenarios, thresholds, seed=seed, server_timing=True)
