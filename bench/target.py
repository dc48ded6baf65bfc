"""What the reference target holds: the compliance mix over many open connections, at a fixed rate.

    python -m bench.target [--users 15000] [--rate 4000] [--seconds 30] [--server-workers 1]
                           [--database URL --redis URL] [--short]

One worker of the target on --server-cpu, one worker of velroload on --client-cpu. Every user logs
in once, in the ramp (scrypt at n=2: the bench is not about hashing), and keeps one connection.
Goals: 4,000 requests/s with 15,000 connections and p95 < 50 ms on SQLite, 1,300 requests/s and
p95 < 75 ms on PostgreSQL and Redis, whose own processes share the CPUs (`make services`).
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil

from bench.flags import parser_for
from bench.harness import announce, raise_descriptor_limit, save
from velroload.plan.flow import Choice
from velroload.plan.model import SECOND_NS, Capture, Load, Plan, Request, Scenario
from velroload.plan.probe import Probe
from velroload.runner.options import Options
from velroload.runner.run import execute
from velroload.target.accounts import DEFAULT_PASSWORD, email_of
from velroload.target.process import TargetProcess

Json = dict[str, Any]
GENERATIONS = "/api/v1/generations"
SETTLE_TRIES = 6
"""Of 10 s each."""
MIX = {
    "authentication_check": 1.00,
    "authorization_check": 0.95,
    "generation_list": 0.85,
    "model_access": 0.60,
    "generation_create": 0.25,
    "media_url_access": 0.40,
}
"""Requests of each kind per iteration of the compliance phase, their weights here."""
FORM = (
    b'--f\r\nContent-Disposition: form-data; name="model_id"\r\n\r\nsdxl\r\n'
    b'--f\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na lighthouse\r\n--f--\r\n'
)
BEARER = (("Authorization", "Bearer ${token}"),)
GOALS = {"sqlite": (4000.0, 50.0), "postgresql": (1300.0, 75.0)}
"""Database → requests per second, and the p95 in ms that must not be reached."""


def request_of(kind: str) -> Request:
    """One kind of the mix."""
    form = (*BEARER, ("Content-Type", "multipart/form-data; boundary=f"))
    one = f"{GENERATIONS}/${{id}}"
    return {
        "authentication_check": Request("GET", "/api/v1/auth/me", BEARER, endpoint=kind),
        "authorization_check": Request("GET", one, BEARER, endpoint=kind),
        "generation_list": Request("GET", f"{GENERATIONS}?limit=20", BEARER, endpoint=kind),
        "model_access": Request("GET", "/api/v1/models", endpoint=kind),
        "generation_create": Request("POST", GENERATIONS, form, FORM, endpoint=kind),
        "media_url_access": Request("GET", f"{one}/media-urls", BEARER, endpoint=kind),
    }[kind]


def scenario_of(flags: Any) -> Scenario:
    """Every user logs in once, then sends one request of the mix per iteration."""
    account = {"email": email_of("${user}"), "password": DEFAULT_PASSWORD}
    login = Request(
        "POST",
        "/api/v1/auth/login",
        (("Content-Type", "application/json"),),
        json.dumps(account).encode(),
        endpoint="login",
        captures=(Capture("token", "$.access_token"),),
    )
    first = Request(
        "GET", f"{GENERATIONS}?limit=1", BEARER, endpoint="find",
        captures=(Capture("id", "$[0].id"),),
    )  # fmt: skip
    load = Load(
        "constant-arrival-rate",
        users=flags.users,
        request_rate=Fraction(flags.rate),
        ramp_ns=flags.ramp * SECOND_NS,
        duration_ns=flags.seconds * SECOND_NS,
    )
    mix = Choice(tuple((Fraction(str(part)), (request_of(kind),)) for kind, part in MIX.items()))
    return Scenario("mix", load, (mix,), setup=(login, first))


class Silent:
    """A user interface that keeps quiet."""

    style: Callable[[str, str], str] = staticmethod(lambda role, text: text)

    def say(self, line: str) -> None:
        print(f"         {line}", flush=True)

    def progress(self, figures: Json) -> None:
        return None

    def done(self, text: str) -> None:
        print(text, flush=True)


def options_of(flags: Any) -> list[str]:
    """The target's own flags."""
    return [
        *(["--database", flags.database] if flags.database else []),
        *(["--redis", flags.redis] if flags.redis else []),
        "--scrypt-n", "2", "--keepalive", "600", "--warm", "--workers", str(flags.server_workers),
    ]  # fmt: skip


