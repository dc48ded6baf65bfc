"""Everything that cannot pass, each provoked by a plan of its own; whole sentences."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runner.forecast.plans import MACHINE, forecast_of, told
from velroload.errors import Exit
from velroload.host.preflight import Ports

FLOW = "flow: [GET /a: {name: a, class: read}]\n"
MIB = 1 << 20

PACE = {
    "pauses that leave no time": (
        """
load: {rate: 100/s, users: 150, hold: 10s}
flow: [GET /a, think: 2s]
""",
        True,
        "150 users at 100 iterations/s have 1.5 s for each, and pause 2 s of it: they make at most "
        "75/s however fast the target is; take 201 users or more, a lower rate or shorter pauses",
    ),
    "no time for what thresholds allow": (
        """
load: {rate: 100/s, users: 5, hold: 10s}
flow: [GET /a]
thresholds: ["p95(response) < 75ms"]
""",
        False,
        "5 users at 100 iterations/s have 50 ms for each: as slow as 75 ms, which the thresholds "
        "allow, it cannot be kept up; a request may take 50 ms on average (take 8 users or more to "
        "bear more)",
    ),
    "a rate that pauses forbid": (
        """
load: {users: 100, hold: 10s, think: 1s}
flow: [GET /a]
thresholds: ["rate >= 200/s"]
""",
        True,
        "'rate >= 200/s': 100 users who pause 1 s per iteration send at most 100/s, however fast "
        "the target is; take more users, shorter pauses or a rate",
    ),
    "more demanded than offered": (
        "load: {rate: 100/s, hold: 10s}\n" + FLOW + 'thresholds: ["rate >= 120/s"]',
        True,
        "'rate >= 120/s': 100/s are offered; no target can answer more than it is asked. Offer at "
        "least 122.4/s",
    ),
    "as much demanded as offered": (
        "load: {rate: 100/s, hold: 10s}\n" + FLOW + 'thresholds: ["rate >= 100/s"]',
        False,
        "'rate >= 100/s': 100/s are offered, less than 2 % more; at exactly the demanded rate a "
        "perfect target fails every second time. Offer at least 102/s",
    ),
    "a class that gets less than is demanded of it": (
        """
phases:
  - {name: p, users: 100, hold: 10s, rate: 100/s, thresholds: ["rate of class:read >= 60/s"]}
flow: [GET /a: {class: read}, GET /b]
""",
        True,
        "p: 'rate of class:read >= 60/s': 50/s are offered; no target can answer more than it is "
        "asked. Offer at least 61.2/s",
    ),
}  # fmt: skip

PROOF = {
    "too few for a percentile": (
        "load: {rate: 10/s, hold: 20s}\n" + FLOW + 'thresholds: ["p99(response) < 1s"]',
        True,
        "'p99(response) < 1s': 200 requests are expected, a PASS needs 299 even when none violates "
        "it; hold longer, send more, or take a lower percentile",
    ),
    "too few for a share": (
        "load: {rate: 10/s, hold: 20s}\n" + FLOW + 'thresholds: ["errors < 1%"]',
        True,
        "'errors < 1%': 200 requests are expected, a PASS needs 299 even when none violates it; "
        "hold longer, send more, or take a lower percentile",
    ),
    "too few for an interval": (
        "load: {rate: 10/s, hold: 32s}\n" + FLOW + 'thresholds: ["p99(response) < 1s"]',
        False,
        "'p99(response) < 1s': 320 requests are expected; an interval needs 368, so no value will "
        "be shown",
    ),
    "what a phase never sends": (
        """
flow: [GET /a, GET /b: {name: b}]
phases:
  - {name: p, users: 10, hold: 60s, rate: 50/s, mix: {b: 0},
     thresholds: ["p95(response) of endpoint:b < 1s"]}
""",
        True,
        "p: 'p95(response) of endpoint:b < 1s': no such request is sent here; without a sample it "
        "is INCONCLUSIVE, never a pass",
    ),
    "a fault of another's target": (
        """
