"""analysis/recovered.py: recovery(EVENT) < LIMIT on runs whose answer is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.recovered import DISTURBED, judge_recovery
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData
from velroload.sample import ErrorKind

S = rd.SECOND_NS


def run(until_s: int = 26) -> RunData:
    """100/s for 40 s; from 20 s until `until_s` every answer is a 503; the event is at 20 s."""
    load = rd.steady(100, 40)
    bad = (load.scheduled_ns >= 20 * S) & (load.scheduled_ns < until_s * S)
    error = np.where(bad, int(ErrorKind.STATUS), 0)
    data = rd.build([replace(load, error=error, status=np.where(bad, 503, 200))], 40)
    event: dict[str, Any] = {
        "event": "mark", "name": "e", "kind": "http", "what": "begin", "phase": "main",
        "at_ns": 20 * S, "detail": None,
    }  # fmt: skip
    return replace(data, events=[event])


@pytest.mark.parametrize(
    ("until_s", "limit", "verdict", "observed_s", "bad"),
    [
        (26, "recovery(e) < 7s", "PASS", 6.0, []),
        (26, "recovery(e) <= 6s", "PASS", 6.0, []),
        (26, "recovery(e) < 6s", "FAIL", 6.0, []),
        (40, "recovery(e) < 15s", "FAIL", None, []),
        (40, "recovery(e) < 30s", "INCONCLUSIVE", None, []),
        (26, "recovery(e) < 5s", "INCONCLUSIVE", 6.0, [22]),
        (26, "recovery(e) < 5s", "FAIL", 6.0, [30]),
        (26, "recovery(other) < 5s", "NOT MEASURED", None, []),
    ],
)
def test_verdicts(
    until_s: int, limit: str, verdict: str, observed_s: float | None, bad: list[int]
) -> None:
    found = judge_recovery(run(until_s), parse_threshold(limit), [0], bad)
    assert found.verdict == verdict
    assert found.observed == (None if observed_s is None else observed_s * 1e9)
    assert (found.suspect == DISTURBED) == (bad == [22])


def test_what_is_behind_it() -> None:
    found = judge_recovery(run(), parse_threshold("recovery(e) < 5s"), [0], [])
    assert found.why == ("from 0.0 s on up to 100 % fewer good answers, 600 missing and 600 failed")
    never = judge_recovery(run(40), parse_threshold("recovery(e) < 15s"), [0], [])
    assert never.why is not None
    assert never.why.endswith("not as before in the 20 s of the hold that were left")
