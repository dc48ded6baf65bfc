"""The tools beside us: how each is called for closed load, and how its output is read.

A row's request count never comes from here (it is the server's own); what a tool says of itself is
kept beside it, and the seconds it says it ran are what its rate is taken over.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

NUMBER = r"([0-9][0-9.,]*)"
WRK_ERRORS = r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)"
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "secs": 1.0, "seconds": 1.0}
AB_LIMIT_PER_S = 200_000
"""ab allocates 40 bytes for every request that it might send."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool says: requests, seconds, errors (of any kind), times in seconds by name."""

    requests: int | None = None
    seconds: float | None = None
    errors: int = 0
    times_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rival:
    """A load generator for closed load: (url, connections, seconds) → command; text → Said."""

    name: str
    command: Callable[[str, int, int], list[str]]
    read: Callable[[str], Said]

    @property
    def installed(self) -> bool:
        return shutil.which(self.name) is not None


def find(pattern: str, text: str) -> float | None:
    """The first number that a pattern with one group finds."""
    match = re.search(pattern, text, re.MULTILINE)
    return float(match[1].replace(",", "")) if match else None


def find_count(pattern: str, text: str) -> int:
    """The same, as a count; 0 when it is not there."""
    return int(find(pattern, text) or 0)


def duration_s(text: str) -> float:
    """Seconds of 10.62ms, 1.2s, 2.00m. ValueError otherwise."""
    match = re.fullmatch(r"([0-9.]+)\s*([a-z]+)", text.strip())
    if match is None or match[2] not in UNITS_S:
        raise ValueError(f"not a duration: {text!r}")
    return float(match[1]) * UNITS_S[match[2]]


def read_wrk(text: str) -> Said:
    """wrk's summary; with bench/wrk.lua also its percentiles in whole microseconds."""
    run = re.search(r"^\s*(\d+) requests in ([0-9.]+[a-z]+),", text, re.MULTILINE)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    times = {
        name: float(value) / 1e6
        for name, value in re.findall(r"^velroload-bench (\S+) ([0-9.]+)$", text, re.MULTILINE)
    }
    return Said(
        requests=int(run[1]) if run else None,
        seconds=duration_s(run[2]) if run else None,
        errors=sum(map(int, errors.groups()) if errors else ())
        + find_count(r"Non-2xx or 3xx responses: (\d+)", text),
        times_s=times,
    )


def read_h2load(text: str) -> Said:
    """h2load's "finished in" and "requests:" lines."""
    seconds = re.search(r"^finished in ([0-9.]+[a-z]+),", text, re.MULTILINE)
    return Said(
        requests=find_count(r"^requests: .* (\d+) done", text) or None,
        seconds=duration_s(seconds[1]) if seconds else None,
        errors=find_count(r"^requests: .* (\d+) failed", text),
    )


def read_hey(text: str) -> Said:
    """hey's summary. Requests = the sum of its status codes."""
    codes = re.findall(r"^\s*\[(\d+)\]\s+(\d+) responses", text, re.MULTILINE)
    refused = re.findall(r"^\s*\[(\d+)\]\s+\S+ \"?https?://", text, re.MULTILINE)
    times = {
        f"p{level}": float(value)
        for level, value in re.findall(r"^\s*(\d+)% in ([0-9.]+) secs", text, re.MULTILINE)
    }
    return Said(
        requests=sum(int(count) for _, count in codes) if codes else None,
        seconds=find(rf"^\s*Total:\s+{NUMBER} secs", text),
        errors=sum(int(n) for code, n in codes if code >= "400") + sum(map(int, refused)),
        times_s=times,
    )


def read_ab(text: str) -> Said:
    """ab's summary."""
    return Said(
        requests=find_count(rf"^Complete requests:\s+{NUMBER}", text) or None,
        seconds=find(rf"^Time taken for tests:\s+{NUMBER} seconds", text),
        errors=find_count(rf"^Failed requests:\s+{NUMBER}", text)
        + find_count(rf"^Non-2xx responses:\s+{NUMBER}", text),
    )


def wrk_command(url: str, connections: int, seconds: int) -> list[str]:
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", url]


def h2load_command(url: str, connections: int, seconds: int) -> list[str]:
    return ["h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}", url]


def hey_command(url: str, connections: int, seconds: int) -> list[str]:
    return ["hey", "-z", f"{seconds}s", "-c", str(connections), "-cpus", "1", "-t", "30", url]


def ab_command(url: str, connections: int, seconds: int) -> list[str]:
    limit = str(AB_LIMIT_PER_S * seconds)
    return [
        "ab",
        "-k",
        "-q",
        "-r",
        "-s",
        "30",
        "-t",
        str(seconds),
        "-n",
        limit,
        "-c",
        str(connections),
        url,
    ]


RIVALS = {
    rival.name: rival
    for rival in (
        Rival("wrk", wrk_command, read_wrk),
        Rival("h2load", h2load_command, read_h2load),
        Rival("hey", hey_command, read_hey),
        Rival("ab", ab_command, read_ab),
    )
}
