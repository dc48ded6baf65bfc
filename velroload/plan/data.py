"""Data sets: rows that users take in turn, by chance, or each his own."""

from dataclasses import dataclass

PICKS = ("sequential", "circular", "random", "shuffle", "unique", "once")
AT_END = ("stop", "repeat", "fail")


@dataclass(frozen=True, slots=True)
class Data:
    """Where rows come from and who gets which.

    source: csv | json | jsonl | inline | minted (accounts). path: the file, relative to the plan.
    rows: inline rows, all with the same columns. per: a new row every `iteration` or one per `user`.

    pick        row
    sequential  the next one of the whole run, in order (worker w of n owns w, w + n, …)
    circular    the same, and from the start again
    random      uniform, with repetition
    shuffle     every row once in a random order, then a new order
    unique      row i belongs to user i for ever (per: user)
    once        every row at most once in the whole run
    at_end: what happens when there is none left: stop the user, repeat, or fail the run (exit 2
    before the start where the need is known, INCOMPLETE otherwise).
    """

    name: str
    source: str
    columns: tuple[str, ...]
    path: str | None = None
    rows: tuple[tuple[str, ...], ...] = ()
    pick: str = "circular"
    at_end: str = "stop"
    per: str = "iteration"
