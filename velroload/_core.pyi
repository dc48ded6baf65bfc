"""The request and timing core (see _core.pyx): what each door takes, gives and refuses."""

from typing import final

SAMPLE_BYTES: int
"""Size of one sample; equal to velroload.sample.SAMPLE.itemsize."""

BUILD: dict[str, str]
"""How this extension was built: "profile" (release, debug, sanitize) and "compiler"."""

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
