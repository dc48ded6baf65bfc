"""From a plan to what each worker gets: its share of the schedules, its settings, its ports."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from velroload import _core
from velroload.engine.segment import CLOSED_PEAK_PER_S, slots_for
from velroload.engine.workers import Job
from velroload.errors import ConfigError
from velroload.load.models import schedule
from velroload.load.phases import Phase, phases_of
from velroload.load.schedule import ROW, Schedule, Share, derive_seed
from velroload.load.suite import row_flags, spans_of, suite_rows
from velroload.plan.flow import requests_in, walk
from velroload.plan.model import Plan, Scenario, Think
from velroload.plan.share import parts_of
from velroload.protocol.program import Compiled, Program
from velroload.protocol.rooms import SITE_ROOM
from velroload.protocol.tls import to_settings
from velroload.runner.rows import require_rows, table_settings
from velroload.runner.suite import mixes_of, starts_free

NEVER_NS = 1 << 61
SECOND_NS = 1_000_000_000
BODY_LIMIT_BYTES = 1 << 20
"""A captured body may be this long."""
BODIES_LIMIT_BYTES = 256 << 20
"""All captured bodies of a worker at one time."""
VALUES_PER_SAMPLE = 2
"""Room for values that servers name, as many bytes as for samples; a ring is emptied 20 times in
the time that it holds."""
MAX_EVENTS = 64
LOGIN_WAYS = {"first_use": 0, "ramp": 1, "setup": 2, "minted": 1}
"""As the core knows them; with minted tokens there is nothing that could be late."""
USER_TIMEOUT_MOST_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Work:
    """The plan's scenarios, each with its schedule, and the requests expected in an iteration of
    its: (from when on, how many), nothing where nobody can know."""

    plan: Plan
    schedules: tuple[Schedule, ...]
    requests: tuple[tuple[tuple[int, Fraction], ...], ...]

    @classmethod
    def of(cls, plan: Plan) -> "Work":
        schedules = tuple(schedule(plan, scenario) for scenario in plan.scenarios)
        places = range(len(plan.scenarios))
        return cls(plan, schedules, tuple(expected_requests(plan, place) for place in places))

    def seed_of(self, scenario: int) -> int:
        """Each scenario's schedule is drawn from a seed of its own."""
        return derive_seed(self.plan.seed, scenario)

    def shares(self, worker: int, workers: int) -> list[Share]:
        """One worker's part of every schedule."""
        return [
            each.for_worker(worker, workers, self.seed_of(index))
            for index, each in enumerate(self.schedules)
        ]

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Ramp, hold and cool-down, in the order of time; of a suite those of each of its
        phases."""
        if self.plan.phases:
            return suite_rows(self.plan.phases)
        warmed = any(scenario.load.warm_up_ns for scenario in self.plan.scenarios)
        return phases_of(self.schedules, warmed=warmed)

    @property
    def end_ns(self) -> int | None:
        """When the last scenario starts no more; None when only its iterations end it."""
        ends = [each.end_ns for each in self.schedules]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    @property
    def users(self) -> int:
        """The most virtual users at one time."""
        return sum(each.peak_vus for each in self.schedules)

    @property
    def connections(self) -> int:
        """The most connections at one time."""
        return min(self.users, self.plan.connections or self.users)

    @property
    def is_open(self) -> bool:
        return any(each.is_open for each in self.schedules)

    @property
    def is_paced(self) -> bool:
        """Starts are scheduled by us: by a rate, or by think time."""
        return self.is_open or self.has_pauses

    @property
    def has_pauses(self) -> bool:
        """Users wait between two requests, in one scenario at least."""
        return any(
            s.load.think is not None
            or s.load.pacing_ns
            or any(isinstance(step, Think) and step.mean_ns for step in walk(s.flow))
            for s in self.plan.scenarios
        )

    @property
    def is_scheduled(self) -> bool:
        """How many requests should have started by when is known: rates alone say so."""
        return all(each.is_open and not each.partly_free for each in self.schedules) and all(
            scenario.is_predictable for scenario in self.plan.scenarios
        )

    def offered_rate_per_s(self) -> float | None:
        """Requests per second in the hold, when all starts are scheduled."""
        if not self.is_scheduled:
            return None
        if self.plan.phases:
            return float(self.plan.rate_most_per_s or 0)
        pairs = zip(self.plan.scenarios, self.schedules, strict=True)
        return float(sum(s.peak_rate_per_s * p.requests_per_iteration for p, s in pairs))

    def planned_iterations(self) -> int | None:
        """Exact, when it is known before the run."""
        counts = [each.planned(self.seed_of(i)) for i, each in enumerate(self.schedules)]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def planned_requests_until(self, at_ns: int) -> float | None:
        """How many requests the schedules want started by `at_ns`."""
        if not self.is_scheduled:
            return None
        total = 0.0
        for each, changes in zip(self.schedules, self.requests, strict=True):
            ends = [*(start_ns for start_ns, _ in changes[1:]), at_ns]
            for (start_ns, requests), end_ns in zip(changes, ends, strict=True):
                if start_ns < at_ns:
                    starts = starts_until(each, min(end_ns, at_ns)) - starts_until(each, start_ns)
                    total += starts * float(requests)
        return total

    def samples_per_s(self, workers: int) -> int:
        """The most samples that one worker may push in a second."""
        peak = 0.0
        for place, each in enumerate(self.schedules):
            scenario, free = self.plan.scenarios[place], not each.is_open or each.partly_free
            if free and not (self.has_pauses if each.partly_free else self.is_paced):
                return CLOSED_PEAK_PER_S
            users_per_s = each.peak_vus if free else 0
            if scenario.load.pacing_ns:
                users_per_s *= max(1, SECOND_NS // scenario.load.pacing_ns)
            peak += (float(each.peak_rate_per_s) + users_per_s) * samples_per_iteration(
                scenario, self.requests[place]
            )
        return min(CLOSED_PEAK_PER_S, round(peak / workers) + 1)


def expected_requests(plan: Plan, scenario: int) -> tuple[tuple[int, Fraction], ...]:
    """Work.requests of one scenario."""
    each = plan.scenarios[scenario]
    if not each.is_predictable:
        return ()
    if not plan.phases:
        return ((0, each.requests_per_iteration),)
    parts = (parts_of(phase, plan.scenarios)[scenario] for phase in plan.phases)
    pairs = zip(spans_of(plan.phases), parts, strict=True)
    return tuple((span.start_ns, part.requests or Fraction(0)) for span, part in pairs)


def samples_per_iteration(
    scenario: Scenario, expected: Sequence[tuple[int, Fraction]] = ()
) -> float:
    """About how many samples one pass pushes: of requests, hops, groups and itself."""
    most = scenario.requests_most
    requests = max((float(each) for _, each in expected), default=float(most))
    hops = sum(r.redirects + 1 for r in scenario.requests if r.redirects)
    groups = requests if scenario.groups else 0  # a group has at least one request in it
    return requests + len(requests_in((*scenario.login, *scenario.renewal))) + 1 + hops + groups


def starts_until(each: Schedule, at_ns: int) -> float:
    """The integral of the rate up to an instant."""
    total = 0.0
    for segment in each.arrivals:
        span_ns = segment.end_ns - segment.start_ns
        done_ns = min(max(at_ns - segment.start_ns, 0), span_ns)
        if done_ns:
            slope = float(segment.to_value - segment.from_value) / span_ns
            mean = float(segment.from_value) + slope * done_ns / 2
            total += mean * done_ns / 1e9
    return total


def make_jobs(work: Work, program: Program, cpus: Sequence[int], spin: bool) -> list[Job]:
    """One job per CPU in `cpus`. ConfigError when there is too little for so many workers."""
    workers = len(cpus)
    pool = work.plan.connections
    if pool is not None and pool < workers:
        raise ConfigError(
            f"{workers} workers cannot share {pool} connections: "
            f"use at most {pool} workers or more connections"
        )
    ports, sharing = port_ranges(workers), can_share_ports()
    slots = slots_for(work.samples_per_s(workers), workers)
    mixes = mixes_of(work.plan, program)
    all_shares = [work.shares(worker, workers) for worker in range(workers)]
    require_rows(work.plan, program, work.schedules, all_shares)
    tables = table_settings(work.plan, program, work.schedules)
    jobs = []
    for worker, (cpu, shares) in enumerate(zip(cpus, all_shares, strict=True)):
        arrays = {**program.arrays, "mixes": mixes}
        users = 0
        scenarios = []
        for index, share in enumerate(shares):
            arrays[f"starts{index}"], arrays[f"vus{index}"] = share.arrivals, share.vus
            scenarios.append(scenario_settings(work, program, index, share, users))
            users += share.max_vus
        settings: dict[str, Any] = {
            "cpu": cpu,
            "worker": worker,
            "workers": workers,
            "users": users,
            "pool": 0 if pool is None else part(pool, worker, workers),
            "port_range": ports[worker],
            "bind_ports": bool(ports[worker]) and not sharing,
            "spin": spin,
            "phases": [phase.start_ns for phase in work.phases],
            "phase_flags": row_flags(work.plan.phases),
            "scenarios": scenarios,
            "tables": tables,
            **common_settings(work.plan, program),
        }
        planned = planned_iterations(work, shares)
        steps = len(work.plan.scenarios[0].requests)
        values = VALUES_PER_SAMPLE * slots if work.plan.server_timing else 0
        jobs.append(Job(cpu, slots, settings, arrays, planned, steps, values))
    return jobs


def part(total: int, worker: int, workers: int) -> int:
    """One worker's part of a whole number; the parts add up to it."""
    return total * (worker + 1) // workers - total * worker // workers


