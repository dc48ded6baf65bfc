"""Pure-Python twin of core/pause.pxi, and a worker with one user whose clock is an integer."""

from dataclasses import dataclass, field

from velroload import _core

MOST = 16


@dataclass
class Pauses:
    """What the core keeps, as a plain list."""

    kept: list[tuple[int, int]] = field(default_factory=list)

    def add(self, since_ns: int, until_ns: int, oldest_ns: int) -> None:
        while self.kept and self.kept[0][1] <= oldest_ns:
            self.kept.pop(0)
        while self.kept and (len(self.kept) == MOST or since_ns <= self.kept[-1][1]):
            since, until = self.kept.pop()
            since_ns, until_ns = min(since_ns, since), max(until_ns, until)
        self.kept.append((since_ns, until_ns))

    def waited_until(self, due_ns: int, freed_ns: int) -> int:
        if freed_ns <= due_ns:
            return due_ns
        for since, until in self.kept:
            if since <= due_ns < until:
                return due_ns + max(freed_ns - until, 0)
        return freed_ns

    def spans(self) -> list[tuple[int, int]]:
        return list(self.kept)


@dataclass(frozen=True)
class Start:
    """One start of one user, and how long the target takes for it."""

    due_ns: int
    service_ns: int


def worked_off(
    starts: list[Start],
    away: list[tuple[int, int]],
    pauses: _core.Pauses,
) -> list[tuple[int, int]]:
    """(wait, generator lag) of each start by the engine's rule, away in these spans (in order)."""
    found: list[tuple[int, int]] = []
    coming = list(away)
    freed_ns = late_ns = 0
    for start in starts:
        sent_ns = max(start.due_ns, freed_ns)
        while coming and coming[0][0] <= sent_ns:
            since, until = coming.pop(0)
            pauses.add(since, until, start.due_ns)
            sent_ns = max(sent_ns, until)
        available_ns = pauses.waited_until(start.due_ns, freed_ns - late_ns)
        late_ns = sent_ns - available_ns
        freed_ns = sent_ns + start.service_ns
        found.append((available_ns - start.due_ns, late_ns))
    return found
