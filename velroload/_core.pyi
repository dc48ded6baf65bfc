"""The request and timing core. Types and prose for callers; the code is in core/*.pxi."""

from collections.abc import Callable, Sequence
from typing import Any, final

from _typeshed import ReadableBuffer, WriteableBuffer

BUILD: dict[str, str]
"""profile (release | debug | sanitize) and compiler of this very file."""
SAMPLE_BYTES: int
"""Size of a sample: 64."""
VALUE_BYTES: int
"""Size of a value of the second ring: 32."""
SAMPLE_OFFSETS: dict[str, int]
"""Byte offset of each field of a sample, as the C compiler has it."""
KINDS: dict[str, int]
FLAGS: dict[str, int]
ERROR_KINDS: dict[str, int]
"""The numbers of sample.Kind, sample.Flag and sample.ErrorKind, as the C code has them."""
EXAMPLE_BYTES: int
"""Size of an example of a failed request (core/fault.pxi): 320."""
ERRNO_KINDS: dict[int, tuple[int, int]]
"""errno → ErrorKind while connecting, and once the request may have reached the server."""

def error_kind(number: int, connecting: bool) -> int:
    """The ErrorKind of an errno; those that ERRNO_KINDS does not name: 24 or 44."""

COUNTER_INDEX: dict[str, int]
"""Names and places of a segment's live counters."""

AGE_BITS: tuple[int, int]
CACHE_BITS: tuple[int, int]
CACHE_LAYERS: dict[str, int]
"""Shift and mask of the age class of a connection in a sample's flags."""

# -- the segment and its ring: core/ring.pxi, core/reader.pxi ------------------------------------

def segment_bytes(capacity: int, values: int = 0) -> int:
    """Bytes of a segment whose ring has `capacity` slots, and a second one for so many values."""

def format_segment(buffer: WriteableBuffer, capacity: int, values: int = 0) -> None:
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

    def read(self) -> bytes:
        """Take all waiting samples out unmerged, as 64-byte records; for tests and tools."""

    def counters(self) -> dict[str, int]:
        """The live counters by the names of COUNTER_INDEX. Each is read whole; together they are
        no snapshot."""

    def stalls(self) -> list[tuple[int, int]]:
        """The last 128 pauses of the worker: (at_ns since the epoch, length_ns), oldest first."""

    def examples(self, first: int = 0) -> bytes:
        """Rows `first` and later of the failed requests that the worker has written down, at most
        192 in all: engine/examples.py has their layout. Their content is not checked."""
    def idle_closes(self) -> list[int]:
        """How long connections were idle, in ns, when the server closed them: all of up to 256,
        else a uniform choice of 256 (counters: idle_closes, idle_close_least)."""

    def phases(self, n: int) -> list[tuple[int, int]]:
        """Iterations of the first n phases, by the phase in which they were due: (started, dropped
        because no user was free). ValueError above 256."""

    @property
    def occupied_ns(self) -> int:
        """Sum over the merged requests that were sent: from send to our read."""

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

    def idle_close(self, idle_ns: int) -> None:
        """Record that the server closed a connection that was idle for so long."""

    def stall(self, at_ns: int, length_ns: int) -> None:
        """Record a pause."""

    def bench_push(self, n: int) -> float:
        """CPU nanoseconds per push over n pushes; a full ring is emptied at once."""

    def close(self) -> None: ...

@final
class ValueReader:
    """The coordinator's side of a segment's second ring, which holds values that servers name.

    Untrusted like the first: the head is checked at every read, records and names are the caller's
    to check. A segment without a second ring has nothing to read. close() may be called twice.
    """

    closed: bool
    def __new__(cls, buffer: WriteableBuffer) -> ValueReader:
        """ValueError unless the buffer begins with a header of this layout."""

    def read(self) -> bytes:
        """Take all waiting records out, 32 bytes each. ValueError when the ring is damaged."""

    def names(self) -> list[bytes]:
        """The names of the series, by number; at most 32 of at most 63 bytes."""

    @property
    def capacity(self) -> int:
        """Records that the ring holds, 0 without one."""

    @property
    def pushed(self) -> int:
        """Values that the worker has put in since this reader was made."""

    @property
    def drained(self) -> int:
        """Values taken out since then."""

    def close(self) -> None: ...

# -- figures: core/histogram.pxi, keep.pxi, merge.pxi, take.pxi ----------------------------------

