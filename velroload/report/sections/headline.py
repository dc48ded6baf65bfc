"""What stands first in every report: verdict, validity, and the few figures that matter."""

from collections.abc import Iterator
from dataclasses import dataclass

from velroload.analysis.result import Percentile, Result
from velroload.analysis.verdict import exit_code
from velroload.report.grid import role_of
from velroload.report.kind import Told
from velroload.report.words import DASH, duration, ms, number, percent
from velroload.report.words import per_second as rate


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure: its name, its value with unit, its interval, where it comes from."""

    name: str
    value: str
    unit: str
    interval: str
    source: str


@dataclass(frozen=True, slots=True)
class Headline:
    """word: the verdict, or INCOMPLETE or INVALID where nothing is claimed. reasons: (level, text,
    advice) of the validity. vouched: what speaks for the figures."""

    name: str
    word: str
    role: str
    why: str
    exit_code: int
    validity: str
    validity_role: str
    vouched: tuple[str, ...]
    reasons: tuple[tuple[str, str, str], ...]
    incomplete: tuple[str, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]


def headline(told: Told) -> Headline:
    """The head of the report."""
    result = told.result
    word = verdict_word(result)
    code = exit_code(result.codes, result.validity) if told.code is None else told.code
    why = result.why
    if word == "PASS" and result.validity.verdict == "SUSPECT":
        why += f" (suspect: {result.validity.reasons[0].text})"
    return Headline(
        name=str(result.manifest.get("name") or "run"),
        word=word,
        role=role_of(word),
        why=why,
        exit_code=int(code),
        validity=result.validity.verdict,
        validity_role=role_of(result.validity.verdict),
        vouched=tuple(vouched(result)) or ("nothing was started",),
        reasons=tuple((r.level, r.text, r.advice or "") for r in result.validity.reasons),
        incomplete=tuple(dict.fromkeys((*result.incomplete, *result.notes))),
        tiles=tuple(tiles(told)),
        facts=tuple(facts(told)),
    )


def verdict_word(result: Result) -> str:
    """What may be claimed of the run, in one word."""
    if result.incomplete:
        return "INCOMPLETE"
    return "INVALID" if result.validity.verdict == "INVALID" else result.verdict


def vouched(result: Result) -> Iterator[str]:
    """What the generator can say for itself."""
    book = result.ledger.get("iterations") or {}
    planned, started = book.get("planned"), book.get("started")
    if planned:
        of = f"all {planned:,}" if started == planned else f"{started or 0:,} of {planned:,}"
        yield f"{of} planned iterations started"
    elif started:
        yield f"{started:,} iterations started"
    ours = result.summary.total.ours_p99_ns
    if ours is not None:
        yield f"the generator added at most {ms(ours)} ms at p99"
    elif not (result.manifest.get("model") or {}).get("paced"):
        yield "free-running loop: generator lag is not judged"
    lost = (result.ledger.get("samples") or {}).get("lost")
    if lost is not None:
        yield "no sample was lost" if not lost else f"{lost:,} samples were lost"


def tiles(told: Told) -> Iterator[Tile]:
    """Seven figures with their intervals; a dash for what the sample does not carry."""
    total = told.result.summary.total
    yield Tile("Rate", rate(total.rate_per_s), "req/s", "", "answered per second of the hold")
    for name, text in (("p50", "half"), ("p95", "95 of 100"), ("p99", "99 of 100")):
        value = total.response.all.percentiles[name]
        yield Tile(
            f"Response {name}", ms(value.value_ns), "ms", interval(value), f"{text} were faster"
        )
    low, high = total.failed_low, total.failed_high
    span = "" if low is None or high is None else f"{percent(low)} – {percent(high)}"
    failed = total.failed + total.transport
    yield Tile(
        "Failed", percent(total.failed_share), "", span,
        f"{number(failed)} of {number(total.count)} requests",
    )  # fmt: skip
    users = most_users(told)
    yield Tile("Users", number(users), "", "", "most at the same time")
    ours = total.ours_p99_ns
    yield Tile(
        "Ours of it", DASH if ours is None else f"≤ {ms(ours)}", "" if ours is None else "ms", "",
        "what the generator can have added at p99",
    )  # fmt: skip


def interval(value: Percentile) -> str:
    """ "30.8 – 31.7", or nothing."""
    return "" if value.low_ns is None else f"{ms(value.low_ns)} – {ms(value.high_ns)}"


def most_users(told: Told) -> int | None:
    """The most virtual users active at the end of any second; None where nobody looked."""
    sums = [
        sum(worker["vus_active"] for worker in row["workers"])
        for row in told.data.counters
        if row.get("workers") and all("vus_active" in worker for worker in row["workers"])
    ]
    return max(sums, default=None)


def facts(told: Told) -> Iterator[tuple[str, str]]:
    """What was run when against what."""
    result = told.result
    manifest, summary = result.manifest, result.summary
    target = manifest.get("target") or {}
    if target.get("url"):
        own = " (the embedded reference target)" if target.get("embedded") else ""
        yield "target", f"{target['url']}{own}"
    if manifest.get("started_at"):
        yield "started", str(manifest["started_at"]).replace("T", " ")[:19]
    hold = f", {duration(summary.hold_s)} of it count" if summary.hold_s else ""
    yield "lasted", f"{duration(summary.elapsed_s)}{hold}"
    if manifest.get("seed") is not None:
        yield "seed", str(manifest["seed"])
    if told.folder:
        yield "run folder", told.folder