flow: [GET /a]
phases:
  - {name: p, users: 10, hold: 60s, rate: 50/s, events: [{at: 5s, fault: redis_down, for: 5s}],
     targets: {"recovery(redis_down)": 10s}}
""",
        False,
        "p: 'recovery(redis_down) <= 10s': only the reference target has faults; on another one "
        "redis_down fails, and this is NOT MEASURED",
    ),
    "users who do not come back": (
        """
flow: [GET /a]
phases: [{name: p, users: 1000, hold: 20s, rate: 100/s, targets: {cache: 90%}}]
""",
        False,
        "p: a user comes by every 10 s, 2.0 times in the hold: what a cache hits then is decided "
        "by what was in it before; hold 30 s or longer",
    ),
}  # fmt: skip

OWN = '"GET /api/v1/generations/${accounts.generation}": {name: own, class: authorization}'
ACCOUNTS = 'accounts: {count: 100, secret: "${env:S:-hush}", %s}\nsession: {login: minted, %s}\n'
BEARER = 'headers: {Authorization: "Bearer ${accounts.token}"}'

PEOPLE = {
    "fewer accounts than users": (
        ACCOUNTS % ("life: 1h", BEARER)
        + "load: {rate: 100/s, users: 200, hold: 10s}\nflow: [GET /a]",
        False,
        "accounts: 200 users share 100 accounts: what counts as a concurrent user, and each one's "
        "cache, are shared too; make as many",
    ),
    "credits that are used up": (
        ACCOUNTS % ("creations: 10", BEARER)
        + "load: {rate: 100/s, users: 100, hold: 60s}\nflow: [POST /api/v1/generations]",
        True,
        "accounts: creations: 10 each; an account is asked for 60 on average: their credit is used "
        "up before the end; allow 60",
    ),
    "credits for the lucky": (
        ACCOUNTS % ("creations: 40", BEARER) + "load: {rate: 100/s, users: 100, hold: 60s}\n"
        "flow: [POST /api/v1/generations: {probability: 0.5}]",
        False,
        "accounts: creations: 40 each; an account is asked for 30 on average, the unluckiest for "
        "about 48; allow as many",
    ),
    "tokens that die": (
        ACCOUNTS % ("life: 30s", BEARER)
        + "load: {rate: 100/s, users: 100, hold: 60s}\nflow: [GET /a]",
        True,
        "session: tokens live 30 s, the run lasts 60 s and nothing renews them: all requests after "
        "that are refused; add renew, or a longer life",
    ),
    "tokens that are renewed at once": (
        ACCOUNTS % ("life: 60s", BEARER + ", renew: {at: 80..80% of accounts.token.exp, "
                    "POST: /refresh}")
        + "load: {rate: 100/s, users: 100, hold: 60s}\nflow: [GET /a]",
        False,
        "session: renew: 100 tokens are renewed at once 48 s after they were made; write a range, "
        "such as 50..90%",
    ),
    "a burst of renewals": (
        ACCOUNTS % ("life: 60s", BEARER + ", renew: {at: 80..90% of accounts.token.exp, "
                    "POST: /refresh}")
        + "load: {rate: 100/s, users: 100, hold: 60s}\nflow: [GET /a]",
        False,
        "session: renew: 100 tokens are renewed from 48 s on at 16.7/s, beside 100/s of other "
        "requests; widen the range",
    ),
    "log-ins that do not fit into the ramp": (
        """
session: {login: {when: ramp, rate_max: 80/s}, steps: [POST /login]}
load: {rate: 1000/s, users: 10000, ramp: 100s, hold: 60s}
flow: [GET /a]
""",
        True,
        "10,000 users log in within 100 s, at most 80/s: 2,000 are still outside when the hold "
        "begins; a ramp of 2m5s takes them all",
    ),
    "log-ins that cost more than all else": (
        """
session: {login: ramp, steps: [POST /login]}
load: {rate: 5000/s, users: 10000, ramp: 2m, hold: 60s}
flow: [GET /a]
""",
        False,
        "10,000 users log in within 2m: 83.3 password hashes per second, which may be most of what "
        "the target does then; ramp longer, or log in with minted tokens",
    ),
    "too few rows for users": (
        """
