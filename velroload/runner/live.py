"""The run as it stands: figures for the progress display, and the abort rules."""

from collections.abc import Sequence
from typing import Any

from velroload.engine.coordinator import Live
from velroload.engine.recorder import Recorder
from velroload.engine.view import View, Window
from velroload.histogram import Histogram
from velroload.load.phases import HOLD, Phase
from velroload.plan.flow import requests_in
from velroload.plan.threshold import Selector, Threshold
from velroload.protocol.writer import Endpoint
from velroload.runner.jobs import Work

WINDOW_S = 10
SECOND_NS = 1_000_000_000


def figures(live: Live, work: Work, view: View) -> dict[str, Any]:
    """What cli/progress.py shows."""
    window = view.window(WINDOW_S)
    last = view.window(1, max(live.elapsed_ns // SECOND_NS - 1, 0))
    phase = phase_at(work, live.elapsed_ns)
    lag = view.phase("generator_lag", phase.id)
    planned = work.planned_requests_until(live.elapsed_ns)
    counters = live.counters
    taken = counters["requests_started"] + counters["requests_dropped"]
    finished = window.finished
    setups = counters["vus_started"] * max(len(requests_in(s.login)) for s in work.plan.scenarios)
    return {
        "elapsed_s": live.elapsed_ns / SECOND_NS,
        "duration_s": None if work.end_ns is None else work.end_ns / SECOND_NS,
        "phase": work.plan.name if phase.kind == HOLD else f"{work.plan.name} {phase.kind}",
        "users": counters["vus_active"],
        "users_planned": work.users,
        "rate_per_s": float(last.finished),
        "rate_planned_per_s": planned_now(work, live.elapsed_ns),
        "in_flight": counters["in_flight"],
        "unsent": 0 if planned is None else max(0, round(planned) + setups - taken),
        "failed_share": (finished - window.ok) / finished if finished else 0.0,
        "window_ms": quantiles_ms(window.response),
        "phase_ms": quantiles_ms(view.phase("response", phase.id)),
        "worker_cpu": [cpu for cpu in live.worker_cpu if cpu is not None],
        "generator_lag_p99_ms": lag.percentile(99) / 1e6 if work.is_paced and lag.count else None,
        "ring_share": live.ring_share,
        "lost": counters["lost_requests"] + counters["lost_iterations"],
        "state": live.state,
    }


def phase_at(work: Work, at_ns: int) -> Phase:
    """The phase that this instant falls into; the last one when it is over."""
    return [phase for phase in work.phases if phase.start_ns <= at_ns or phase.id == 0][-1]


def planned_now(work: Work, elapsed_ns: int) -> float | None:
    """Requests per second that the schedules want in the second that has just passed."""
    before = work.planned_requests_until(elapsed_ns - SECOND_NS)
    now = work.planned_requests_until(elapsed_ns)
    return None if now is None or before is None else now - before


def quantiles_ms(histogram: Histogram) -> list[float]:
    """p50, p95, p99; empty without a response."""
    if not histogram.count:
        return []
    return [value / 1e6 for value in histogram.percentiles([50, 95, 99])]


def selected(endpoints: Sequence[Endpoint], selector: Selector | None) -> list[int]:
    """Ids of the flow's requests that a rule speaks of."""
    flow = [row for row in endpoints if row.kind == "request" and not row.setup]
    if selector is None:
        return [row.id for row in flow]
    return [row.id for row in flow if selector.chooses(row.to_json())]


class AbortRules:
    """Rules whose condition ends the run when it holds over its whole window (1 s without one).

    They protect the target, so they act in the ramp as well; but a rate can only be held to what
    is wanted of it while the load is whole: its windows lie in the hold.
    """

    def __init__(
        self,
        rules: Sequence[Threshold],
        endpoints: Sequence[Endpoint],
        recorder: Recorder,
        hold: Phase,
    ) -> None:
        self._rules = [(rule, recorder.view(selected(endpoints, rule.selector))) for rule in rules]
        self._hold = hold

    def reason(self, live: Live) -> str | None:
        """Why to stop now, one line; None to go on."""
        done = live.elapsed_ns // SECOND_NS
        for rule, view in self._rules:
            seconds = max(1, (rule.window_ns or SECOND_NS) // SECOND_NS)
            if done < seconds or (rule.metric == "rate" and not self._held(done - seconds, done)):
                continue
            value = observed(view.window(seconds, done - 1), rule, seconds)
            if value is not None and rule.holds(value):
                return f"{rule.source}: {shown(value, rule.unit)} in the last {seconds} s"
        return None

    def _held(self, first: int, last: int) -> bool:
        """Whether the seconds first <= second < last lie in the hold."""
        end_ns = self._hold.end_ns
        begun = first * SECOND_NS >= self._hold.start_ns
        return begun and (end_ns is None or last * SECOND_NS <= end_ns)


def observed(window: Window, rule: Threshold, seconds: int) -> float | None:
    """The rule's metric in the window; None without a sample."""
    if rule.metric == "rate":
        return (window.ok + window.failed) / seconds
    if window.finished == 0:
        return None
    bad = window.failed + window.transport
    if rule.metric == "errors":
        return bad / window.finished
    if rule.metric == "checks":
        return window.ok / window.finished
    histogram = window.service if rule.quantity == "service" else window.response
    if histogram.count == 0:
        return None
    if rule.metric == "percentile":
        return float(histogram.percentile(100 * (rule.quantile or 0)))
    return {"max": float(histogram.max), "min": float(histogram.min), "mean": histogram.mean}[
        rule.metric
    ]


def shown(value: float, unit: str) -> str:
    if unit == "ns":
        return f"{value / 1e6:.4g} ms"
    return f"{value:.2%}" if unit == "share" else f"{value:,.4g}/s"
