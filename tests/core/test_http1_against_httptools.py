"""The HTTP/1.1 parser against httptools (llhttp), on real responses that were damaged: both come to
the same verdict, or the difference has a name here."""

import re
from dataclasses import dataclass
from typing import Literal

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import http1 as oracle
from tests.reference.http1_inputs import REAL, damaged, responses
from velroload._core import Http1Parser

Word = Literal["done", "more", "bad"]


@dataclass(frozen=True)
class Verdict:
    """What a parser says of the first final response. All but `word` only when it is done."""

    word: Word
    status: int = 0
    body: bytes = b""
    keep_alive: bool = False
    used: int = 0


class Judge:
    """httptools' view of the first final response, byte by byte: so its end is known."""

    def __init__(self, data: bytes) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = self.used = 0
        self.body = b""
        self.keep_alive = self.complete = self.broken = False
        try:
            while self.used < len(data) and not self.complete:
                self.used += 1
                self.parser.feed_data(data[self.used - 1 : self.used])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.broken = not self.complete

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.keep_alive = self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.complete = self.status >= 200

    @property
    def verdict(self) -> Verdict:
        if not self.complete:
            return Verdict("bad" if self.broken else "more")
        return Verdict("done", self.status, self.body, self.keep_alive, self.used)


def ours(data: bytes) -> Verdict:
    parser = Http1Parser()
    parser.reset(want_body=True)
    code, used = parser.feed(data)
    if code != oracle.Code.DONE:
        return Verdict("bad" if code == oracle.Code.BAD else "more")
    return Verdict("done", parser.status, parser.body, parser.keep_alive, used)


@dataclass(frozen=True)
class Difference:
    """Where one of the two is stricter: a pattern that such data has, and an example."""

    name: str
    pattern: bytes
    example: bytes

    def explains(self, data: bytes) -> bool:
        return re.search(self.pattern, data, re.DOTALL | re.IGNORECASE) is not None


LINE = b"HTTP/1.1 200 OK\r\n"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"
CODING, LENGTH = rb"\ntransfer-encoding:", rb"\ncontent-length:"

