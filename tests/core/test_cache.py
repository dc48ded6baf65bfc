"""What answers say of the cache: from a header's value into the sample, and into counts."""

from typing import Any

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from velroload import _core
from velroload.journal import Counter, Delta
from velroload.plan.model import Request
from velroload.plan.probe import Probe
from velroload.protocol.program import cache_rules
from velroload.sample import CACHE_SHIFT, SAMPLE, CacheLayer

GET = Request("GET", "/")
STATUS = Probe("status", "cache_header", "X-Cache", values=(("HIT", "hit"), ("MISS", "miss")))
LAYER = Probe("layer", "cache_header", "X-Layer", values=(("L1", "L1"), ("L2", "L2"), ("L3", "L3")))


def said(
    *lines: bytes, request: Request = GET, probes: tuple[Probe, ...] = (STATUS, LAYER)
) -> CacheLayer:
    """What stands in the sample of an answer with these header lines."""
    head = b"".join(line + b"\r\n" for line in lines)
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" + head + b"\r\n"
    with ScriptedServer(respond(answer)) as server:
        rig = Rig(plan_for(server.url, iterations(1), (request,), probes=probes)).run()
    assert balanced(rig)["requests_sent"] == 1
    (sample,) = rig.samples
    rig.close()
    return CacheLayer(sample["flags"] >> CACHE_SHIFT)


@pytest.mark.parametrize(
    ("lines", "layer"),
    [
        ((b"X-Cache: HIT",), CacheLayer.HIT),
        ((b"x-cache:hit  ",), CacheLayer.HIT),
        ((b"X-Cache: MISS",), CacheLayer.MISS),
        ((b"X-Cache: HIT", b"X-Layer: L2"), CacheLayer.L2),
        ((b"X-Layer: L3", b"X-Cache: MISS"), CacheLayer.L3),
        ((b"X-Layer: L1",), CacheLayer.L1),
        ((b"X-Cache: HITS",), CacheLayer.UNKNOWN),
        ((b"X-Cache: HI",), CacheLayer.UNKNOWN),
        ((b"X-Cache: HIT", b"X-Cache: MISS"), CacheLayer.UNKNOWN),
        ((b"X-Cache:",), CacheLayer.UNKNOWN),
        ((b"X-Cache: " + b"H" * 200,), CacheLayer.UNKNOWN),
        ((), CacheLayer.UNKNOWN),
    ],
)
def test_values_of_headers(lines: tuple[bytes, ...], layer: CacheLayer) -> None:
    assert said(*lines) is layer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writes_are_not_asked(method: str) -> None:
    request = Request(method, "/", body=b"x")
    assert said(b"X-Cache: HIT", request=request) is CacheLayer.NOT_ASKED


def test_a_plan_without_a_header_asks_nobody() -> None:
    assert said(b"X-Cache: HIT", probes=()) is CacheLayer.NOT_ASKED


def test_rules_as_the_core_takes_them() -> None:
    plan = plan_for("http://127.0.0.1/", iterations(1), probes=(STATUS, LAYER))
    assert list(cache_rules(plan)) == [
        ("x-cache", "HIT", 2), ("x-cache", "MISS", 1),
        ("x-layer", "L1", 3), ("x-layer", "L2", 4), ("x-layer", "L3", 5),
    ]  # fmt: skip
    assert {layer.name: layer.value for layer in CacheLayer} == _core.CACHE_LAYERS
    assert _core.CACHE_BITS == (CACHE_SHIFT, 15 << CACHE_SHIFT)


@pytest.mark.parametrize("rule", [["x-none", "a", 1], ["x-cache", "", 1], ["x-cache", "a" * 65, 1],
                                  ["x-cache", "a", 0], ["x-cache", "a", 6]])  # fmt: skip
def test_rules_that_are_out_of_range(rule: list[Any]) -> None:
    plan = plan_for("http://127.0.0.1:1/", iterations(1), probes=(STATUS,))
    with pytest.raises(ValueError, match=r"^program: a rule of the cache is out of range$"):
        Rig(plan, settings={"cache": [rule]})


def test_counts_and_what_is_kept() -> None:
    """Unknown is counted apart and stands as 0 in whole samples; nonsense is not counted."""
    samples = np.zeros(16 * 2, SAMPLE)
    samples["scheduled_ns"], samples["sent_ns"], samples["end_ns"] = 1, 2, 3
    samples["status"] = 200
    samples["flags"] = np.repeat(np.arange(16) << CACHE_SHIFT, 2)
    buffer = bytearray(_core.segment_bytes(64))
    _core.format_segment(buffer, 64)
    reader, writer = _core.RingReader(buffer), _core.RingWriter(buffer)
    writer.push(samples.tobytes())
    merger = _core.Merger(1, 1)
    reader.drain(merger)
    counts = Delta.from_parts(merger.take()).counts
    told = {
        int(row["counter"]) - Counter.CACHE: int(row["value"])
        for row in counts
        if row["counter"] >= Counter.CACHE
    }
    assert told == dict.fromkeys(range(6), 2)
    kept = np.frombuffer(merger.reservoir(), SAMPLE)["flags"] >> CACHE_SHIFT
    assert (kept == 0).sum() == 4
    assert not (kept == CacheLayer.UNKNOWN).any()
    merger.close()