@final
class Merger:
    """All figures of one node while they are counted: histograms of 3 digits per phase × endpoint
    × outcome × quantity, series and counters per second, the slowest samples and a uniform choice.

    Every reader of the node drains into the same merger, one thread at a time. Memory: 0.9 MB of
    address space per phase × endpoint × outcome that occurs, of which touched pages are used.
    `seed` makes the uniform choice reproducible. The last `addresses` endpoints are rows of the
    target's addresses: requests are counted there too. `windows`: of each phase, the second in
    which windows of users begin and their length in seconds (0: none); of each user the first good
    answer in a window is counted as Counter.USERS. close() may be called twice.
    """

    closed: bool
    def __new__(
        cls,
        phases: int,
        endpoints: int,
        *,
        addresses: int = 0,
        seed: int = 0,
        windows: Sequence[tuple[int, int]] = (),
    ) -> Merger:
        """ValueError unless 1–256 phases, 1–65,536 endpoints and fewer addresses than endpoints.
        Samples beyond are corrupt."""

    def take(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """What was merged since the last take, as rows of journal.HIST, STATS, SERIES, COUNTS and
        SAMPLE (those that entered the 1,000 slowest). Equal keys may occur twice: add them."""

    def reservoir(self) -> bytes:
        """Up to 20,000 samples of kind REQUEST and HOP, uniform over all merged so far."""

    def close(self) -> None: ...

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
    def take(self) -> tuple[int, int, int] | None:
        """The next start (kind, id, due_ns), or None when none is left."""
    def drain_all(self) -> tuple[bytes, bytes]:
        """All that is left: (due instants, ids), each an array of int64 in bytes."""

# --- http1 ---

@final
class Http1Parser:
    """The strict HTTP/1.1 response parser, one response at a time (RFC 9110, RFC 9112).

    A door for tests and benches: the engine calls the same functions without Python. Limits: 256
    bytes for a line that must be understood (status, Content-Length, Transfer-Encoding,
    Connection; any name), 64 KiB for a head and for a trailer, 4 KiB for a chunk's line, sixteen
    1xx responses. Other header lines may be as long as the head; they are checked, not stored.
    """

    def __new__(cls) -> Http1Parser: ...
    def close(self) -> None:
        """Free the state; any later use raises ValueError. May be called twice."""

    def reset(
        self,
        head: bool = False,
        want_body: bool = False,
        wanted: tuple[bytes, ...] = (),
        capacity: int = 64,
    ) -> None:
        """Expect a new response; `head` when the request was HEAD.

        `wanted`: up to four lower-case header names whose values are kept, `capacity` (at most
        1,024) bytes each. Raises ValueError for more.
        """

    def feed(self, data: bytes) -> tuple[int, int]:
        """Parse on; returns (code, how many bytes of data belong to this response).

        Codes: 0 more is needed, 1 the response is complete, 2 it is broken (see error).
        """

    def eof(self) -> int:
        """The peer closed. Returns 1 when that ended the body, else 2 (see error)."""

    def bench(self, data: bytes, n: int) -> float:
        """Seconds for parsing data `n` times. ValueError unless data is one complete response."""

    @property
    def status(self) -> int:
        """Of the last status line; 0 before it."""
    @property
    def keep_alive(self) -> bool:
        """May the connection carry another request? Final once the head is complete."""
    @property
    def error(self) -> int:
        """ErrorKind: 41, 50–55; 0 when nothing is wrong."""
    @property
    def head_done(self) -> bool: ...
    @property
    def close_delimited(self) -> bool:
        """True when only the peer's close ends the body."""
    @property
    def content_length(self) -> int | None: ...
    @property
    def interim(self) -> int:
        """How many 1xx responses came before this one."""
    @property
    def body_bytes(self) -> int:
        """Decoded so far, without chunk framing."""
    @property
    def body(self) -> bytes:
        """The body so far; empty unless reset(want_body=True)."""
    @property
    def kept(self) -> list[tuple[bytes, bool]]:
        """Per wanted header its value and whether it was cut; lines are joined by a newline."""
    @property
    def state_bytes(self) -> int:
        """Memory of one parser."""

# --- timer.pxi ---

@final
class Timers:
    """The heap of deadlines alone, for tests: one deadline per owner, owners from 0."""

    def __new__(cls, owners: int) -> Timers: ...
    def set(self, owner: int, at_ns: int) -> None:
        """Give the owner this deadline in place of the one it has. IndexError for no owner."""
    def cancel(self, owner: int) -> None: ...
    def pop(self) -> tuple[int, int] | None:
        """Remove the earliest deadline: (at_ns, owner); None when there is none."""

# --- pause.pxi ---

@final
class Pauses:
    """The worker's own pauses that starts may still wait for, for tests: instants in, spans out.

    At most 16; when they are more, the gap before the newest counts as a pause too.
    """

    def add(self, since_ns: int, until_ns: int, oldest_ns: int) -> None:
        """We were away from `since_ns` to `until_ns`; pauses that ended by `oldest_ns`, when the
        oldest waiting start was due, are forgotten. Call in order of time."""
    def waited_until(self, due_ns: int, freed_ns: int) -> int:
        """Until when a start due at `due_ns` waited for the target, whose user became free at
        `freed_ns`: never before `due_ns`; what is left of a pause it came due in is no wait."""
    def spans(self) -> list[tuple[int, int]]:
        """(since, until) of the pauses kept, oldest first."""

# --- engine.pxi ---

DONE: int
PARKED: int
"""What Engine.poll returns when the run is over, and when steps wait for Python."""

@final
class Engine:
    """The event loop of one worker: users, connections, requests; own epoll and timerfd.

    `segment`: writable memory that format_segment() has prepared; samples and counters go there.
    `program`: the arrays of velroload.protocol.layout as bytes, under "files" a buffer for each of
    its files and under "tables" for each of its data sets, what velroload.protocol.site hooks in,
    and under "settings" what velroload.runner.jobs says of this worker; under "computed" per
    expression the slots that it reads and a function of their texts: the truth of a condition, or a
    slot's text; under "trace", for one who looks on, a function that is called with (sent, offset,
    step, bytes, texts of the user's slots) for all that is written (bytes of this request before
    it: offset) and read, plain text in TLS; what it raises, poll() raises. `judges`: what steps ask
    of their answers, as velroload.protocol.judge makes them. All memory
    is taken here; nothing is allocated once it runs, but for captured bodies that outgrow every
    earlier one. Every index of the program is checked: ValueError.

    Not thread-safe: all methods from the thread that polls. After close() they raise ValueError.
    """

    def __new__(
        cls,
        segment: WriteableBuffer,
        program: dict[str, Any],
        judges: list[tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...], tuple[int, ...]]],
    ) -> Engine: ...
    @property
    def closed(self) -> bool: ...
    def fileno(self) -> int:
        """Its epoll descriptor: readable when poll() has something to do."""
    def watch_control(self, fd: int) -> None:
        """Let poll() return early when this descriptor becomes readable."""
    def start(self, epoch_ns: int, spin_ns: int = 0) -> None:
        """Begin at this instant (CLOCK_MONOTONIC ns, may lie ahead). spin_ns > 0: stop sleeping so
        long before each deadline. RuntimeError the second time."""
    def warm(self, budget_ns: int = 20_000_000) -> int:
        """Open the connections before the start, at most 64 at once, for about that long. DONE when
        all are open, or when none could be opened for the time one may take; else call again.
        RuntimeError after start()."""
    def warmed(self) -> dict[str, int]:
        """Connections open and left, and the ErrorKind of the last one that failed (0: none)."""
    def login(self, budget_ns: int = 20_000_000) -> int:
        """Before the start, for about that long: let the users of sessions with login: setup log
        in. DONE when all have, when one could not in three tries, or after stop(); else call again.
        Instants of their samples count from the first call. RuntimeError after start()."""
    def logged_in(self) -> dict[str, int]:
        """Users who have yet to log in (left), and who could not (failed)."""
    def slots(self, user: int, numbers: tuple[int, ...]) -> tuple[str, ...]:
        """What these slots of a user hold. ValueError when there is no such user or slot."""
    def poll(self, budget_ns: int = 20_000_000) -> int:
        """Run for about that long, sleeping included, without the GIL. Returns DONE, PARKED or
        something else to be called again."""
    def stop(self, at_once: bool = False) -> None:
        """Start nothing more; finish what is under way within the graceful stop, or not at all."""
    def parked(self) -> list[tuple[int, int]]:
        """(user, step) of the steps that wait for Python; each must be resumed once."""
    def resume(self, user: int) -> None:
        """The parked step of this user is done. ValueError when it is not parked."""
    @property
    def short_of(self) -> int | None:
        """The data set that has no more rows and fails the run, from 0: the engine comes to its end
        by itself, as after stop(). None while there is none."""
    def starved(self) -> list[int]:
        """Per data set the users that it had no row for."""
    def finish(self) -> None:
        """After DONE: count what was planned and not done, close the connections."""
    def note_collection(self) -> None:
        """Count a run of Python's collector."""
    def memory(self) -> dict[str, int]:
        """Bytes of its tables: per_user, per_connection, total."""
    def close(self) -> None:
        """Free everything; may be called twice."""

def can_share_ports(fd: int) -> bool:
    """Whether sockets like this one may have a range of local ports of their own (Linux 6.3)."""

def stamp_of(fd: int) -> int:
    """Receive from a socket; the kernel's receive stamp (CLOCK_REALTIME ns), 0 without one."""

def ask_stamps(fd: int) -> None:
    """Switch software receive stamps on for a socket (kernel: networking/timestamping)."""

def wake_up_delays(n: int, every_ns: int = 1_000_000) -> list[int]:
    """Sleep n times until a timerfd's instant; how late each wake-up was, in ns."""