data: {people: {inline: [{id: a}, {id: b}], pick: unique, per: user, at_end: fail}}
load: {rate: 10/s, users: 5, hold: 60s}
flow: ["GET /${people.id}"]
""",
        True,
        "data people: 2 rows, 5 users take one each: the run fails then; give it more rows, or "
        "pick: circular",
    ),
    "users who pause longer than connections live": (
        "load: {rate: 100/s, users: 1000, hold: 60s}\nflow: [GET /a]",
        False,
        "a user comes back every 10 s: a server that closes idle connections after 5 s (uvicorn "
        "does) holds about 500 of 1,000 connections, and accepts 100 new ones per second; raise "
        "its keep-alive, or mean it so",
    ),
}  # fmt: skip

CACHE = {
    "ten things each": (
        ACCOUNTS % ("hot_each: 10", BEARER) + f"""
flow: [{OWN}]
phases: [{{name: p, users: 100, hold: 20m, rate: 3/s, targets: {{cache: 95%}}}}]
""",
        "p: 'cache >= 95%': at best 86 % with this data (token 99 %, permission 73 %); no server "
        "can pass. Fewer things per user, or more requests per user, are looked up again before "
        "they are forgotten",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sure", "sentence"), [*PACE.values(), *PROOF.values(), *PEOPLE.values()],
    ids=[*PACE, *PROOF, *PEOPLE],
)  # fmt: skip
def test_an_obstacle(text: str, sure: bool, sentence: str) -> None:
    assert (sure, sentence) in told(text)


@pytest.mark.parametrize(("text", "sentence"), CACHE.values(), ids=CACHE)
def test_a_cache_rate_that_no_server_reaches(text: str, sentence: str) -> None:
    assert (True, sentence) in told(text)


def test_rows_of_a_file_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("id\n1\n2\n3\n")
    text = f"""
