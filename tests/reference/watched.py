"""What stands beside the load in a run folder: probes, marks, whole samples. By the contract of the
run folder: PROBE rows, manifest["probes"] with roles, EVENT rows of "mark"."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference import rundata as rd
from velroload.journal import COUNTS, slowest
from velroload.rundata import RunData
from velroload.sample import SAMPLE, Flag

S = rd.SECOND_NS


def with_probe(
    data: RunData,
    values: Mapping[str, Any],
    *,
    name: str = "service",
    roles: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> RunData:
    """The run with a probe that read these values once per second; NaN: nothing was read.

    Without `roles` each value plays the role that it is named after.
    """
    arrays = {value: np.atleast_1d(np.asarray(read, float)) for value, read in values.items()}
    length = max(len(array) for array in arrays.values())
    rows = []
    for second in range(length):
        read = {
            f"{name}.{value}": float(array[second])
            for value, array in arrays.items()
            if second < len(array) and np.isfinite(array[second])
        }
        rows.append({"time_s": second + 0.5, "values": read})
    given = roles if roles is not None else {value: value for value in values}
    units = units or {}
    told = {value: {"unit": units.get(value, "count"), "says": value} for value in values}
    probe = {"name": name, "kind": "http", "values": told, "roles": dict(given)}
    known = [*(data.manifest.get("probes") or []), probe]
    probes = sorted([*data.probes, *rows], key=lambda row: row["time_s"])
    return replace(data, manifest={**data.manifest, "probes": known}, probes=probes)


def mark(name: str, kind: str, what: str, at_s: float, **more: Any) -> dict[str, Any]:
    """An EVENT row of the contract."""
    row = {"event": "mark", "name": name, "kind": kind, "what": what, "at_ns": round(at_s * S)}
    return {"phase": None, "detail": None, **row, **more}


def event(name: str, begin_s: float, end_s: float, kind: str = "http") -> list[dict[str, Any]]:
    """Something that was done to the target."""
    return [mark(name, kind, "begin", begin_s), mark(name, kind, "end", end_s)]


def with_counts(data: RunData, rows: Sequence[tuple[int, int, int, int]]) -> RunData:
    """The run with more rows of (second, endpoint, counter, value)."""
    return with_columns(data, *np.array(rows, np.int64).reshape(len(rows), 4).T)


def with_columns(data: RunData, second: Any, endpoint: Any, counter: Any, value: Any) -> RunData:
    """The same, by column; of the phase that each second begins in."""
    made = np.zeros(len(second), COUNTS)
    made["second"], made["endpoint"], made["counter"] = second, endpoint, counter
    starts = [phase["start_ns"] for phase in data.manifest["phases"]]
    made["phase"] = np.searchsorted(starts, np.asarray(second) * S, side="right") - 1
    made["value"] = value
    return replace(data, counts=np.concatenate([data.counts, made]))


def samples_of(loads: Sequence[rd.Load], *, phase_starts: Sequence[int] = (0,)) -> NDArray[np.void]:
    """Every request of these rows as a sample. Of a Load's `extra`: new (bool), cache (code),
    address, user, connect_us."""
    parts = []
    for place, load in enumerate(loads):
        size = len(load.scheduled_ns)
        made = np.zeros(size, SAMPLE)
        wait, lag = rd.ints(load.wait_ns, size), rd.ints(load.lag_ns, size)
        connect = rd.ints(load.extra.get("connect_us", 0), size)
        made["scheduled_ns"] = load.scheduled_ns
        made["sent_ns"] = load.scheduled_ns + wait + lag + 1_000 * connect
        made["end_ns"] = made["sent_ns"] + rd.ints(load.service_ns, size)
        made["wait_us"], made["connect_us"] = wait // 1_000, connect
        made["read_lag_ns"] = rd.ints(load.read_lag_ns, size)
        made["endpoint"], made["status"] = place, rd.ints(load.status, size)
        made["error"] = rd.ints(load.error, size)
        made["phase"] = np.searchsorted(phase_starts, load.scheduled_ns, side="right") - 1
        user = rd.ints(load.extra.get("user", np.arange(size) % 40), size)
        made["user_address"] = user | rd.ints(load.extra.get("address", 0), size) << 24
        flags = np.where(rd.ints(load.extra.get("new", 0), size) > 0, int(Flag.NEW_CONNECTION), 0)
        made["flags"] = flags | rd.ints(load.extra.get("cache", 0), size) << 12
        parts.append(made)
    return np.concatenate(parts)


def with_samples(
    data: RunData, loads: Sequence[rd.Load], *, seed: int = 1, kept: int = 20_000, most: int = 1_000
) -> RunData:
    """The run with its slowest samples of each row and `kept` uniform ones."""
    starts = [phase["start_ns"] for phase in data.manifest["phases"]]
    made = samples_of(loads, phase_starts=starts)
    chosen = np.random.default_rng(seed).permutation(len(made))[:kept]
    return replace(data, tail=slowest(made, most), reservoir=made[np.sort(chosen)])
