"""Which CPU does what: workers on cores of their own, the rest on what is left."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from velroload.errors import ConfigError

_HINT = "write auto, a number of workers, or a list of CPUs such as cpus:1,3-5"


@dataclass(frozen=True, slots=True)
class Cores:
    """workers: one CPU each (an entry may stand more than once); target and coordinator: the CPUs
    that they may use, empty = all there are."""

    workers: tuple[int, ...]
    target: tuple[int, ...]
    coordinator: tuple[int, ...]


def choose(asked: str, available: list[int], embedded: bool) -> Cores:
    """Share out `available` (physical cores first). `asked` is "auto", "N" or "cpus:LIST".

    auto: the embedded target's CPU is taken first; one more is kept for the coordinator when three
    or more are left; the others get a worker each. ConfigError for anything else, and for CPUs
    that this process may not use.
    """
    if asked == "auto":
        rest = available[1:] if embedded and len(available) > 1 else available
        workers = rest[1:] if len(rest) >= 3 else rest
    elif asked.startswith("cpus:"):
        workers = parse_list(asked.removeprefix("cpus:"))
        for cpu in workers:
            if cpu not in available:
                raise ConfigError(
                    f"workers {asked!r}: CPU {cpu} is not one of those this process may use "
                    f"({format_list(available)})"
                )
    else:
        workers = numbered(asked, available, embedded)
    free = tuple(cpu for cpu in available if cpu not in workers)
    target = free[:1] if embedded else ()
    coordinator = tuple(cpu for cpu in free if cpu not in target) or free
    return Cores(tuple(workers), target, coordinator)


def numbered(asked: str, available: list[int], embedded: bool) -> list[int]:
    """CPUs for a given number of workers: from the back, so that the first stay free longest."""
    if not re.fullmatch(r"[0-9]{1,4}", asked) or int(asked) < 1:
        raise ConfigError(f"workers {asked!r}: {_HINT}")
    order = [*available[1:], available[0]] if embedded else available
    return [order[index % len(order)] for index in range(int(asked))]


def parse_list(text: str) -> list[int]:
    """CPUs of a list such as 1,3-5. ConfigError when it is none."""
    cpus: list[int] = []
    for piece in text.split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", piece)
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise ConfigError(f"workers 'cpus:{text}': {_HINT}")
        cpus += range(int(found[1]), int(found[2] or found[1]) + 1)
    return cpus


def format_list(cpus: list[int]) -> str:
    return ",".join(map(str, cpus))


def usable(root: Path = Path("/")) -> list[int]:
    """CPUs of our affinity mask, one thread of each core first, cut to the cgroup's quota."""
    allowed = sorted(os.sched_getaffinity(0))
    first_of: dict[int, int] = {}
    for cpu in allowed:
        first_of.setdefault(first_thread(root, cpu), cpu)
    ordered = sorted(allowed, key=lambda cpu: cpu not in first_of.values())
    quota = cgroup_quota(root)
    return ordered if quota is None else ordered[: max(1, int(quota))]


def first_thread(root: Path, cpu: int) -> int:
    """The lowest CPU of the same core; the CPU itself where the kernel does not tell."""
    path = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    try:
        return int(re.split(r"[,-]", path.read_text().strip())[0])
    except (OSError, ValueError):
        return cpu


def cgroup_quota(root: Path) -> float | None:
    """CPUs that our control group (version 2) and those above it may use at once; None without a
    limit."""
    try:
        own = (root / "proc/self/cgroup").read_text().strip().rpartition("::")[2]
    except OSError:
        return None
    group = root / "sys/fs/cgroup" / own.lstrip("/")
    quotas = []
    while group.is_relative_to(root / "sys/fs/cgroup"):
        try:
            most_us, period_us = (group / "cpu.max").read_text().split()
            quotas.append(int(most_us) / int(period_us))
        except (OSError, ValueError):
            pass  # no limit: "max", or no such file at the root of all groups
        group = group.parent
    return min(quotas, default=None)


def is_virtual(root: Path = Path("/")) -> bool:
    """True under a hypervisor, as far as the processor tells (the flag of CPUID leaf 1)."""
    try:
        told = (root / "proc/cpuinfo").read_text()
    except OSError:
        return False
    return re.search(r"^flags\b.*\bhypervisor\b", told, re.MULTILINE) is not None
