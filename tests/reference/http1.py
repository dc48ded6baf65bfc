"""The HTTP/1.1 response parser again, slow and plain: the oracle for core/http1.pxi.

It sees the whole input at once and answers what the core must say after any cutting of it.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from velroload.sample import ErrorKind

LINE_MAX = 256
HEAD_MAX = 65_536
CHUNK_LINE_MAX = 4_096
INTERIM_MAX = 16

TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
HEADER = re.compile(b"(" + NAME + b"):(" + TEXT + b")", re.DOTALL)
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(| " + TEXT + rb")", re.DOTALL)
CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}[ \t]*(;" + TEXT + rb")?(\r\n?)?", re.DOTALL)
FRAMING = (b"content-length", b"transfer-encoding", b"connection")


class Code(IntEnum):
    """What the parser says."""

    NEED_MORE = 0
    DONE = 1
    BAD = 2


class Bad(Exception):
    """The response is broken."""

    def __init__(self, kind: ErrorKind) -> None:
        super().__init__(kind.name)
        self.kind = kind


class NeedMore(Exception):
    """The input ends before the response does."""


@dataclass(frozen=True)
class Verdict:
    """`used` is how many bytes belong to the response, when it is DONE."""

    code: Code
    error: ErrorKind
    status: int
    body: bytes
    keep_alive: bool
    used: int


@dataclass
class Head:
    """What the lines of one head have said so far."""

    minor: int
    status: int
    length: int | None = None
    codings: tuple[bytes, ...] = ()
    options: tuple[bytes, ...] = ()


def parse(data: bytes, *, head: bool = False, eof: bool = False) -> Verdict:
    """Judge everything that arrived; `eof`: and then the peer closed; `head`: it was a HEAD."""
    oracle = Oracle(data, head, eof)
    code, error = Code.DONE, ErrorKind.NONE
    try:
        oracle.response()
    except NeedMore:
        code = Code.NEED_MORE
        if eof:
            code = Code.BAD
            error = ErrorKind.BODY_SHORT if data else ErrorKind.CLOSED_EARLY
    except Bad as bad:
        code, error = Code.BAD, bad.kind
    keep_alive = oracle.keep_alive and code != Code.BAD
    return Verdict(code, error, oracle.status, bytes(oracle.body), keep_alive, oracle.at)


class Oracle:
    """One walk over one input."""

    def __init__(self, data: bytes, head: bool, eof: bool) -> None:
        self.data = data
        self.at = 0
        self.was_head = head
        self.eof = eof
        self.status = 0
        self.keep_alive = False
        self.body = bytearray()

    def response(self) -> None:
        for _ in range(INTERIM_MAX + 1):
            head = self.read_head()
            if head.status >= 200:
                return self.read_body(head)
            self.status = 0
        raise Bad(ErrorKind.BAD_HEADER)

    def read_head(self) -> Head:
        limit = self.at + HEAD_MAX
        line = self.line(limit, ErrorKind.BAD_STATUS_LINE)
        found = STATUS_LINE.fullmatch(line)
        if found is None or found[2] == b"101":
            raise Bad(ErrorKind.BAD_STATUS_LINE)
        head = Head(int(found[1]), int(found[2]))
        self.status = head.status
        while line := self.line(limit, ErrorKind.BAD_HEADER):
            read_header(line, head)
        if head.codings and head.length is not None:
            raise Bad(ErrorKind.BAD_LENGTH)
        if head.codings and head.codings[-1] != b"chunked":
            raise Bad(ErrorKind.BAD_HEADER)
        return head

    def read_body(self, head: Head) -> None:
        self.keep_alive = b"close" not in head.options and (
            head.minor == 1 or (b"keep-alive" in head.options and not head.codings)
        )
        if self.was_head or head.status in (204, 304):
            return
        if head.codings:
            self.read_chunks()
        elif head.length is not None:
            self.take(head.length)
        else:
            self.keep_alive = False
            self.take(len(self.data) - self.at)
            if not self.eof:
                raise NeedMore

    def read_chunks(self) -> None:
        while size := self.chunk_size():
            self.take(size)
            for wanted in b"\r\n":
                if self.byte() != wanted:
                    raise Bad(ErrorKind.BAD_CHUNK)
        limit = self.at + HEAD_MAX
        while line := self.line(limit, ErrorKind.BAD_HEADER, framing=False):
            if HEADER.fullmatch(line) is None:
                raise Bad(ErrorKind.BAD_HEADER)

    def chunk_size(self) -> int:
        """Walk a chunk's line byte by byte: it is broken at the first byte that cannot be right."""
        start = self.at
        size = 0
        while not self.data[start : self.at].endswith(b"\n"):
            self.byte()
            line = self.data[start : self.at]
            if CHUNK_LINE.fullmatch(line) is None or len(line) > CHUNK_LINE_MAX:
                raise Bad(ErrorKind.BAD_CHUNK)
            size = int(re.split(rb"[ \t;\r]", line)[0], 16)
            if size >= 1 << 63:
                raise Bad(ErrorKind.BAD_CHUNK)
        return size

    def take(self, size: int) -> None:
        piece = self.data[self.at : self.at + size]
        self.body += piece
        self.at += len(piece)
        if len(piece) < size:
            raise NeedMore

    def byte(self) -> int:
        if self.at == len(self.data):
            raise NeedMore
        self.at += 1
        return self.data[self.at - 1]

    def line(self, limit: int, kind: ErrorKind, framing: bool = True) -> bytes:
        """The next line, known to be text, without its end. `kind` if it is broken.

        With `framing`, a field that frames the body must be short.
        """
        window = self.data[self.at : limit]
        line, newline, _ = window.partition(b"\n")
        if newline:
            self.at += len(line) + 1
        if newline or len(line) > LINE_MAX:
            judge_text(line, kind, framing)
        elif kind == ErrorKind.BAD_STATUS_LINE and not line.startswith(b"HTTP/1."[: len(line)]):
            raise Bad(kind)
        if not newline:
            raise Bad(ErrorKind.HEADER_TOO_LARGE) if len(self.data) > limit else NeedMore
        return line.removesuffix(b"\r")