def measure(flags: Any) -> Json:
    """One run; velroload's figures beside the target's own."""
    with (
        tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch,
        TargetProcess().start(
            [flags.server_cpu], flags.users, options=options_of(flags), timeout_s=120
        ) as target,
    ):
        folder = Path(scratch) / "run"
        watching = (Probe("target", "process", f"pid:{target.pid}"),)
        plan = Plan("target", target.url, (scenario_of(flags),), probes=watching)
        process = psutil.Process(target.pid)
        addresses = (("127.0.0.1", target.port),)
        before = cpu_s(process)
        code = execute(
            plan, Options(f"cpus:{flags.client_cpu}", str(folder), addresses=addresses), Silent()
        )
        used_s = cpu_s(process) - before
        truth = settled(target)
        memory_mib = process.memory_info().rss >> 20
        result = json.loads((folder / "result.json").read_text())
        cpu_share = result["watched"]["levels"]["cpu_share"]["mean"]
    asked = sum(sum(by.values()) for by in truth["requests"].values())
    return {
        "goal": dict(zip(("rate_per_s", "p95_ms"), GOALS[truth["database"]], strict=True)),
        "database": truth["database"],
        "redis": truth["redis"],
        "exit_code": code,
        "validity": result["validity"]["verdict"],
        "response_time_ms": result["response_time_ms"],
        "rate_per_s": result["rate_per_s"],
        "failed": result["total"]["failed"],
        "endpoints": {
            row["name"]: {key: row[key] for key in ("count", "failed", "response_time_ms")}
            for row in result["endpoints"]
            if not row["setup"]
        },
        "truth": {key: truth[key] for key in ("requests", "layers", "lookups", "pools", "crossed")},
        "requests": asked,
        "cpu_us_per_request": used_s / asked * 1e6,
        "hold_cpu_us_per_request": cpu_share / result["rate_per_s"] * 1e6,
        "memory_mib": memory_mib,
    }


def settled(target: TargetProcess) -> Json:
    """The target's truth, once it has worked off what it was given: it may have fallen behind."""
    for _ in range(SETTLE_TRIES):
        with contextlib.suppress(OSError):  # no answer in time
            return target.truth()
    return target.truth()


def met(figures: Json) -> bool:
    """Whether the goal was reached, by a run whose figures can be vouched for."""
    p95_ms, goal = figures["response_time_ms"]["p95"], figures["goal"]
    return bool(
        figures["validity"] == "VALID"
        and figures["rate_per_s"] >= 0.99 * goal["rate_per_s"]
        and p95_ms is not None
        and p95_ms < goal["p95_ms"]
    )


def cpu_s(process: psutil.Process) -> float:
    """Of the target with its workers."""
    family = [process, *process.children()]
    return float(sum(sum(each.cpu_times()[:2]) for each in family))


def flags_of(argv: list[str] | None) -> Any:
    """The command line, read."""
    parser = parser_for("target", __doc__)
    parser.add_argument("--users", type=int, default=15_000)
    parser.add_argument("--rate", type=int, default=4000)
    parser.add_argument("--ramp", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--server-workers", type=int, default=1)
    parser.add_argument("--database")
    parser.add_argument("--redis")
    flags = parser.parse_args(argv)
    if flags.short:
        flags.users, flags.rate, flags.ramp, flags.seconds = 300, 300, 1, 3
    return flags


def main(argv: list[str] | None = None) -> int:
    """Run it once and keep the result."""
    flags = flags_of(argv)
    raise_descriptor_limit()
    head = announce("target", argv)
    figures = measure(flags)
    figures["goal_met"] = not flags.short and met(figures)
    print({k: v for k, v in figures.items() if k not in ("endpoints", "truth")}, flush=True)
    save(head, figures, flags.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
