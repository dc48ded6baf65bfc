"""What became of connections, in words."""

from velroload.analysis.connections import AGES
from velroload.analysis.result import Connections, IdleCloses, Result
from velroload.report.table import labelled
from velroload.report.words import digits

AGE_WORDS = dict(zip(AGES, ("< 1 s", "< 10 s", "< 100 s", "older"), strict=True))


def connection_lines(result: Result, verbose: bool) -> list[str]:
    """A line where something happened to them that a user should know; always when verbose."""
    found = result.summary.connections
    if found is None or not (verbose or found.retries or found.idle_closes or found.warmed):
        return []
    lines = list(labelled("connection", " · ".join(told(found))))
    if verbose:
        ages = [f"{AGE_WORDS[age]}: {n:,}" for age, n in found.requests_by_age.items() if n]
        lines += labelled("", "requests by age of their connection " + " · ".join(ages or ["–"]))
    return lines


def told(found: Connections) -> list[str]:
    """The parts of the line."""
    parts = [f"{found.opened:,} opened"]
    if found.warmed:
        parts[0] += f", {found.warmed:,} of them before the start"
    if found.closed_by_server:
        parts.append(f"{found.closed_by_server:,} closed by the server")
    if found.idle_closes is not None:
        parts.append(idle(found.idle_closes))
    if found.retries:
        parts.append(f"{found.retries:,} requests sent again: their connection was closed")
    return parts


def idle(closes: IdleCloses) -> str:
    """ "server closes idle connections after 5.00 s (least 4.98, of 1,300)"."""
    return (
        f"server closes idle connections after {digits(closes.median_ns / 1e9)} s "
        f"(median of {closes.count:,}, least {digits(closes.least_ns / 1e9)} s)"
    )
