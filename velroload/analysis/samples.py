"""Whole samples of a run: which of them count, and what can be read from their fields."""

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.summary import is_flow
from velroload.journal import Rows
from velroload.load.phases import HOLD
from velroload.rundata import RunData
from velroload.sample import CACHE_SHIFT, CacheLayer

Ints = NDArray[np.int64]

LAYERS: dict[int, str] = {
    CacheLayer.MISS: "miss",
    CacheLayer.HIT: "hit",
    CacheLayer.L1: "L1",
    CacheLayer.L2: "L2",
    CacheLayer.L3: "L3",
}
"""What the cache layers of a sample's flags are called; others tell nothing."""
LAYER_MASK = 15
ADDRESS_SHIFT = 24
USER_MASK = (1 << ADDRESS_SHIFT) - 1
"""User u is number u // workers of worker u % workers."""


def flow_ids(data: RunData) -> list[int]:
    """Ids of the requests of the flow."""
    return [entry["id"] for entry in data.manifest.get("endpoints", []) if is_flow(entry)]


def counted(samples: Rows, data: RunData) -> Rows:
    """The requests of the flow that belong to a hold."""
    phases = data.manifest.get("phases") or []
    holds = [phase["id"] for phase in phases if phase["kind"] == HOLD]
    wanted = np.isin(samples["endpoint"], flow_ids(data))
    if holds:
        wanted &= np.isin(samples["phase"], holds)
    return samples[wanted]


def response_ns(samples: Rows) -> Ints:
    """Response time of each."""
    return np.asarray(samples["end_ns"] - samples["scheduled_ns"])


def lag_ns(samples: Rows) -> Ints:
    """Generator lag of each: what lies between the schedule and sending and was not the target's.

    wait, connect and tls are whole microseconds: less than 3 µs is nothing.
    """
    others = sum(samples[name].astype(np.int64) for name in ("wait_us", "connect_us", "tls_us"))
    return np.asarray(samples["sent_ns"] - samples["scheduled_ns"] - 1_000 * others)


def layers_of(samples: Rows) -> Ints:
    """The cache layer of each, as in LAYERS."""
    return np.asarray((samples["flags"].astype(np.int64) >> CACHE_SHIFT) & LAYER_MASK)
