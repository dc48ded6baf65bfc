"""The document's root: the table of all keys, and the Plan that is made of them."""

import re
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.connecting import Connecting, ConnectTo, parse_sources
from velroload.plan.document.body import FILE
from velroload.plan.document.data import DATA
from velroload.plan.document.flow import STEPS
from velroload.plan.document.kinds import (
    FLAG,
    SECRET,
    Given,
    Key,
    Made,
    Many,
    Named,
    Table,
    Value,
    words,
)
from velroload.plan.document.load import LOAD
from velroload.plan.document.names import check_names
from velroload.plan.document.phase import PHASE
from velroload.plan.document.probe import PROBE
from velroload.plan.document.readers import (
    COUNT,
    DURATION,
    NAME,
    NUMBER_VALUE,
    PROBABILITY,
    RATE,
    SEED,
    STATUSES,
    THRESHOLD,
    abort_rule,
)
from velroload.plan.document.request import HEADERS
from velroload.plan.document.session import ACCOUNTS, SESSION
from velroload.plan.flow import Steps, fills, walk
from velroload.plan.limits import Limits
from velroload.plan.model import EMBEDDED, Plan, Timeouts
from velroload.plan.output import Output
from velroload.plan.requirements import KNOWN, Requirements, Scale
from velroload.plan.scenario import Scenario
from velroload.plan.session import Session
from velroload.plan.slots import NAME as SLOT_NAME
from velroload.plan.tls import VERSIONS, Tls

SHELF = "x-"
"""Keys of the root that begin so only hold what anchors name."""
MAIN = "main"
"""The scenario's name when there is only one."""
_URL = re.compile(
    r"unix:/\S+|https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[^\s?#@]*)?"
)


def _target(text: str) -> str:
    if "@" in text:
        raise ConfigError("credentials do not belong in a URL; send them as a header")
    if text != EMBEDDED and not _URL.fullmatch(text):
        raise ConfigError(f"{text!r}: write http://host:8080 or https://host, or {EMBEDDED}")
    return text


def _family(text: str) -> int:
    if text not in ("4", "6"):
        raise ConfigError(f"{text!r}: write 4 or 6")
    return int(text)


TLS = Table(
    {
        "verify": Key(FLAG, "The certificate and its name are checked (true)."),
        "ca": Key(FILE, "Trust these issuers (PEM) instead of the system's."),
        "cert": Key(FILE, "Our own certificate (PEM)."),
        "key": Key(FILE, "Its key (PEM, without a passphrase)."),
        "minimum": Key(words(*VERSIONS), "Lowest version (1.2)."),
        "maximum": Key(words(*VERSIONS), "Highest version (1.3)."),
        "ciphers": Key(Value(), "Ciphers for TLS 1.2, as `openssl ciphers` names them."),
        "server_name": Key(Value(), "Send and check this name instead of the URL's."),
        "resume": Key(FLAG, "A user's new connection continues its session (false)."),
    },
    lambda given: Tls(**given),
    name="tls",
)


def _keep(given: Given) -> dict[str, Any]:
    """What requests take from the defaults has to be known when they are read."""
    given.at.context.defaults.update(given)
    return dict(given)


CONNECTING = Table(
    {
        "keep_alive": Key(FLAG, "false: a connection for each request, which says so."),
        "requests_max": Key(COUNT, "Close a connection after so many requests."),
        "warm": Key(FLAG, "Open all connections before the first request (false)."),
        "retry": Key(FLAG, "Send an idempotent request again when the target closed its reused "
                     "connection before a byte of the answer (true)."),
        "reset_at_end": Key(FLAG, "Connections end by RST and leave no TIME_WAIT (false)."),
        "family": Key(Value(_family, {"enum": [4, 6, "4", "6"]}), "Use IPv4 (4) or IPv6 (6) only."),
        "connect_to": Key(Many(Value(ConnectTo.parse, {"type": "string"}), single=True),
                          "HOST:PORT:ADDR:PORT: connect elsewhere; headers stay."),
        "sources": Key(Value(parse_sources, {"type": "string"}),
                       "Connect from these local addresses in turn: 127.0.0.2,127.0.0.3."),
    },
    lambda given: Connecting(**given),
    name="connecting",
)  # fmt: skip


