"""Data sets: rows that users take in turn, by chance, or each his own."""

from dataclasses import dataclass

from velroload.errors import ConfigError
from velroload.plan.slots import check_name

SOURCES = ("csv", "json", "jsonl", "inline", "minted")
PICKS = ("sequential", "circular", "random", "shuffle", "unique", "once")
AT_END = ("stop", "repeat", "fail")
PER = ("iteration", "user")
ENDLESS = ("circular", "random", "shuffle")
"""Ways to pick that never come to an end."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where rows come from and who gets which.

    source: csv | json | jsonl | inline | minted (accounts). path: the file, its folder the plan's
    unless it is absolute. rows: inline rows, all with the same columns. per: a new row every
    `iteration` (when it begins) or one per `user`; a Take goes on to the next row at once.

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

    def __post_init__(self) -> None:
        check_name("data", self.name)
        for name, words in (("source", SOURCES), ("pick", PICKS), ("at_end", AT_END), ("per", PER)):
            if getattr(self, name) not in words:
                raise ConfigError(
                    f"data {self.name}: {name} is {getattr(self, name)!r}: "
                    f"write one of {', '.join(words)}"
                )
        if not self.columns:
            raise ConfigError(f"data {self.name}: it has no column")
        for column in self.columns:
            check_name(f"data {self.name}: column", column)
        if len(set(self.columns)) != len(self.columns):
            raise ConfigError(f"data {self.name}: the same column twice")
        if (self.path is None) != (self.source in ("inline", "minted")):
            raise ConfigError(f"data {self.name}: a file is named for csv, json and jsonl, only")
        if self.source == "inline" and not self.rows:
            raise ConfigError(f"data {self.name}: it has no row")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ConfigError(f"data {self.name}: every row has the same columns")
        if self.pick == "unique" and self.per != "user":
            raise ConfigError(f"data {self.name}: unique rows are picked per: user")
        if self.pick in ENDLESS and self.at_end == "fail":
            raise ConfigError(f"data {self.name}: {self.pick} rows never end; leave out at_end")
        if self.pick == "once" and self.at_end == "repeat":
            raise ConfigError(f"data {self.name}: once and at_end: repeat contradict each other")
