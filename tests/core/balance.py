"""The equations that hold at the end of every run of the engine."""

from tests.rig import Rig


def balanced(rig: Rig) -> dict[str, int]:
    """The counters, after every equation that holds at the end of any run."""
    c = rig.counters
    finished = len(rig.samples[rig.samples["flags"] & 3 == 0]) + c["lost_requests"]
    assert c["requests_planned"] == (
        c["requests_started"]
        + c["requests_skipped"]
        + c["requests_dropped"]
        + c["requests_unstarted"]
    )
    in_flight = c["requests_started"] - finished
    assert in_flight >= 0
    assert c["iterations_started"] >= c["iterations_completed"] + c["iterations_interrupted"]
    assert c["waiting"] >= 0
    return {**c, "left_in_flight": in_flight}
