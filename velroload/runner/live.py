"""The run as it stands: figures for the progress display, and the abort rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from velroload.engine.coordinator import Live
from velroload.engine.recorder import Recorder
from velroload.engine.view import View, Window
from velroload.histogram import Histogram
from velroload.load.phases import HOLD, Phase
from velroload.load.suite import spans_of
from velroload.plan.threshold import Selector, Threshold
from velroload.protocol.writer import Endpoint
from velroload.runner.jobs import Work

WINDOW_S = 10
SECOND_NS = 1_000_000_000
COUNTED_NS = 100_000_000
"""How old the workers' counters may be."""


def figures(live: Live, work: Work, view: View) -> dict[str, Any]:
    """What cli/progress.py shows."""
    window = view.window(WINDOW_S)
    last = view.window(1, max(live.elapsed_ns // SECOND_NS - 1, 0))
    phase = phase_at(work, live.elapsed_ns)
    lag = view.phase("generator_lag", phase.id)
    counters = live.counters
    finished = window.finished
    return {
        "elapsed_s": live.elapsed_ns / SECOND_NS,
        "duration_s": None if work.end_ns is None else work.end_ns / SECOND_NS,
        "phase": work.plan.name if phase.kind == HOLD else f"{work.plan.name} {phase.kind}",
        "users": counters["vus_active"],
        "users_planned": work.users,
        **in_suite(work, phase, live.elapsed_ns),
        "rate_per_s": float(last.finished),
        "rate_planned_per_s": planned_now(work, live.elapsed_ns),
        "in_flight": counters["in_flight"],
        "unsent": unsent(work, live),
        "failed_share": (finished - window.ok) / finished if finished else 0.0,
        "window_ms": quantiles_ms(window.response),
        "phase_ms": quantiles_ms(view.phase("response", phase.id)),
        "worker_cpu": [cpu for cpu in live.worker_cpu if cpu is not None],
        "generator_lag_p99_ms": lag.percentile(99) / 1e6 if work.is_paced and lag.count else None,
        "ring_share": live.ring_share,
        "lost": counters["lost_requests"] + counters["lost_iterations"],
        "state": live.state,
    }


def unsent(work: Work, live: Live) -> int:
    """Iterations that were due by now, none of chance, and did not start; 0 where users go on by
    themselves. What became due while the counters were read is not held against anyone."""
    if not all(each.is_open and not each.partly_free for each in work.schedules):
        return 0
    until_ns = max(0, live.elapsed_ns - COUNTED_NS)
    due = sum(
        each.due_by(until_ns, work.seed_of(place)) for place, each in enumerate(work.schedules)
    )
    taken = live.counters["iterations_started"] + live.counters["iterations_dropped"]
    return max(0, due - taken)


def in_suite(work: Work, row: Phase, elapsed_ns: int) -> dict[str, Any]:
    """Which phase of a suite it is, and how far; nothing without one."""
    names = [phase.name for phase in work.plan.phases]
    if row.name not in names:
        return {}
    place = names.index(row.name)
    span = spans_of(work.plan.phases)[place]
    kind = "" if row.kind == HOLD else f" {row.kind}"
    return {
        "phase": f"{work.plan.name} {place + 1}/{len(names)} {row.name}{kind}",
        "users_planned": span.phase.users,
        "phase_elapsed_s": (elapsed_ns - span.start_ns) / SECOND_NS,
        "phase_duration_s": (span.end_ns - span.start_ns) / SECOND_NS,
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
    """Ids of the rows that a rule speaks of: of the flow's requests, or of a group."""
    flow = [row for row in endpoints if row.kind == "request" and not row.setup]
    if selector is None or selector.kind == "phase":
        return [row.id for row in flow]
    chosen = endpoints if selector.kind == "group" else flow
    return [row.id for row in chosen if selector.chooses(row.to_json())]


@dataclass(frozen=True, slots=True)
class Rule:
    """`spans`: its windows lie in one of these, in ns since the epoch (None: without end)."""

    threshold: Threshold
    view: View
    spans: tuple[tuple[int, int | None], ...]

    @property
    def seconds(self) -> int:
        return max(1, (self.threshold.window_ns or SECOND_NS) // SECOND_NS)

    def applies(self, last: int) -> bool:
        """Whether the window that ends before second `last` lies in one of the spans."""
        first_ns, last_ns = (last - self.seconds) * SECOND_NS, last * SECOND_NS
        return any(
            first_ns >= start_ns and (end_ns is None or last_ns <= end_ns)
            for start_ns, end_ns in self.spans
        )


class AbortRules:
    """Rules whose condition ends the run when it holds over its whole window (1 s without one).

    They protect the target, so they act in the ramp as well; but a rate can only be held to what
    is wanted of it while the load is whole: its windows lie in a hold. `own`: (phase, rule) of
    those that act in one phase of a suite only, as one `of phase:` does.
    """

    def __init__(
        self,
        rules: Sequence[Threshold],
        endpoints: Sequence[Endpoint],
        recorder: Recorder,
        phases: Sequence[Phase],
        own: Sequence[tuple[str, Threshold]] = (),
    ) -> None:
        named = [(_phase_of(rule), rule) for rule in rules] + list(own)
        self._rules = [
            Rule(
                rule,
                recorder.view(selected(endpoints, rule.selector)),
                spans_for(rule, name, phases),
            )
            for name, rule in named
        ]

    def reason(self, live: Live) -> str | None:
        """Why to stop now, one line; None to go on."""
        done = live.elapsed_ns // SECOND_NS
        for rule in self._rules:
            if not rule.applies(done):
                continue
            seconds, threshold = rule.seconds, rule.threshold
            value = observed(rule.view.window(seconds, done - 1), threshold, seconds)
            if value is not None and threshold.holds(value):
                return f"{threshold.source}: {shown(value, threshold.unit)} in the last {seconds} s"
        return None


def _phase_of(rule: Threshold) -> str | None:
    selector = rule.selector
    return selector.name if selector is not None and selector.kind == "phase" else None


def spans_for(
    rule: Threshold, name: str | None, phases: Sequence[Phase]
) -> tuple[tuple[int, int | None], ...]:
    """When a rule acts: all the time, in the phase `name`, or for a rate in the holds of these."""
    own = [phase for phase in phases if name is None or phase.name == name]
    if rule.metric == "rate":
        return tuple((phase.start_ns, phase.end_ns) for phase in own if phase.kind == HOLD)
    if name is None:
        return ((0, None),)
    return ((own[0].start_ns, own[-1].end_ns),) if own else ()


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
