"""The HTTP/1.1 parser: every rule by table, every cutting of the input, and the oracle."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import http1 as oracle
from tests.reference.http1 import Code, Verdict
from tests.reference.http1_inputs import (
    CHUNK,
    CHUNKED,
    CUT_OFF,
    EMPTY,
    HEADER,
    LARGE,
    OK,
    REFUSED,
    STATUS_LINE,
    mutated,
    responses,
)
from velroload._core import Http1Parser
from velroload.sample import ErrorKind

NONE = ErrorKind.NONE
NGINX = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 19:19:08 GMT\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nContent-Length: 28\r\n"
    b"Last-Modified: Mon, 23 Nov 2026 19:00:00 GMT\r\nConnection: keep-alive\r\n"
    b'ETag: "65a1b2c3-1c"\r\nCache-Control: no-cache\r\nX-Request-Id: 4711-0815\r\n'
    b'Accept-Ranges: bytes\r\n\r\n{"status":"ok","db":"fine"}\n'
)


def core(
    data: bytes, *cuts: int, head: bool = False, eof: bool = False, want_body: bool = True
) -> Verdict:
    """What the core says of data, fed in pieces."""
    parser = Http1Parser()
    parser.reset(head, want_body)
    code, total = 0, 0
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        code, used = parser.feed(data[start:end])
        total += used
        if code:
            break
    if eof and code == Code.NEED_MORE:
        code = parser.eof()
    body = parser.body if want_body else b"?" * parser.body_bytes
    error = ErrorKind(parser.error)
    return Verdict(Code(code), error, parser.status, body, parser.keep_alive, total)


def essence(verdict: Verdict) -> tuple[object, ...]:
    """What must be equal: a broken response has no status to rely on and no end."""
    done = verdict.code == Code.DONE
    return (
        verdict.code,
        verdict.error,
        verdict.body,
        verdict.keep_alive,
        (verdict.status, verdict.used) if done else None,
    )


def both(data: bytes, *, head: bool = False, eof: bool = False) -> Verdict:
    """The core's verdict, which must be the oracle's, whole, byte by byte and in thirds."""
    whole = core(data, head=head, eof=eof)
    assert essence(whole) == essence(oracle.parse(data, head=head, eof=eof))
    assert essence(core(data, *range(1, len(data)), head=head, eof=eof)) == essence(whole)
    third = len(data) // 3
    assert essence(core(data, third, 2 * third, head=head, eof=eof)) == essence(whole)
    blind = core(data, head=head, eof=eof, want_body=False)
    assert (blind.code, blind.error, len(blind.body)) == (
        whole.code,
        whole.error,
        len(whole.body),
    )
    return whole


def test_typical_response() -> None:
    verdict = both(NGINX)
    assert verdict == Verdict(
        Code.DONE, NONE, 200, b'{"status":"ok","db":"fine"}\n', True, len(NGINX)
    )


@pytest.mark.parametrize(
    ("data", "status", "body", "keep_alive"),
    [
        (EMPTY + b"\r\n", 200, b"", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 999 \xe4\tb\r\nContent-Length: 0\r\n\r\n", 999, b"", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", 200, b"ab", True),
        (OK + b"content-LENGTH:\t2 \t\r\n\r\nab", 200, b"ab", True),
        (OK + b"Content-Length: 2, 2\r\nContent-Length: 002\r\n\r\nab", 200, b"ab", True),
        (b"HTTP/1.1 204 No\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", 304, b"", True),
        (EMPTY + b"Connection: Upgrade , CLOSE\r\n\r\n", 200, b"", False),
        (EMPTY + b"Connection: close\r\nConnection: keep-alive\r\n\r\n", 200, b"", False),
        (EMPTY + b"Connection: closed\r\n\r\n", 200, b"", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", 200, b"", True),
        (EMPTY + b"!#$%&'*+-.^_`|~09azAZ: x\r\nE:\r\n\r\n", 200, b"", True),
        (EMPTY + b"X: \t !~\x80\xff \r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY + b"\r\n", 200, b"", True),
        (b"HTTP/1.1 103 H\r\nContent-Length: 9\r\nConnection: close\r\n\r\n" + CHUNKED
         + b"0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 102 P\r\n\r\n" * 16 + EMPTY + b"\r\n", 200, b"", True),
        (CHUNKED + b"3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n", 200, b"abc0123456789", True),
        (CHUNKED + b"1;a=b;c=\"d\te\"\r\na\r\n0 ;x\r\nT: v\r\nU: w\n\r\n", 200, b"a", True),
        (CHUNKED + b"1 \t\r\na\r\n0000000000000000\r\n\n", 200, b"a", True),
        (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 200, b"ab", True),
        (OK + b"Content-Length: 000000000000000002\r\n\r\nab", 200, b"ab", True),
        (OK + b"Content-Length: 0000000000000000002\r\n\r\nab", 200, b"ab", True),
        (OK + b"Content-Length:2\r\n\r\nab", 200, b"ab", True),
        (EMPTY + b"CONNECTION: KEEP-ALIVE\r\nConnection:\tkeep-alive\r\n\r\n", 200, b"", True),
        (CHUNKED + b"0\r\nContent-Length: x\r\n\r\n", 200, b"", True),
        (OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: ,CHUNKED,\r\n\r\n0\r\n\r\n",
         200, b"", True),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
         b"1\r\na\r\n0\r\n\r\n", 200, b"a", False),
        (EMPTY + b"X: " + b"y" * 60_000 + b"\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 200 " + b"y" * 400 + b"\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (CHUNKED + b"0\r\nContent-Length: " + b"y" * 400 + b"\n\r\n", 200, b"", True),
    ],
)  # fmt: skip
def test_complete(data: bytes, status: int, body: bytes, keep_alive: bool) -> None:
    assert both(data) == Verdict(Code.DONE, NONE, status, body, keep_alive, len(data))


@pytest.mark.parametrize(("data", "error"), REFUSED)
def test_broken(data: bytes, error: ErrorKind) -> None:
    verdict = both(data)
    assert (verdict.code, verdict.error, verdict.keep_alive) == (Code.BAD, error, False)
    assert core(data + b"\r\n\r\n").error == error


@pytest.mark.parametrize("data", CUT_OFF)
def test_incomplete_and_then_closed(data: bytes) -> None:
    assert both(data).code == Code.NEED_MORE
    verdict = both(data, eof=True)
    kind = ErrorKind.BODY_SHORT if data else ErrorKind.CLOSED_EARLY
    assert (verdict.code, verdict.error) == (Code.BAD, kind)


def test_limits_at_their_edges() -> None:
    fill = 65_536 - len(EMPTY) - 4 - 3
    fits = EMPTY + b"A: " + b"b" * fill + b"\r\n\r\n"
    assert len(fits) == 65_536
    assert core(fits).code == Code.DONE
    assert core(fits, 65_535).code == Code.DONE
    too_large = fits.replace(b"A: ", b"A: b")
    for cuts in ((), (300,), (65_535,), (65_536,)):
        assert core(too_large, *cuts).error == LARGE
    line = b"1;" + b"a" * 4_092 + b"\r\n"
    assert both(CHUNKED + line + b"a\r\n" + line[:-1] + b"\na\r\n0\r\n\r\n").body == b"aa"
    assert both(CHUNKED + b"1;" + b"a" * 4_093 + b"\r\n").error == CHUNK
    name = b"A" * 255
    assert both(EMPTY + name + b": b\r\n\r\n").code == Code.DONE
    padded = OK + b"Content-Length:" + b" " * 239 + b"1\r\n\r\nx"
    assert both(padded).code == Code.DONE
    assert both(padded.replace(b": ", b":  ")).error == HEADER


def test_close_delimited_body_ends_with_the_connection() -> None:
    data = OK + b"\r\n" + b"abc"
    assert both(data) == Verdict(Code.NEED_MORE, NONE, 200, b"abc", False, len(data))
    assert both(data, eof=True) == Verdict(Code.DONE, NONE, 200, b"abc", False, len(data))
    parser = Http1Parser()
    parser.feed(data)
    assert (parser.close_delimited, parser.head_done, parser.content_length) == (True, True, None)


def test_answer_to_head_has_no_body() -> None:
    for framing in (b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        data = OK + framing + b"\r\n"
        verdict = both(data, head=True)
        assert (verdict.code, verdict.keep_alive, verdict.used) == (Code.DONE, True, len(data))


def test_bytes_behind_the_response_are_not_consumed() -> None:
    for data in (NGINX, CHUNKED + b"1\r\na\r\n0\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"):
        assert both(data + b"HTTP/1.1 500").used == len(data)
    parser = Http1Parser()
    parser.feed(NGINX)
    assert parser.feed(b"more") == (Code.DONE, 0)
    assert parser.eof() == Code.DONE


def test_a_verdict_stands_until_reset() -> None:
    parser = Http1Parser()
    assert parser.feed(b"nonsense") == (Code.BAD, 8)
    assert parser.feed(NGINX) == (Code.BAD, 0)
    assert parser.eof() == Code.BAD
    assert parser.error == STATUS_LINE
    parser.reset()
    assert (parser.error, parser.status) == (0, 0)
    assert parser.feed(NGINX) == (Code.DONE, len(NGINX))


def test_state_is_small_and_tells() -> None:
    parser = Http1Parser()
    assert parser.state_bytes <= 400
    parser.feed(b"HTTP/1.1 103 H\r\n\r\n" * 2 + NGINX[:-3])
    assert (parser.interim, parser.status, parser.content_length) == (2, 200, 28)
    assert (parser.body_bytes, parser.body, parser.head_done) == (25, b"", True)


def test_closed_parser_refuses() -> None:
    parser = Http1Parser()
    parser.close()
    parser.close()
    with pytest.raises(ValueError, match=r"^the parser is closed$"):
        parser.feed(b"")
    with pytest.raises(ValueError, match=r"^at most 4 wanted headers of 1024 bytes$"):
        Http1Parser().reset(wanted=(b"a",) * 5)
    with pytest.raises(ValueError, match=r"^not one complete response$"):
        Http1Parser().bench(b"HTTP/1.1 200", 2)


@dataclass(frozen=True)
class Kept:
    """A header line's values, what is kept of them at 8 bytes, and whether something was cut."""

    values: tuple[bytes, ...]
    kept: bytes
    cut: bool


