"""Cache hits and misses, from probes, from what responses said, and from whole samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from velroload.analysis.probed import Floats
from velroload.analysis.samples import counted, layers_of, response_ns
from velroload.analysis.scene import Scene
from velroload.journal import Counter
from velroload.sample import CacheLayer

PAIRS = (
    ("l1_hits", "l1_misses"),
    ("l2_hits", "l2_misses"),
    ("authz_hits", "authz_misses"),
    ("redis_hits", "redis_misses"),
)
MISSES = (CacheLayer.MISS, CacheLayer.L3)
HITS = (CacheLayer.HIT, CacheLayer.L1, CacheLayer.L2)
"""L3 is the source behind the caches: who got there had missed them."""
LEAST_SAMPLES = 50


@dataclass(frozen=True, slots=True)
class Layered:
    """What hits and misses cost: share of misses, mean response of both, ns."""

    miss_share: float
    hit_ns: float
    miss_ns: float
    samples: int
    where: str


def miss_shares(scene: Scene) -> Iterator[tuple[str, Floats]]:
    """(where, share of misses per second) of every cache that is watched, NaN where unknown."""
    for hit_role, miss_role in PAIRS:
        misses = {each.probe: each for each in scene.playing(miss_role)}
        for hits in scene.playing(hit_role):
            if hits.probe in misses:
                missed = misses[hits.probe]
                yield f"{hits.where} and {missed.value}", _share(missed.per_s(), hits.per_s())
    missed_ = scene.count(*(Counter.CACHE + code for code in MISSES))
    if missed_.any():
        hit = scene.count(*(Counter.CACHE + code for code in HITS))
        yield "cache layer of the responses", _share(missed_, hit)


def _share(misses: Floats, hits: Floats) -> Floats:
    whole = misses + hits
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, misses / whole, np.nan)


def layered(scene: Scene) -> Layered | None:
    """From the uniform samples of what counts; None where too few of them tell their layer."""
    samples = counted(scene.data.reservoir, scene.data)
    layers, response = layers_of(samples), response_ns(samples)
    missed, hit = np.isin(layers, MISSES), np.isin(layers, HITS)
    if missed.sum() < LEAST_SAMPLES or hit.sum() < LEAST_SAMPLES:
        return None
    return Layered(
        float(missed.sum() / (missed.sum() + hit.sum())),
        float(response[hit].mean()),
        float(response[missed].mean()),
        int(missed.sum() + hit.sum()),
        "cache layer of the responses",
    )