def planned_iterations(work: Work, shares: Sequence[Share]) -> int | None:
    """How many iterations these shares promise; None when only the target's pace decides."""
    total = 0
    for each, share in zip(work.schedules, shares, strict=True):
        if each.partly_free:
            return None
        if each.is_open:
            total += int(np.frombuffer(share.arrivals, ROW)["count"].sum())
        elif share.iterations is not None and each.end_ns is None:
            total += share.iterations
        else:
            return None
    return total


def common_settings(plan: Plan, program: Program) -> dict[str, Any]:
    return {
        "connect_timeout_ns": plan.timeouts.connect_ns,
        "user_timeout_ms": user_timeout_ms(plan),
        "warm": plan.connecting.warm,
        "requests_most": plan.connecting.requests_max or 0,
        "reset_at_end": plan.connecting.reset_at_end,
        "sources_v4": program.sources_v4,
        "idle_timeout_ns": plan.timeouts.idle_ns or 0,
        "graceful_ns": plan.graceful_stop_ns,
        "body_limit": BODY_LIMIT_BYTES,
        "bodies_limit": BODIES_LIMIT_BYTES,
        "max_events": MAX_EVENTS,
        "seed": plan.seed,
        "judges": list(program.judges),
        "computed": list(program.computed),
        "files": [],  # these: descriptors, when the worker is spawned
        "table_files": [],
        "wanted": [list(pair) for pair in program.wanted],
        "cache": [list(rule) for rule in program.cache],
        "cookie_scopes": [list(scope) for scope in program.scopes],
        "origins": [list(origin) for origin in program.origins],
        "tls": tls_settings(plan, program),
        "user_slot": program.user_slot,
        "user_bytes": program.user_bytes,
        "cookie_room": SITE_ROOM,
        "render_bytes": program.render_bytes,
    }