@pytest.mark.parametrize(
    "case",
    [
        Kept((), b"", False),
        Kept((b"",), b"", False),
        Kept((b" \t ",), b"", False),
        Kept((b" /next\t ",), b"/next", False),
        Kept((b"12345678",), b"12345678", False),
        Kept((b"12345678   ",), b"12345678", False),
        Kept((b"123456789",), b"12345678", True),
        Kept((b"1234567 9",), b"1234567", True),
        Kept((b"a=1", b"b=2"), b"a=1\nb=2", False),
        Kept((b"a=1", b"b=2", b"c=3"), b"a=1\nb=2\n", True),
        Kept((b"12345678", b""), b"12345678", False),
        Kept((b" " * 400 + b"x" + b" " * 400,), b"x", False),
        Kept((b"x" * 400, b"y"), b"xxxxxxxx", True),
    ],
)
def test_wanted_headers_are_kept(case: Kept) -> None:
    lines = b"".join(b"Set-COOKIE:" + value + b"\r\n" for value in case.values)
    early = b"HTTP/1.1 103 H\r\nSet-Cookie: early\r\n\r\n"
    data = early + EMPTY + b"Set-Cookie2: no\r\n" + lines + b"\r\n"
    parser = Http1Parser()
    for cut in range(len(data)):
        parser.reset(wanted=(b"location", b"set-cookie"), capacity=8)
        parser.feed(data[:cut])
        assert parser.feed(data[cut:])[0] == Code.DONE
        assert parser.kept == [(b"", False), (case.kept, case.cut)]


def test_wanted_header_may_frame_too() -> None:
    parser = Http1Parser()
    parser.reset(wanted=(b"content-length",))
    assert parser.feed(NGINX)[0] == Code.DONE
    assert (parser.kept, parser.body_bytes) == ([(b"28", False)], 28)


@settings(deadline=None, max_examples=150)
@given(responses(), st.lists(st.integers(0, 2_000), max_size=8), st.booleans())
def test_cutting_changes_nothing(
    response: tuple[bytes, int, bytes, bool], places: list[int], head: bool
) -> None:
    data = response[0]
    cuts = [place % (len(data) + 1) for place in places]
    assert essence(core(data, *cuts, head=head)) == essence(core(data, head=head))


@settings(deadline=None, max_examples=500)
@given(mutated(), st.lists(st.integers(0, 2_000), max_size=4), st.booleans(), st.booleans())
def test_agrees_with_the_oracle_on_broken_input(
    data: bytes, places: list[int], head: bool, eof: bool
) -> None:
    expected = essence(oracle.parse(data, head=head, eof=eof))
    assert essence(core(data, head=head, eof=eof)) == expected
    cuts = [place % (len(data) + 1) for place in places]
    assert essence(core(data, *cuts, head=head, eof=eof)) == expected
