"""Types and prose of the one extension module, chapter by chapter."""

from typing import final

SAMPLE_BYTES: int
BUILD: dict[str, str]

# --- random.pxi ---

@final
class Random:
    """splitmix64: one uint64 of state; equal seeds give equal sequences. For tests."""

    def __init__(self, seed: int) -> None: ...
    def u64(self) -> int: ...
    def double(self) -> float:
        """Uniform in [0, 1), 53 bits."""
    def exponential(self, mean: float) -> float: ...
    def below(self, n: int) -> int:
        """Uniform in 0..n-1 without bias; 0 for n = 0."""

# --- pacer.pxi ---

@final
class Pacer:
    """One stream of starts of one worker, in time order.

    `rows` are 64-byte records as velroload.load.schedule.ROW describes; they are kept alive.
    `seed` (uint64) drives Poisson rows only. A pacer reads no clock: instants are nanoseconds
    since the run's epoch. ValueError when `rows` is not whole records.
    """

    def __new__(cls, rows: bytes, seed: int) -> Pacer: ...
    @property
    def remaining(self) -> int:
        """Own starts not taken yet, exact."""
    def due(self) -> int:
        """When the next start is due; 2**63 - 1 when none is left. Does not advance."""
    def take(self) -> tuple[int, int, int, int] | None:
        """The next start (kind, id, phase, due_ns), or None when none is left."""
    def drain_all(self) -> tuple[bytes, bytes]:
        """All that is left: (due instants, ids), each an array of int64 in bytes."""