WE_ARE_STRICTER = (
    Difference("no empty line before it", rb"(^|\r\n\r\n)[\r\n]", b"\r\n" + LINE),
    Difference(
        "no control character in a reason",
        rb"HTTP/1\.[01] [^\n]*([\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n])",
        b"HTTP/1.1 200 O\x7fK\r\n",
    ),
    Difference("a status has no zero in front", rb"HTTP/1\.[01] 0", b"HTTP/1.1 099 O\r\n\r\n"),
    Difference(
        "the last coding is chunked, bare and once",
        CODING + rb"(?![ \t]*chunked[ \t]*\r?\n)|" + CODING + b".*" + CODING,
        LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    Difference("a length has a digit", LENGTH + rb"[ \t]*[\r\n,]", LINE + b"Content-Length:\r\n"),
    Difference(
        "close beats keep-alive",
        rb"HTTP/1\.0 .*\nconnection:.*\nconnection:",
        b"HTTP/1.0 204 N\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
    ),
    Difference(
        "a name ends within 256 bytes",
        rb"\n[^\n:]{256}",
        LINE + b"X" * 256 + b": a\r\nContent-Length: 0\r\n\r\n",
    ),
    Difference(
        "a line that frames has at most 256 bytes",
        rb"\n(content-length|transfer-encoding|connection):[^\n]{239}",
        LINE + b"Connection: " + b"x" * 250 + b"\r\nContent-Length: 0\r\n\r\n",
    ),
    Difference(
        "at most 16 interim responses",
        rb"(HTTP/1\.[01] 1\d\d.*?){17}",
        b"HTTP/1.1 102 P\r\n\r\n" * 17 + b"HTTP/1.1 204 N\r\n\r\n",
    ),
    Difference(
        "a chunk's line has at most 4,096 bytes",
        rb"\n[0-9a-f]+[^\n]{4000}",
        CHUNKED + b"1;" + b"x" * 4095 + b"\r\na\r\n0\r\n\r\n",
    ),
    Difference(
        "a length is below 2^63",
        LENGTH + rb"[ \t]*[0-9]{19}",
        LINE + b"Content-Length: 9223372036854775808\r\n\r\n",
    ),
    Difference("a chunk is below 2^63", rb"\n[0-9a-f]{16}", CHUNKED + b"8000000000000000\r\n"),
)
"""What we refuse and llhttp takes, or waits for the end of."""

WE_ARE_LAXER = (
    Difference(
        "bare LF ends a line of a head (RFC 9112, 2.2)",
        rb"(^|[^\r])\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ),
    Difference(
        "equal lengths may be repeated (RFC 9110, 8.6)",
        LENGTH + rb"[^\n]*,|" + LENGTH + b".*" + LENGTH,
        LINE + b"Content-Length: 2, 2\r\nContent-Length: 02\r\n\r\nab",
    ),
    Difference(
        "blanks may follow a chunk's size",
        rb"\n[0-9a-f]+[ \t]",
        CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    ),
    Difference(
        "a chunk's extension is any text",
        rb"\n[0-9a-f]+[ \t]*;",
        CHUNKED + b'1;"\r\na\r\n0;\r\n\r\n',
    ),
    Difference(
        "a list of codings may have empty items (RFC 9110, 5.6.1)",
        CODING + rb"[^\n]*,[ \t]*(\r|,)",
        LINE + b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    ),
    Difference(
        "a tab is a blank too, beside a coding",
        CODING + rb"[^\n]*\t",
        LINE + b"Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    ),
    Difference(
        "a trailer frames nothing (RFC 9110, 6.5.1)",
        rb"\n0+[ \t]*(;[^\n]*)?\r\n.*(content-length|transfer-encoding):",
        CHUNKED + b"0\r\nContent-Length: 1\r\n\r\n",
    ),
    Difference(
        "an interim response says nothing of the connection",
        rb"^HTTP/1\.(0 1\d\d|1 1\d\d.*\nconnection:).*\nHTTP/",
        b"HTTP/1.1 100 C\r\nConnection: close\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
    ),
)
"""What we take, or wait for the end of, and llhttp refuses, or reads as something else."""


def unexplained(data: bytes) -> tuple[Verdict, Verdict] | None:
    """Both verdicts, unless they agree or their difference has a name.

    Each judges some things later than the other (we a line at its end, framing at the head's): who
    waits must refuse when the head is over.
    """
    we, they = ours(data), Judge(data).verdict
    if we == they:
        return None
    names = WE_ARE_STRICTER if we.word == "bad" or they.word == "done" else WE_ARE_LAXER
    if any(difference.explains(data) for difference in names):
        return None
    if {we.word, they.word} == {"more", "bad"}:
        over = data + b"\r\n\r\n"
        if ours(over).word == Judge(over).verdict.word == "bad":
            return None
    return we, they


@settings(max_examples=150)
@given(responses())
def test_agrees_on_valid_responses(response: tuple[bytes, int, bytes, bool]) -> None:
    data, status, whole, to_the_close = response
    judge, we = Judge(data), ours(data)
    if to_the_close:
        assert (judge.verdict.word, we.word) == ("more", "more")
        assert (judge.status, judge.body) == (status, whole)
    else:
        assert we == judge.verdict
        assert (we.status, we.body, we.used) == (status, whole, len(data))


@settings(max_examples=1500, derandomize=True)
@given(damaged(st.sampled_from(REAL)))
def test_differs_on_damaged_responses_by_name_only(data: bytes) -> None:
    assert unexplained(data) is None


def test_real_responses_are_judged_alike() -> None:
    assert [data for data in REAL if unexplained(data)] == []
    assert sum(ours(data).word == "done" for data in REAL) > len(REAL) / 2


@pytest.mark.parametrize("difference", WE_ARE_STRICTER, ids=lambda one: one.name)
def test_we_are_stricter(difference: Difference) -> None:
    assert difference.explains(difference.example)
    we, they = ours(difference.example), Judge(difference.example).verdict
    assert they.word in ("done", "more")
    assert we.word == "bad" or (we.keep_alive, they.keep_alive) == (False, True)


@pytest.mark.parametrize("difference", WE_ARE_LAXER, ids=lambda one: one.name)
def test_we_are_laxer(difference: Difference) -> None:
    assert difference.explains(difference.example)
    we, they = ours(difference.example), Judge(difference.example).verdict
    assert we.word == "done"
    assert they.word in ("bad", "more")