def judge_text(line: bytes, kind: ErrorKind, framing: bool) -> None:
    """What holds for every line, and what a long line must show in its first LINE_MAX bytes."""
    if re.fullmatch(TEXT + rb"\r?", line, re.DOTALL) is None:
        raise Bad(kind)
    if len(line) <= LINE_MAX:
        return
    if kind == ErrorKind.BAD_STATUS_LINE:
        found = STATUS_LINE.fullmatch(line.removesuffix(b"\r"))
        if found is None or found[2] == b"101":
            raise Bad(kind)
        return
    field = re.match(NAME + b":", line[:LINE_MAX])
    if field is None or (framing and field[0][:-1].lower() in FRAMING):
        raise Bad(kind)


def read_header(line: bytes, head: Head) -> None:
    found = HEADER.fullmatch(line)
    if found is None:
        raise Bad(ErrorKind.BAD_HEADER)
    name = found[1].lower()
    items = [item.strip(b" \t") for item in found[2].split(b",")]
    if name == b"content-length":
        for item in items:
            if re.fullmatch(rb"[0-9]+", item) is None or int(item) >= 1 << 63:
                raise Bad(ErrorKind.BAD_LENGTH)
            if head.length is not None and head.length != int(item):
                raise Bad(ErrorKind.BAD_LENGTH)
            head.length = int(item)
    elif name == b"transfer-encoding":
        for item in filter(None, items):
            if re.fullmatch(NAME, item) is None or head.codings[-1:] == (b"chunked",):
                raise Bad(ErrorKind.BAD_HEADER)
            head.codings += (item.lower(),)
        if not head.codings:
            raise Bad(ErrorKind.BAD_HEADER)
    elif name == b"connection":
        head.options += tuple(item.lower() for item in items)