DEFAULTS = Table(
    {
        "headers": Key(HEADERS, "Headers of every request."),
        "timeout": Key(DURATION, "The limit of a request, from sending to the last byte (10s)."),
        "connect_timeout": Key(DURATION, "The limit of connecting, TLS included (3s)."),
        "idle_timeout": Key(DURATION, "Close a connection that was unused for so long."),
        "expect": Key(STATUSES, "Statuses that are a success (200-399)."),
        "tls": Key(TLS, "How https is spoken."),
        "connections": Key(COUNT, "Connections at most, in all (one per user)."),
        "connecting": Key(CONNECTING, "How connections are opened, used and closed."),
        "compressed": Key(FLAG, "Ask for compressed answers (false)."),
        "cookies": Key(FLAG, "Users keep and send their cookies (false)."),
        "server_timing": Key(FLAG, "Keep figures of Server-Timing and X-Response-Time (false)."),
        "redirects": Key(COUNT, "How many redirects are followed (0)."),
    },
    _keep,
    name="defaults",
)

LIMITS = Table(
    {
        "max_users": Key(COUNT, "Refuse a plan with more users at once."),
        "max_rate": Key(RATE, "Refuse a plan that offers more requests per second."),
        "max_duration": Key(DURATION, "Refuse a plan that takes longer."),
    },
    lambda given: Limits(given.get("max_users"), given.get("max_rate"), given.get("max_duration")),
    name="limits",
)
OUTPUT = Table(
    {
        "dir": Key(Value(), "The run folder, new or empty (runs/DATE-TIME-NAME)."),
        "reports": Key(
            Many(Value(), single=True), "More reports; their names say their kind (see Reports)."
        ),
    },
    lambda given: Output(given.get("dir"), given.get("reports", ())),
    name="output",
)
SCALE = Table(
    {
        "users": Key(PROBABILITY, "The part of its users (100%)."),
        "rate": Key(PROBABILITY, "The part of its rate (100%)."),
    },
    lambda given: Scale(**given),
    name="scale",
)
REQUIREMENTS = Table(
    {
        "use": Key(words(*KNOWN), "The document.", required=True),
        "from": Key(NAME, "The phase that answers it; without it, the whole run."),
        "more": Key(Named(THRESHOLD), "Requirements of your own: id → threshold."),
        "weights": Key(Named(NUMBER_VALUE), "id → its part of the score (1)."),
        "critical": Key(Many(NAME, single=True), "Without these the run does not pass."),
        "scale": Key(SCALE, "Which part of the document's load this is; amounts are scaled."),
    },
    lambda given: Requirements(
        given["use"],
        given.get("from"),
        **given.picked(more="more", weights="weights", critical="critical", scale="scale"),
    ),
    name="requirements",
)
SCENARIO = Table(
    {
        "load": Key(LOAD, "How many users, or at which rate."),
        "flow": Key(STEPS, "What a user does in one iteration.", required=True),
        "session": Key(SESSION, "How users log in; without it, the plan's."),
        "weight": Key(NUMBER_VALUE, "With phases: its part of users and rate (1)."),
    },
    lambda given: given,
    name="scenario",
)
ABORT_RULE = Made(THRESHOLD, abort_rule)

PLAN_KEYS = {
    "name": Key(NAME, "What the run is called (the file's name)."),
    "target": Key(Value(_target, {"type": "string"}),
                  "The service: http://host:8080, https://host, or embedded.", required=True),
    "allow_hosts": Key(Many(NAME, single=True), "Public hosts that may be loaded."),
    "variables": Key(Named(SECRET, SLOT_NAME.pattern, "a name of letters, digits and _"),
                     "Name → text that stands for ${name}; --var NAME=TEXT replaces it."),
    "defaults": Key(DEFAULTS, "What holds for every request."),
    "data": Key(Named(DATA, SLOT_NAME.pattern, "a name of letters, digits and _"),
                "Name → rows; a column is then ${name.column}."),
    "accounts": Key(ACCOUNTS, "Accounts made for the run: the data set `accounts`."),
    "session": Key(SESSION, "How users log in, once each, with figures of its own."),
    "setup": Key(STEPS, "Steps done once before the load, not measured."),
    "teardown": Key(STEPS, "Steps done once after it, not measured."),
    "load": Key(LOAD, "How many users or at which rate, and how long."),
    "flow": Key(STEPS, "What a user does in one iteration."),
    "scenarios": Key(Named(SCENARIO), "Several kinds of users at once, instead of load and flow."),
    "phases": Key(Many(PHASE), "One load after another, instead of load."),
    "thresholds": Key(Many(THRESHOLD), "What must hold: p95(response) < 75ms, errors < 1%, …"),
    "abort_on": Key(Many(ABORT_RULE), "What ends the run early: errors > 5% for 10s."),
    "requirements": Key(REQUIREMENTS, "The document that the run is held against."),
    "probes": Key(Named(PROBE), "Name → what is watched beside the load."),
    "limits": Key(LIMITS, "What this plan never exceeds."),
    "output": Key(OUTPUT, "Where the result goes."),
    "graceful_stop": Key(DURATION, "How long iterations may go on after the end (30s)."),
    "seed": Key(SEED, "The seed of everything random, for the same run again."),
}  # fmt: skip


