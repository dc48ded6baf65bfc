"""Counters of all workers: 64-bit integers in shared memory, one row per worker."""

import mmap
import zlib

CAPACITY = 8192
"""Counters per worker; all routes × statuses × layers take about half of it."""
WIDTH_BYTES = 8


class Counters:
    """Named integers that every worker can read and only their own worker changes.

    Make it before the workers are forked, `attach()` in each of them, take places, `seal()`.
    `mine[place] += 1` is the whole price of counting. Aligned 64-bit reads are never torn.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self.worker = 0
        self._memory = mmap.mmap(-1, CAPACITY * WIDTH_BYTES * workers)  # shared with forks
        self._all = memoryview(self._memory).cast("q")
        self._places: dict[str, int] = {"(table)": 0}
        self._sealed = False
        self.attach(0)

    def attach(self, worker: int) -> None:
        """Write to the row of `worker` from now on."""
        self.worker = worker
        self.mine = self._all[worker * CAPACITY : (worker + 1) * CAPACITY]

    def place(self, name: str, width: int = 1) -> int:
        """The place of a counter, or the first of `width` places; given on first use."""
        if name not in self._places:
            assert not self._sealed, f"{name}: counters are sealed"
            used = self._places["(table)"] + 1
            assert used + width <= CAPACITY, f"{name}: no room for more counters"
            self._places[name] = used
            self._places["(table)"] = used + width - 1
        return self._places[name]

    def seal(self) -> None:
        """No more places. Every worker must have taken the same, or sums would mix them up."""
        self._sealed = True
        self.mine[0] = zlib.crc32("\n".join(f"{k}={v}" for k, v in self._places.items()).encode())
        for worker in range(self.workers):
            theirs = self.of(worker, 0)
            assert theirs in (0, self.mine[0]), "the workers' counters differ"

    def of(self, worker: int, place: int) -> int:
        """One worker's value."""
        return int(self._all[worker * CAPACITY + place])

    def total(self, place: int) -> int:
        """The sum over all workers."""
        return sum(self._all[worker * CAPACITY + place] for worker in range(self.workers))

    def each(self, place: int) -> list[int]:
        """The value of every worker."""
        return [self.of(worker, place) for worker in range(self.workers)]

    def totals(self, place: int, width: int) -> list[int]:
        """Sums of `width` places from `place` on."""
        rows = [
            self._all[at : at + width].tolist()
            for at in range(place, place + CAPACITY * self.workers, CAPACITY)
        ]
        return rows[0] if len(rows) == 1 else [sum(column) for column in zip(*rows, strict=True)]
