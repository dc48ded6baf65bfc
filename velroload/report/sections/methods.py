"""How it was measured and what the words mean; the plan, the machine."""

import json

from velroload.report.grid import Block, Grid, Head, Pre, cells
from velroload.report.kind import Told

METHODS = (
    ("Instants", "scheduled (when the request should start) ≤ sent (just before it is sent) ≤ "
     "first byte ≤ end (the kernel received the last byte), on one monotonic clock, in ns."),
    ("Response time", "end − scheduled: what a user feels. It holds the wait for a free user or "
     "connection, so a slow server cannot slow the measurement down (no coordinated omission)."),
    ("Service time", "end − sent: what the server and the way to it took."),
    ("What counts", "The holds. Ramps and cool-downs are drawn and enter no figure or verdict."),
    ("Percentiles", "From histograms of three significant digits, merged by exact addition, never "
     "averaged. Timeouts are in them at their limit; requests without a complete response are not, "
     "but count as infinitely slow where a threshold is judged."),
    ("Intervals", "95 %. Percentiles: bootstrap over slices of time. Shares: Clopper–Pearson. "
     "A percentile that its sample cannot carry is a dash (p99 needs 368 requests, p99.9 3,688)."),
    ("Verdicts", "PASS and FAIL are said only where the bound of the interval says so, else "
     "INCONCLUSIVE. What was not measured never passes."),
    ("Validity", "Whether the generator can vouch for its figures: own lag, lost samples, books, "
     "disturbed seconds, each priced by what it can have added."),
    ("Charts", "Longer runs are drawn with at most 1,000 points per series: the least and the "
     "greatest value of every stretch stay."),
)  # fmt: skip
GLOSSARY = (
    ("generator lag", "sending later than scheduled by the generator's own doing; inside the "
     "response time"),
    ("read lag", "reading later than the kernel received; inside no time"),
    ("wait", "no free user or connection: the target's doing"),
    ("hold", "the phase in which load stays as it is: the one that counts"),
    ("iteration", "one pass of a user through the flow"),
    ("failed", "an unexpected status, a failed check, a timeout, or no complete response"),
    ("headroom", "distance of the observed value from the limit over the limit, positive inside"),
    ("goodput", "responses per second that were ok and within the limit"),
    ("n", "how many requests a figure rests on"),
)  # fmt: skip
PLAN_LETTERS = 200_000


def methods() -> list[Block]:
    """How to read the figures."""
    heads = (Head("about", left=True), Head("rule", left=True))
    words = (Head("word", left=True), Head("meaning", left=True))
    return [
        Grid("methods", "Methods", heads, tuple(map(cells, METHODS)), cards=True),
        Grid("glossary", "Glossary", words, tuple(map(cells, GLOSSARY)), cards=True),
    ]


def plan(told: Told) -> list[Block]:
    """What was asked for, on which machine, and how to do it again."""
    manifest = told.result.manifest
    blocks: list[Block] = []
    command = manifest.get("command")
    if command:
        seed = manifest.get("seed")
        again = (
            f"{command} --seed {seed}" if seed is not None and "--seed" not in command else command
        )
        blocks.append(Pre("again", "The same run again", str(again)))
    facts = [
        (name, f"{key}: {value}")
        for name in ("host", "build")
        for key, value in (manifest.get(name) or {}).items()
    ]
    if facts:
        heads = (Head("of", left=True), Head("value", left=True))
        blocks.append(Grid("machine", "Generator", heads, tuple(map(cells, facts))))
    text = json.dumps(manifest.get("plan") or {}, indent=1, ensure_ascii=False)
    if len(text) > PLAN_LETTERS:
        text = text[:PLAN_LETTERS] + "\n… cut; run.json in the run folder has all of it"
    blocks.append(Pre("plan-text", "Plan, resolved, secrets masked", text))
    return blocks
