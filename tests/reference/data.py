"""Who gets which row of a data set, in plain Python: one worker's view, as in core/data.pxi."""

from dataclasses import dataclass, field

from tests.reference.pacer import Random

MASK = 2**64 - 1


def mixed(key: int) -> int:
    """The first number of the stream that begins with this state."""
    return Random(key & MASK).u64()


def shuffled(seed: int, lap: int, n: int, i: int) -> int:
    """The i-th of n rows in a lap's order: a Feistel network, walked until it lands below n."""
    half = 4
    while 4**half < n:
        half += 1
    mask, key = 2**half - 1, mixed(seed + lap)
    while True:
        left, right = i >> half, i & mask
        for turn in range(6):
            left, right = right, left ^ (mixed(key + (right << 8) + turn) & mask)
        i = left << half | right
        if i < n:
            return i


@dataclass
class Rows:
    """One data set as worker `worker` of `workers` hands it out."""

    rows: int
    pick: str
    at_end: str = "stop"
    seed: int = 0
    worker: int = 0
    workers: int = 1
    taken: int = field(default=0)

    def take(self, user: int, random: Random) -> int | None:
        """The next row for the user of this number; None when there is none."""
        if self.pick == "random":
            return random.below(self.rows)
        i = user if self.pick == "unique" else self.worker + self.taken * self.workers
        endless = self.pick in ("circular", "shuffle") or self.at_end == "repeat"
        if i >= self.rows and not endless:
            return None
        self.taken += 1
        lap, i = divmod(i, self.rows)
        return shuffled(self.seed, lap, self.rows, i) if self.pick == "shuffle" else i
