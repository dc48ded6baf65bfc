"""The request and timing core. Types and prose for callers; the code is in core/*.pxi."""

from typing import final

from _typeshed import ReadableBuffer, WriteableBuffer

BUILD: dict[str, str]
"""profile (release | debug | sanitize) and compiler of this very file."""
SAMPLE_BYTES: int
"""Size of a sample: 64."""
SAMPLE_OFFSETS: dict[str, int]
"""Byte offset of each field of a sample, as the C compiler has it."""
KINDS: dict[str, int]
FLAGS: dict[str, int]
ERROR_KINDS: dict[str, int]
"""The numbers of sample.Kind, sample.Flag and sample.ErrorKind, as the C code has them."""
COUNTER_INDEX: dict[str, int]
"""Names and places of a segment's live counters."""

# -- the segment and its ring: core/ring.pxi, core/reader.pxi ------------------------------------

def segment_bytes(capacity: int) -> int:
    """Bytes of a segment whose ring has `capacity` slots."""

def format_segment(buffer: WriteableBuffer, capacity: int) -> None:
    """Write the header of a fresh, zeroed segment. ValueError unless `capacity` is a power of two
    that fits the buffer."""

@final
class RingReader:
    """The coordinator's side of one worker's segment: the ring's only consumer.

    Everything in the segment is untrusted: the header is checked once, the ring's head at every
    drain, and samples are copied out before they are checked. A segment that breaks the rules
    raises ValueError, with one line that says how; it never makes the reader touch other memory.
    The buffer stays exported until close(), which may be called twice. One thread at a time.
    """

    closed: bool
    def __new__(cls, buffer: WriteableBuffer) -> RingReader:
        """ValueError unless the buffer begins with a header of this layout."""

    def drain(self, merger: Merger, limit: int = ...) -> int:
        """Merge up to `limit` waiting samples, without the GIL; returns how many left the ring.

        ValueError when the ring is damaged or when the merger's next take() is overdue (a bin
        counts to 2^32 between two takes).
        """

    def counters(self) -> dict[str, int]:
        """The live counters by the names of COUNTER_INDEX. Each is read whole; together they are
        no snapshot."""

    def stalls(self) -> list[tuple[int, int]]:
        """The last 128 pauses of the worker: (at_ns since the epoch, length_ns), oldest first."""

    def kinds(self) -> list[int]:
        """How many samples of each sample.Kind were merged."""

    def requests_by_error(self) -> dict[int, int]:
        """How many samples of kind REQUEST were merged, by ErrorKind (0: ok); no zeros."""

    @property
    def capacity(self) -> int:
        """Slots of the ring."""

    @property
    def pushed(self) -> int:
        """Samples that the worker has put in since this reader was made."""

    @property
    def drained(self) -> int:
        """Samples taken out since this reader was made, corrupt ones included."""

    @property
    def corrupt(self) -> int:
        """Samples among the drained that made no sense and entered no figure."""

    @property
    def high_water(self) -> int:
        """The most samples that waited at once, as seen when draining."""

    def close(self) -> None: ...

@final
class RingWriter:
    """The worker's side of a segment, for tests and benchmarks: the ring's only producer."""

    closed: bool
    def __new__(cls, buffer: WriteableBuffer) -> RingWriter: ...
    def push(self, samples: ReadableBuffer) -> int:
        """Push whole samples; those that do not fit are counted as lost. Returns how many fit."""

    def count(self, name: str, n: int = ...) -> None:
        """Add to a live counter."""

    def stall(self, at_ns: int, length_ns: int) -> None:
        """Record a pause."""

    def bench_push(self, n: int) -> float:
        """CPU nanoseconds per push over n pushes; a full ring is emptied at once."""

    def close(self) -> None: ...

# -- figures: core/histogram.pxi, keep.pxi, merge.pxi, take.pxi ----------------------------------

@final
class Merger:
    """All figures of one node while they are counted: histograms of 3 digits per phase × endpoint
    × outcome × quantity, series and counters per second, the slowest samples and a uniform choice.

    Every reader of the node drains into the same merger, one thread at a time. Memory: 0.9 MB of
    address space per phase × endpoint × outcome that occurs, of which touched pages are used.
    `seed` makes the uniform choice reproducible. close() may be called twice.
    """

    closed: bool
    def __new__(cls, phases: int, endpoints: int, *, seed: int = 0) -> Merger:
        """ValueError unless 1–256 phases and 1–65,536 endpoints. Samples beyond are corrupt."""

    def take(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """What was merged since the last take, as rows of journal.HIST, STATS, SERIES, COUNTS and
        SAMPLE (those that entered the 1,000 slowest). Equal keys may occur twice: add them."""

    def reservoir(self) -> bytes:
        """Up to 20,000 samples of kind REQUEST and HOP, uniform over all merged so far."""

    def close(self) -> None: ...
