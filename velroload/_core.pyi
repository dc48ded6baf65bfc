"""The request and timing core (see _core.pyx): what each door takes, gives and refuses."""

from typing import final

SAMPLE_BYTES: int
"""Size of one sample; equal to velroload.sample.SAMPLE.itemsize."""

BUILD: dict[str, str]
"""How this extension was built: "profile" (release, debug, sanitize) and "compiler"."""

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
