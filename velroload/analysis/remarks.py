"""What is worth a remark beside a run's validity and voids nothing: what the generator left out."""

from collections.abc import Iterator

from velroload.analysis.books import command_of, evidence, used_up
from velroload.analysis.result import NOTE, SUSPECT, Reason
from velroload.rundata import RunData


def remarks(data: RunData) -> Iterator[Reason]:
    """All of them, of the whole run."""
    for each in (_jumps, _unix, _refused, _cookies, _rows, _values):
        yield from each(data)


def over_unix(data: RunData) -> bool:
    """The target is a unix socket, for which the kernel has no receive times."""
    addresses = (data.manifest.get("target") or {}).get("addresses") or []
    return bool(addresses) and all(str(address).startswith("unix:") for address in addresses)


def _unix(data: RunData) -> Iterator[Reason]:
    if over_unix(data):
        yield Reason(
            NOTE,
            "unix",
            "the kernel stamps nothing on unix sockets: responses end when we have read them",
        )


def _jumps(data: RunData) -> Iterator[Reason]:
    jumps = evidence(data).get("clock_jumps") or 0
    if jumps:
        yield Reason(NOTE, "clock_jumps", f"the wall clock jumped {jumps} times against ours")


def _refused(data: RunData) -> Iterator[Reason]:
    """Places that redirects led to and nobody allowed; their names come from the server."""
    for place, count in list((evidence(data).get("redirects_refused") or {}).items())[:4]:
        scheme = str((data.manifest.get("target") or {}).get("url", "")).partition(":")[0]
        why = "it is not in the allow-list"
        advice = f"add --allow-host {place}"
        if scheme == "https" and place.startswith("http:"):
            why, advice = "it leads from https to http", ""
        yield Reason(
            NOTE,
            "redirects_refused",
            f"{count:,} redirects to {place} were not followed: {why}"
            + (f" ({advice})" if advice else ""),
        )


def _cookies(data: RunData) -> Iterator[Reason]:
    ignored = evidence(data).get("cookies_ignored") or 0
    if ignored:
        yield Reason(
            NOTE,
            "cookies_ignored",
            f"{ignored:,} cookies were not kept or sent: malformed, for another host, longer than "
            "4 KiB, or more than 50 of a user",
        )


def _rows(data: RunData) -> Iterator[Reason]:
    for name in used_up(data):
        yield Reason(
            NOTE,
            "rows_used_up",
            f"data {name}: its rows were used up, and who needed one ended (at_end: stop)",
        )


def _values(data: RunData) -> Iterator[Reason]:
    """What servers said of their time; nothing else rests on it."""
    book = ((data.end or {}).get("ledger") or {}).get("values") or {}
    if book.get("lost"):
        yield Reason(
            SUSPECT,
            "values_lost",
            f"{book['lost']:,} values of Server-Timing found no room: its figures lack them",
            "take more workers or a lower rate, then " + command_of(data),
        )
    if book.get("ignored"):
        yield Reason(
            NOTE,
            "values_ignored",
            f"{book['ignored']:,} values of Server-Timing or X-Response-Time were malformed, cut "
            "off at 1 KiB, or of more than 32 names",
        )