def tls_settings(plan: Plan, program: Program) -> list[dict[str, Any] | None]:
    """How each origin speaks TLS, None where it does not. What identifies us, and the name that
    stands in for the target's, are for the target alone."""
    foreign = replace(plan.tls, server_name=None, cert=None, key=None)
    return [
        to_settings(foreign if index else plan.tls, host) if scheme == "https" else None
        for index, (scheme, host, _) in enumerate(program.origins)
    ]


def scenario_settings(
    work: Work, program: Program, index: int, share: Share, user_first: int
) -> dict[str, Any]:
    compiled, each = program.scenarios[index], work.schedules[index]
    return {
        "setup": compiled.setup,
        "session": session_settings(work.plan.scenarios[index], compiled),
        "flow": compiled.flow,
        "think": compiled.think,
        "users": [user_first, share.max_vus],
        "end_ns": NEVER_NS if each.end_ns is None else each.end_ns,
        "iterations": share.iterations,
        "open": each.is_open and not starts_free(work.plan),
        "rows": compiled.rows,
        "on_demand": each.is_open and each.users is None,
        "drop_late": each.late == "drop",
        "pacing_ns": work.plan.scenarios[index].load.pacing_ns or 0,
        "iteration_endpoint": compiled.iteration_endpoint,
        "starts": f"starts{index}",
        "vus": f"vus{index}",
        "seed": share.pacer_seed,
    }


def session_settings(scenario: Scenario, compiled: Compiled) -> dict[str, Any] | None:
    """How users log in and renew their tokens; None without a session."""
    session = scenario.session
    if session is None:
        return None
    renew, rate = session.renew, session.rate_max_per_s
    return {
        "when": LOGIN_WAYS[session.when],
        "renew": compiled.renew,
        "on_401": renew is not None and renew.on_401,
        "gap_ns": 0 if rate is None else ceil(SECOND_NS / rate),
        "low": 0.5 if renew is None else float(renew.low),
        "high": 0.9 if renew is None else float(renew.high),
        "jwt": renew is not None and renew.token_slot is not None,
        "life_slot": compiled.life_slot,
    }


def user_timeout_ms(plan: Plan) -> int:
    """TCP_USER_TIMEOUT: a peer that acknowledges nothing is given up after the longest time-out of
    a request, so that the kernel does not go on for a quarter of an hour after we have."""
    requests = [request for each in plan.scenarios for request in each.every_request]
    longest_ns = max(
        (request.timeout_ns or plan.timeouts.request_ns for request in requests),
        default=plan.timeouts.request_ns,
    )
    return min(-(-longest_ns // 10**6), USER_TIMEOUT_MOST_MS)


def can_share_ports() -> bool:
    """Whether the kernel knows IP_LOCAL_PORT_RANGE; else workers bind each port themselves."""
    with socket.socket() as probe:
        return _core.can_share_ports(probe.fileno())


def port_ranges(workers: int, proc: Path = Path("/proc")) -> list[int]:
    """Each worker's own share of the local ports, as IP_LOCAL_PORT_RANGE wants it: low in the
    lower 16 bits, high in the upper ones (ip(7)); 0 (no share) where the kernel does not tell."""
    try:
        low, high = map(int, (proc / "sys/net/ipv4/ip_local_port_range").read_text().split())
    except (OSError, ValueError):
        return [0] * workers
    count = high - low + 1
    edges = [low + count * index // workers for index in range(workers + 1)]
    if count < 2 * workers:
        return [0] * workers
    return [edges[i] | (edges[i + 1] - 1) << 16 for i in range(workers)]
