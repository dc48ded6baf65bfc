"""How much was asked for and answered: rate, users, outcomes, errors, cache layers."""

from dataclasses import replace

import numpy as np

from velroload.journal import Counter
from velroload.load.phases import HOLD
from velroload.report.charts.chart import Axis, Chart, Line, absent
from velroload.report.charts.frame import Frame
from velroload.report.charts.thin import Floats, envelope, known, picked, stretch
from velroload.report.words import number
from velroload.report.words import per_second as rate
from velroload.sample import CacheLayer, ErrorKind

KINDS = 8
"""So many kinds of errors have an area of their own; the rest share one."""
LAYERS = {
    CacheLayer.L1: "L1",
    CacheLayer.L2: "L2",
    CacheLayer.L3: "L3",
    CacheLayer.HIT: "hit, layer not told",
    CacheLayer.MISS: "miss",
}
"""Cache layers that responses name, in the order in which they are stacked."""
CLASSES = {2: "2xx", 3: "3xx", 1: "1xx", 4: "4xx", 5: "5xx"}
NO_REQUESTS = "No request has finished: there is nothing to draw."


def rates(frame: Frame) -> Chart:
    """Rate planned and achieved, with active users."""
    title = "Load: requests due, sent and answered"
    if not frame.length:
        return absent("load", title, NO_REQUESTS)
    due = frame.counted([Counter.SCHEDULED])
    sent = frame.counted([Counter.SENT])
    answered = frame.counted([Counter.OK, Counter.FAILED])
    answered -= frame.counted([Counter.ERROR + ErrorKind.TIMEOUT])
    users = frame.live("vus_active")
    for values in (due, sent, answered):  # a part of a second shows no rate
        values[frame.whole :] = np.nan
    at, (due_, sent_, answered_, users_) = envelope(frame.seconds, [due, sent, answered, users])
    most_sent = np.nan_to_num(sent).max()
    has_users = bool((~np.isnan(users)).any())
    lines = [Line("users active", known(users_), "users", "area", second=True)] if has_users else []
    lines += [
        *planned(frame),
        Line("due", known(due_), "due", "step"),
        Line("sent", known(sent_), "sent"),
        Line("answered", known(answered_), "answered"),
    ]
    most = f", with at most {number(int(np.nanmax(users)))} users active" if has_users else ""
    return Chart(
        "load",
        title,
        f"{rate(_typical(sent))} requests/s were sent in a typical second and "
        f"{rate(_typical(answered))} answered; the busiest second sent {number(int(most_sent))}"
        f"{most}.",
        "Due is what had to start in that second. Where sent does not cover it, the load was not "
        "what the plan says.",
        y=Axis("requests", "/s"),
        right=Axis("users") if has_users else None,
        at=_at(at),
        lines=tuple(lines),
        per_point_s=stretch(frame.length),
    )


def planned(frame: Frame) -> list[Line]:
    """The rate that the plan offers in its holds; nothing where it offers none."""
    manifest = frame.told.data.manifest
    suite = {row["name"]: row.get("rate_per_s") for row in manifest.get("suite") or []}
    whole = (manifest.get("model") or {}).get("offered_rate_per_s")
    x: list[float] = []
    y: list[float | None] = []
    for phase in frame.told.result.summary.phases:
        offered = suite.get(phase.name) if suite else whole
        if phase.kind == HOLD and offered:
            x += [phase.start_ns / 1e9, phase.end_ns / 1e9, phase.end_ns / 1e9]
            y += [float(offered), float(offered), None]
    if not x:
        return []
    return [Line("offered by the plan", tuple(y[:-1]), "planned", "limit", x=tuple(x[:-1]))]


def _typical(values: Floats) -> float:
    busy = values[values > 0]
    return float(np.median(busy)) if len(busy) else 0.0


def _at(values: Floats) -> tuple[float, ...]:
    return tuple(round(value, 3) for value in values.tolist())


def _stacked(frame: Frame, chart: Chart, areas: list[tuple[str, str, Floats]]) -> Chart:
    places = picked(frame.seconds, [values for _, _, values in areas])
    lines = tuple(Line(name, known(values[places]), role, "stack") for name, role, values in areas)
    return replace(
        chart,
        at=_at(frame.seconds[places]),
        lines=lines,
        per_point_s=max(1.0, frame.length / max(len(places), 1)),
    )