data: {{ids: {{csv: "{file}", pick: once, at_end: stop}}}}
load: {{rate: 10/s, users: 5, hold: 10s}}
flow: ["GET /${{ids.id}}"]
"""
    assert told(text)[0] == (
        True, "data ids: 3 rows, 100 iterations take one each: those without one stop; give it "
        "more rows, or pick: circular",
    )  # fmt: skip


PRD = """
target: http://127.0.0.1:9
requirements: {use: velro-prd, from: p}
flow: [GET /a: {class: authentication}]
phases: [{name: p, users: 500, hold: 60s, rate: 500/s}]
"""


def test_the_embedded_target_has_few_connections() -> None:
    embedded = PRD.replace("http://127.0.0.1:9", "embedded")
    assert (
        True, "R2 database connections ≥ 200: the embedded target's SQLite has 5; start `velroload "
        "target --database postgresql://…` and name its address",
    ) in told(embedded)  # fmt: skip
    scaled = embedded.replace("from: p", "from: p, scale: {users: 1%, rate: 25%}")
    assert not [sentence for _, sentence in told(scaled) if "SQLite" in sentence]


def test_a_document_that_cannot_be_met() -> None:
    found = [sentence for sure, sentence in told(PRD) if sure]
    assert found == [
        "p: R1 concurrent users ≥ 10,000: there are 500",
        "p: R4 throughput ≥ 1,000/s: 500/s are offered; offer at least 1,020/s",
        "p: no request of the class is sent: R6 (authorization), R7 (generation_access), R8 "
        "(media_url): NOT MEASURED; give a request that class",
        "R2 database connections, R12 CPU and memory: nothing reads them: NOT MEASURED; add "
        "probes, such as agent: or prometheus:",
        "R13 stability: no phase judges it: NOT MEASURED; add judges: R13 to one",
    ]  # fmt: skip


def test_too_few_requests_stand_behind_a_requirement() -> None:
    few = PRD.replace("hold: 60s, rate: 500/s", "hold: 10s, rate: 5/s")
    assert [sentence for _, sentence in told(few) if "PASS needs" in sentence] == [
        "p: 'R5 authentication p95': 50 requests are expected, a PASS needs 59 even when none "
        "violates it; hold longer, send more, or take a lower percentile",
        "p: 'R11 error rate': 50 requests are expected, a PASS needs 299 even when none violates "
        "it; hold longer, send more, or take a lower percentile",
    ]
    named = PRD.replace("{class: authentication}", "{name: authentication_check}")
    assert [
        (each.stretch, each.threshold.source, each.count, each.interval is not None)
        for each in forecast_of(named).supports
    ] == [
        ("p", "R5 authentication p95", 30_000, True),
        ("p", "R11 error rate", 30_000, False),
    ]
    also = "phases: [{name: q, users: 500, hold: 60s, rate: 500/s, judges: [R11]}, "
    elsewhere = PRD.replace("phases: [", also)
    assert [each.stretch for each in forecast_of(elsewhere).supports] == ["p", "q"]


def test_stability_needs_time() -> None:
    text = PRD.replace("rate: 500/s", "rate: 500/s, judges: [R13]")
    assert (
        False, "p: R13 stability: a trend over less than 10m tells nothing: NOT "
        "MEASURED; hold longer"
    ) in told(text)  # fmt: skip


BIG = """
target: http://127.0.0.1:9
load: {request_rate: 200k/s, users: 40000, hold: 10m}
defaults: {%s}
flow: [GET /a, GET /b]
"""


@pytest.mark.parametrize(
    ("facts", "keep", "sentence"),
    [
        ({"descriptors": 1024}, True,
         "40,000 connections on 2 workers need 20,064 file descriptors each, the limit is 1,024: "
         "`ulimit -Hn 20064` as root, more workers or fewer users"),
        ({}, True,
         "40,000 connections need as many local ports per address of the target, there are 28,232: "
         "widen net.ipv4.ip_local_port_range, add source addresses (defaults: connecting: sources) "
         "or take fewer connections"),
        ({}, False,
         "a connection for each of 200,000 requests/s holds 12,000,000 local ports in TIME_WAIT, "
         "there are 28,232: `sysctl -w net.ipv4.tcp_tw_reuse=1`, or widen "
         "net.ipv4.ip_local_port_range, add source addresses (defaults: connecting: sources) or "
         "take fewer connections"),
        ({"memory_bytes": 64 * MIB}, True,
         "the workers need 159 MiB, 64 MiB of memory are free and half of that may be taken"),
        ({"disk_bytes": MIB}, True,
         "the run folder takes about 8 MiB, 1 MiB are free there; name another one with output: "
         "dir"),
        ({}, True,
         "2 workers would be busy for 120 % of the time at the highest rate: what they measure "
         "then is partly themselves; take more CPUs"),
    ],
)  # fmt: skip
def test_a_machine_that_cannot_carry_it(facts: dict[str, int], keep: bool, sentence: str) -> None:
    text = BIG % ("timeout: 5s" if keep else "connecting: {keep_alive: false}")
    made = forecast_of(text, replace(MACHINE, ports=Ports(tw_reuse=0), **facts))
    assert sentence in [each.text for each in made.obstacles if each.certain]
    assert made.exit_code == Exit.PREFLIGHT


def test_what_can_pass_is_told_so() -> None:
    made = forecast_of("load: {rate: 100/s, hold: 60s}\n" + FLOW + 'thresholds: ["errors < 1%"]')
    assert (made.obstacles, made.exit_code) == ((), Exit.PASS)


def test_the_plan_outranks_the_machine() -> None:
    text = BIG % "timeout: 5s" + 'thresholds: ["rate >= 300k/s"]\n'
    assert forecast_of(text, replace(MACHINE, descriptors=100)).exit_code == Exit.USAGE


def test_json_is_json() -> None:
    from velroload.runner.forecast.as_json import as_json

    made = json.loads(json.dumps(as_json(forecast_of(PRD)), allow_nan=False))
    assert made["exit_code"] == 2
    assert made["phases"][0]["offered_per_s"] == 500
