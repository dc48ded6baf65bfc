"""What a plan takes of this machine: workers, connections, descriptors, ports, memory, bandwidth.

Facts are read once and passed in; everything else is arithmetic.
"""

import os
import resource
import shutil
from dataclasses import dataclass, replace
from math import ceil

from velroload import _core
from velroload.engine.cpu import choose, usable
from velroload.engine.segment import slots_for
from velroload.host.preflight import (
    Ports,
    available_memory_bytes,
    descriptors_needed,
    read_ports,
)
from velroload.plan.model import EMBEDDED, SECOND_NS, Plan
from velroload.runner.forecast.size import slot_count
from velroload.runner.forecast.traffic import Stretch
from velroload.runner.jobs import VALUES_PER_SAMPLE, Work

USER_BYTES, CONNECTION_BYTES = 160, 640
"""Of a worker's tables, without slots (the core's own structs, rounded up)."""
SLOT_BYTES = 768
"""Of a captured or computed text (protocol/rooms.py); generated ones take less, rows none."""
TLS_BYTES = 40 << 10
WORKER_BYTES = 32 << 20
"""A worker's interpreter, with what it imports."""
KERNEL_BYTES = 5 << 10
"""What the kernel keeps of one end of a connection (bench/scale.py)."""
REQUEST_CPU_US = 12.0
"""A worker's CPU per request of a flow, kernel included (docs/performance.md)."""
TLS_CPU_US = 5.0
DISK_BYTES_PER_S = 2_500
"""Of the journal, per second and endpoint that has traffic."""
DISK_BASE_BYTES = 4 << 20
"""The other files of a run folder."""
UNLIMITED = 2**31


@dataclass(frozen=True, slots=True)
class Facts:
    """What this machine has. workers: how many a run would take; descriptors: the hard limit of a
    process; memory and disk: what is free."""

    workers: int
    descriptors: int
    ports: Ports
    memory_bytes: int
    disk_bytes: int


def read_facts(plan: Plan, workers: str = "auto") -> Facts:
    """Of this machine, now. ConfigError when `workers` is nonsense."""
    cores = choose(workers, usable(), plan.target == EMBEDDED)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return Facts(
        len(cores.workers),
        UNLIMITED if hard == resource.RLIM_INFINITY else hard,
        read_ports(),
        available_memory_bytes(),
        shutil.disk_usage(_existing(plan.output.folder or ".")).free,
    )


def _existing(folder: str) -> str:
    """The folder itself, or what there is of its path."""
    path = os.path.abspath(folder)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


@dataclass(frozen=True, slots=True)
class Needs:
    """What the largest stretch takes. descriptors: of each worker. ring_bytes: of all workers;
    memory_bytes: rings, tables and interpreters; kernel_bytes: sockets, beside it.
    sent_bytes_per_s, cpu_share (of each worker's CPU): at the highest rate, None when the target's
    pace decides it."""

    workers: int
    users: int
    connections: int
    descriptors: int
    ring_slots: int
    ring_bytes: int
    memory_bytes: int
    kernel_bytes: int
    sent_bytes_per_s: float | None
    cpu_share: float | None
    disk_bytes: int


def needs_of(plan: Plan, stretches: tuple[Stretch, ...], facts: Facts) -> Needs:
    """What the plan takes of a machine."""
    users = max(stretch.users for stretch in stretches)
    connections = min(users, plan.connections or users)
    workers = max(1, min(facts.workers, users, connections))
    slots = max(_ring_slots(plan, stretch, workers) for stretch in stretches)
    values = VALUES_PER_SAMPLE * slots if plan.server_timing else 0
    ring_bytes = _core.segment_bytes(slots, values) * workers
    secure = plan.target.startswith("https:")
    each = CONNECTION_BYTES + (TLS_BYTES if secure else 0)
    tables_bytes = users * (USER_BYTES + SLOT_BYTES * slot_count(plan)) + connections * each
    peaks = [stretch.peak_per_s for stretch in stretches]
    known = [peak for peak in peaks if peak is not None]
    peak = max(known) if len(known) == len(peaks) else None
    cpu_us = REQUEST_CPU_US + (TLS_CPU_US if secure else 0.0)
    return Needs(
        workers=workers,
        users=users,
        connections=connections,
        descriptors=descriptors_needed(connections, workers),
        ring_slots=slots,
        ring_bytes=ring_bytes,
        memory_bytes=ring_bytes + tables_bytes + workers * WORKER_BYTES,
        kernel_bytes=connections * KERNEL_BYTES,
        sent_bytes_per_s=None if peak is None else _sent(stretches),
        cpu_share=None if peak is None else float(peak) * cpu_us / 1e6 / workers,
        disk_bytes=DISK_BASE_BYTES + sum(map(_journal_bytes, stretches)),
    )


def _ring_slots(plan: Plan, stretch: Stretch, workers: int) -> int:
    scenarios = tuple(flow.scenario for flow in stretch.flows)
    alone = replace(plan, scenarios=scenarios, phases=(), thresholds=(), requirements=None)
    return slots_for(Work.of(alone).samples_per_s(workers), workers)


def _sent(stretches: tuple[Stretch, ...]) -> float:
    """Bytes per second of requests in the busiest stretch."""
    return max(
        sum(float(row.rate_per_s or 0) * row.request_bytes for row in stretch.rows)
        * float(stretch.spike)
        for stretch in stretches
    )


def _journal_bytes(stretch: Stretch) -> int:
    seconds = (stretch.load_ns or 0) / SECOND_NS
    return ceil(seconds * DISK_BYTES_PER_S * (len(stretch.rows) + 1))