def outcomes(frame: Frame) -> Chart:
    """Responses by class of status, and what got no response, on each other."""
    title = "Outcomes: status of every response"
    if not frame.length:
        return absent("outcomes", title, NO_REQUESTS)
    areas = []
    for digit, name in CLASSES.items():
        own = [c for c in frame.counters_used if digit * 100 <= c < digit * 100 + 100]
        if own:
            areas.append((name, f"status{digit}", frame.counted(own)))
    other = [c for c in frame.counters_used if c < 1000 and not 100 <= c < 600]
    if other:
        areas.append(("other status", "other", frame.counted(other)))
    timeouts = frame.counted([Counter.ERROR + ErrorKind.TIMEOUT])
    if timeouts.any():
        areas.append(("timed out", "timeout", timeouts))
    broken = frame.counted([Counter.TRANSPORT])
    if broken.any():
        areas.append(("no complete response", "transport", broken))
    if not areas:
        return absent("outcomes", title, NO_REQUESTS)
    totals = ", ".join(f"{name} {number(int(values.sum()))}" for name, _, values in areas)
    return _stacked(
        frame,
        Chart("outcomes", title, f"Over the whole run: {totals}.", y=Axis("requests", "/s")),
        areas,
    )


def errors(frame: Frame) -> Chart:
    """Failures alone, by kind: in a stack of everything they could not be seen."""
    title = "Failures: by kind"
    names = {int(kind): kind.name.lower().replace("_", " ") for kind in ErrorKind}
    found = []
    for counter in frame.counters_used:
        if Counter.ERROR < counter < Counter.OK:
            code = counter - Counter.ERROR
            values = frame.counted([counter])
            found.append((names.get(code, f"error {code}"), values))
    found = [(name, values) for name, values in found if values.any()]
    if not found:
        return absent("errors", title, "No request failed.")
    found.sort(key=lambda pair: -float(pair[1].sum()))
    shown, rest = found[:KINDS], found[KINDS:]
    areas = [(name, f"kind{place}", values) for place, (name, values) in enumerate(shown)]
    if rest:
        areas.append(("other kinds", "other", np.sum([values for _, values in rest], axis=0)))
    worst = np.sum([values for _, _, values in areas], axis=0)
    first = number(int(found[0][1].sum()))
    says = (
        f"{number(int(worst.sum()))} requests failed, {first} of them by {found[0][0]}, the most "
        f"frequent kind; the worst second had {number(int(worst.max()))}."
    )
    chart = Chart(
        "errors", title, says, "The table of errors below has an example of each.",
        y=Axis("failures", "/s"),
    )  # fmt: skip
    return _stacked(frame, chart, areas)


def cache(frame: Frame) -> Chart:
    """Where answers came from, by what responses said, else by the service's own counters."""
    title = "Cache: which layer answered"
    areas = []
    for code, name in LAYERS.items():
        if Counter.CACHE + code in frame.counters_used:
            areas.append((name, f"layer{code:d}", frame.counted([Counter.CACHE + code])))
    if areas:
        total = float(sum(values.sum() for _, _, values in areas))
        parts = ", ".join(f"{name} {100 * values.sum() / total:.3g} %" for name, _, values in areas)
        chart = Chart(
            "cache", title, f"Of the responses that named a layer: {parts}.",
            "As told by X-Cache-Status or Server-Timing in each response.",
            y=Axis("responses", "/s"),
        )  # fmt: skip
        return _stacked(frame, chart, areas)
    return _cache_by_probe(frame, title)


def _cache_by_probe(frame: Frame, title: str) -> Chart:
    roles = (("l1_hits", "L1", 3), ("l2_hits", "L2", 4), ("l3_hits", "L3", 5), ("l2_misses",
             "miss in L1 and L2", 1))  # fmt: skip
    found = [(name, code, frame.rate_of(role)) for role, name, code in roles]
    lines = [(name, code, values) for name, code, values in found if values is not None]
    if not lines:
        return absent(
            "cache",
            title,
            "Not known: no response named its cache layer (X-Cache-Status or Server-Timing), and no"
            " probe counts hits. Watch the service's /metrics with `probes:` in the plan.",
        )
    at, thinned = envelope(frame.probe_times, [values for _, _, values in lines])
    return Chart(
        "cache",
        title,
        "Look-ups per second by layer, as the service counts them.",
        y=Axis("look-ups", "/s"),
        at=_at(at),
        lines=tuple(
            Line(name, known(values), f"layer{code:d}", "stack")
            for (name, code, _), values in zip(lines, thinned, strict=True)
        ),
    )
