"""What sets the slowest 1 % apart: traits that are more frequent among them than among all.

"All" is known from the reservoir, a uniform sample of the run. The slow ones come from the tail
(the 1,000 slowest of each phase and endpoint) where it has all of them, else they are those of the
reservoir: a tail that is cut off at one endpoint and not at another would show that alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import count_above
from velroload.analysis.chance import fisher_chance, holm
from velroload.analysis.hold import SECOND_NS
from velroload.analysis.outlier import Tail, TailShare
from velroload.analysis.result import Quantity
from velroload.analysis.samples import (
    ADDRESS_SHIFT,
    LAYERS,
    USER_MASK,
    counted,
    flow_ids,
    lag_ns,
    layers_of,
    response_ns,
)
from velroload.journal import Rows
from velroload.rundata import RunData
from velroload.sample import Flag

QUANTILE = 0.99
LEAST_SLOW = 20
"""Fewer slow samples than this have nothing in common that one could tell from chance."""
LEAST_OTHERS = 100
CHANCE = 0.01
MORE = 1.5
"""A trait is told where its share among the slow is so many times that among all …"""
SHARE = 0.10
"""… and it is at least this."""
LAG_NS = 1_000_000
WAIT_US = 1_000
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Trait:
    """Something about samples: a number for each, and what the numbers are called. None in `names`
    stands for a yes of no further value; numbers that are not in it are of no interest."""

    trait: str
    slow: NDArray[np.int64]
    others: NDArray[np.int64]
    names: dict[int, str | None]


def tail(data: RunData, held: RunData) -> Tail | None:
    """Of what counts; None where too few samples were kept."""
    whole = held.histogram(Quantity.RESPONSE, endpoints=flow_ids(data))
    uniform = counted(data.reservoir, data)
    if whole.count < LEAST_OTHERS or len(uniform) < LEAST_OTHERS:
        return None
    limit_ns = whole.percentile(100.0 * QUANTILE)
    above = count_above(whole, limit_ns)[0]
    kept = counted(data.tail, data)
    slow = kept[response_ns(kept) > limit_ns]
    if len(slow) < above:
        slow = uniform[response_ns(uniform) > limit_ns]
    others = uniform[response_ns(uniform) <= limit_ns]
    if len(slow) < LEAST_SLOW or len(others) < LEAST_OTHERS:
        return None
    share = above / whole.count
    found = apart(data, slow, others, share)
    return Tail(int(limit_ns), share, len(slow), len(others), found)


def apart(data: RunData, slow: Rows, others: Rows, share: float) -> tuple[TailShare, ...]:
    """Traits that set `slow` apart from `others`, the greatest difference first; `share`: how much
    of everything `slow` stands for."""
    tried = [
        (trait, number, *_counted(trait, number))
        for trait in _traits(data, slow, others)
        for number in trait.names
    ]
    chances = holm([fisher_chance(a, len(slow), b, len(others)) for _, _, a, b in tried])
    found = []
    for (trait, number, hits, other_hits), chance in zip(tried, chances, strict=True):
        mine = hits / len(slow)
        all_ = share * mine + (1.0 - share) * other_hits / len(others)
        if chance < CHANCE and mine >= SHARE and mine >= MORE * all_:
            name = trait.names[number]
            found.append(TailShare(trait.trait, name, mine, all_, hits, chance))
    found.sort(key=lambda each: each.all_share - each.tail_share)
    return tuple(found[:MOST_SHOWN])


def _counted(trait: Trait, number: int) -> tuple[int, int]:
    return int((trait.slow == number).sum()), int((trait.others == number).sum())


def _traits(data: RunData, slow: Rows, others: Rows) -> Iterator[Trait]:
    """Everything that is compared. A trait that all or none have is left out by the test."""

    def flag(bit: int) -> Any:
        return lambda rows: (rows["flags"] & bit != 0).astype(np.int64)

    asked = {
        "new connection": flag(Flag.NEW_CONNECTION),
        "retried": flag(Flag.RETRIED),
        "failed": lambda rows: (rows["error"] != 0).astype(np.int64),
        "generator lag": lambda rows: (lag_ns(rows) >= LAG_NS).astype(np.int64),
        "read lag": lambda rows: (rows["read_lag_ns"] >= LAG_NS).astype(np.int64),
        "wait": lambda rows: (rows["wait_us"] >= WAIT_US).astype(np.int64),
    }
    for name, read in asked.items():
        yield Trait(name, read(slow), read(others), {1: None})
    phases = {row["id"]: str(row["name"]) for row in data.manifest.get("phases") or []}
    endpoints = {row["id"]: str(row["name"]) for row in data.manifest.get("endpoints", [])}
    workers = max(1, len(data.manifest.get("workers") or []))
    valued: dict[str, tuple[Any, dict[int, str]]] = {
        "endpoint": (lambda rows: rows["endpoint"], endpoints),
        "address": (lambda rows: rows["user_address"] >> ADDRESS_SHIFT, _addresses(data)),
        "worker": (lambda rows: (rows["user_address"] & USER_MASK) % workers, {}),
        "cache layer": (layers_of, dict(LAYERS)),
        "phase": (lambda rows: rows["phase"], phases if len(set(phases.values())) > 1 else {}),
        "second": (lambda rows: rows["end_ns"] // SECOND_NS, {}),
    }
    for name, (read, names) in valued.items():
        first, second = read(slow).astype(np.int64), read(others).astype(np.int64)
        seen = np.unique(first).tolist()
        said = {number: names.get(number, f"{number}") for number in seen}
        if name in ("cache layer", "phase"):
            said = {number: names[number] for number in seen if number in names}
        if len(np.union1d(first, second)) > 1:
            yield Trait(name, first, second, dict(said))


def _addresses(data: RunData) -> dict[int, str]:
    rows = [row for row in data.manifest.get("endpoints", []) if row["kind"] == "address"]
    names: Sequence[Any] = [row["name"] for row in rows]
    if not names:
        names = (data.manifest.get("target") or {}).get("addresses") or []
    return {number: str(name) for number, name in enumerate(names)}