def _build(given: Given) -> Plan:
    defaults: dict[str, Any] = given.get("defaults", {})
    setup: Steps = given.get("setup", ())
    filled = tuple(dict.fromkeys(slot for step in walk(setup) for slot in fills(step)))
    kinds = _kinds_of_users(given)
    check_names(given, kinds, filled)
    scenarios = tuple(_scenario(name, kind, filled) for name, kind in kinds)
    context = given.at.context
    thresholds = given.get("thresholds", ())
    aborts = (*given.get("abort_on", ()), *(t.opposite() for t in thresholds if t.abort))
    return Plan(
        given.get("name", MAIN),
        given["target"],
        scenarios,
        thresholds=thresholds,
        abort_on=aborts,
        timeouts=_timeouts(defaults),
        data=tuple(data for _, data in given.get("data", ())),
        setup=setup,
        probes=tuple(probe for _, probe in given.get("probes", ()) if probe is not None),
        variables=tuple((name, text) for name, (text, _) in context.variables.items()),
        **{name: defaults[name] for name in
           ("headers", "tls", "connections", "connecting", "cookies", "server_timing")
           if name in defaults},
        **given.picked(
            seed="seed", allow_hosts="allow_hosts", graceful_stop_ns="graceful_stop",
            accounts="accounts", teardown="teardown", phases="phases", limits="limits",
            requirements="requirements", output="output",
        ),
    )  # fmt: skip


def _kinds_of_users(given: Given) -> list[tuple[str, Given]]:
    """(name, its keys) of each scenario, the plan's own session and load filled in."""
    if "scenarios" in given:
        given.one_of("scenarios", "flow")
        given.one_of("scenarios", "load")
        kinds: list[tuple[str, Given]] = list(given["scenarios"])
    elif "flow" in given:
        kinds = [(MAIN, Given(given.node, given.at))]
        kinds[0][1].update({key: given[key] for key in ("flow", "load") if key in given})
    else:
        raise ConfigError("flow is missing: write what a user does, or scenarios")
    for _, kind in kinds:
        if "session" in given:
            kind.setdefault("session", given["session"])
        if "phases" in given and "load" in kind:
            raise kind.refuse("load", "does not go with phases, which say how much and how long")
        if "phases" in given:
            kind["load"] = given["phases"][0].load
        elif "load" not in kind:
            raise kind.at.refuse(kind.node, "load is missing: write users or a rate, and hold")
    return kinds


def _scenario(name: str, kind: Given, filled: tuple[str, ...]) -> Scenario:
    session: Session | None = kind.get("session")
    with kind.at.inside("flow").guard(kind.node.items["flow"]):
        return Scenario(
            name,
            kind["load"],
            kind["flow"],
            session=session,
            given=filled,
            **kind.picked(weight="weight"),
        )


def _timeouts(defaults: dict[str, Any]) -> Timeouts:
    known = Timeouts()
    request_ns = defaults.get("timeout", known.request_ns)
    connect_ns = defaults.get("connect_timeout", min(known.connect_ns, request_ns))
    if connect_ns > request_ns:
        raise ConfigError("defaults: connect_timeout is longer than the timeout of a whole request")
    return Timeouts(connect_ns, request_ns, defaults.get("idle_timeout"))


PLAN = Table(PLAN_KEYS, _build, shelf=SHELF, renamed={"phase": "phases", "header": "defaults"})
