"""HTTP/1.1 responses: broken ones by table; strategies for valid, real and broken ones."""

from pathlib import Path

from hypothesis import strategies as st

from velroload.sample import ErrorKind

STATUS_LINE = ErrorKind.BAD_STATUS_LINE
HEADER = ErrorKind.BAD_HEADER
LARGE = ErrorKind.HEADER_TOO_LARGE
LENGTH = ErrorKind.BAD_LENGTH
CHUNK = ErrorKind.BAD_CHUNK
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED: list[tuple[bytes, ErrorKind]] = [
    (b"\r\n" + EMPTY + b"\r\n", STATUS_LINE),
    (b"SSH-2", STATUS_LINE),
    (b"\x15\x03\x01\x00\x02\x02\x16", STATUS_LINE),
    (b"HTTP/2 200\r\n", STATUS_LINE),
    (b"HTTP/1.2 200 OK\r\n", STATUS_LINE),
    (b"HTTP/1.1  200 OK\r\n", STATUS_LINE),
    (b"HTTP/1.1 20 OK\r\n", STATUS_LINE),
    (b"HTTP/1.1 2000\r\n", STATUS_LINE),
    (b"HTTP/1.1 2x0 OK\r\n", STATUS_LINE),
    (b"HTTP/1.1 099 OK\r\n", STATUS_LINE),
    (b"HTTP/1.1 101 Switching\r\n", STATUS_LINE),
    (b"HTTP/1.1 200\tOK\r\n", STATUS_LINE),
    (b"HTTP/1.1 200 O\x00K\r\n", STATUS_LINE),
    (b"HTTP/1.1 200 O\rK\r\n", STATUS_LINE),
    (b"HTTP/1.1 200 " + b"y" * 400 + b"\x7f", STATUS_LINE),
    (b"HTTP/1.1 200 " + b"y" * 400 + b"\rz", STATUS_LINE),
    (b"HTTP/1.1 101 " + b"y" * 400, STATUS_LINE),
    (b"HTTP/1.1 200 OK\r\n folded\r\n", HEADER),
    (EMPTY + b"A: b\r\n\tfolded\r\n", HEADER),
    (EMPTY + b"A : b\r\n", HEADER),
    (EMPTY + b": b\r\n", HEADER),
    (EMPTY + b"A\r\n", HEADER),
    (EMPTY + b"A@b: c\r\n", HEADER),
    (EMPTY + b"A\x00: c\r\n", HEADER),
    (EMPTY + b"A: b\x00\r\n", HEADER),
    (EMPTY + b"A: b\x0b\r\n", HEADER),
    (EMPTY + b"A: b\x7f\r\n", HEADER),
    (EMPTY + b"A: b\rc\r\n", HEADER),
    (EMPTY + b"A: b\r\r\n", HEADER),
    (EMPTY + b"\r\r\n", HEADER),
    (EMPTY + b"A" * 256 + b": b\r\n", HEADER),
    (EMPTY + b"A: " + b"y" * 400 + b"\x00", HEADER),
    (EMPTY + b"Connection: " + b"y" * 245, HEADER),
    (OK + b"Content-Length: " + b"0" * 400 + b"\r\n", HEADER),
    (OK + b"Transfer-Encoding: chunked, gzip\r\n", HEADER),
    (OK + b"Transfer-Encoding: chunked, chunked\r\n", HEADER),
    (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", HEADER),
    (OK + b"Transfer-Encoding: chunked;q=1\r\n", HEADER),
    (OK + b"Transfer-Encoding: \r\n", HEADER),
    (OK + b"Transfer-Encoding: gzip\r\n\r\n", HEADER),
    (OK + b"Transfer-Encoding: identity\r\n\r\n", HEADER),
    (b"HTTP/1.1 102 P\r\n\r\n" * 17, HEADER),
    (CHUNKED + b"0\r\nT : v\r\n", HEADER),
    (CHUNKED + b"0\r\n folded\r\n", HEADER),
    (OK + b"A: b\r\n" * 12_000, LARGE),
    (OK + b"A: " + b"b" * 70_000, LARGE),
    (b"HTTP/1.1 200 " + b"b" * 70_000, LARGE),
    (CHUNKED + b"0\r\n" + b"A: b\r\n" * 12_000, LARGE),
    (OK + b"Content-Length:\r\n", LENGTH),
    (OK + b"Content-Length: +1\r\n", LENGTH),
    (OK + b"Content-Length: \r\n", LENGTH),
    (OK + b"Content-Length: 999999999999999999999\r\n", LENGTH),
    (OK + b"Content-Length: 12x\r\n", LENGTH),
    (OK + b"Content-Length: 1a\r\n", LENGTH),
    (OK + b"Content-Length: \xb5\r\n", LENGTH),
    (OK + b"Content-Length: 1 1\r\n", LENGTH),
    (OK + b"Content-Length: 1,\r\n", LENGTH),
    (OK + b"Content-Length: 1, 2\r\n", LENGTH),
    (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n", LENGTH),
    (OK + b"Content-Length: 9223372036854775808\r\n", LENGTH),
    (OK + b"Content-Length: 18446744073709551617\r\n", LENGTH),
    (EMPTY + b"Transfer-Encoding: chunked\r\n\r\n", LENGTH),
    (b"HTTP/1.1 204 No\r\nTransfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", LENGTH),
    (CHUNKED + b"\r\n", CHUNK),
    (CHUNKED + b"g", CHUNK),
    (CHUNKED + b" 1", CHUNK),
    (CHUNKED + b"-1", CHUNK),
    (CHUNKED + b"1 1", CHUNK),
    (CHUNKED + b"1\n", CHUNK),
    (CHUNKED + b"1\ra", CHUNK),
    (CHUNKED + b"1;\x00", CHUNK),
    (CHUNKED + b"1;a\n", CHUNK),
    (CHUNKED + b"1\r\naa", CHUNK),
    (CHUNKED + b"1\r\na\n", CHUNK),
    (CHUNKED + b"1\r\na\ra", CHUNK),
    (CHUNKED + b"8000000000000000", CHUNK),
    (CHUNKED + b"00000000000000001", CHUNK),
    (CHUNKED + b"1;" + b"a" * 4_095, CHUNK),
]
"""Refused as soon as these bytes are here, whatever follows."""
CUT_OFF = [
    b"",
    b"HTT",
    b"HTTP/1.1 2",
    EMPTY + b"\r",
    EMPTY + b"A: \x00",
    EMPTY + b"A: " + b"y" * 400 + b"\r",
    EMPTY + b"Connection: " + b"y" * 244,
    OK + b"Content-Length: 9223372036854775807\r\n\r\nabc",
    CHUNKED + b"7fffffffffffffff\r\nabc",
    CHUNKED + b"1;" + b"a" * 4_094,
    CHUNKED + b"1\r\na\r\n0\r\n",
    b"HTTP/1.1 100 C\r\n\r\n",
]
"""Broken off in the middle."""

token = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=24).map(str.encode)
FRAMING = (
    b"content-length", b"transfer-encoding", b"connection", b"proxy-connection", b"upgrade",
)  # fmt: skip
text = st.text(st.sampled_from('\t !a"~,;\x80\xe4\xff'), max_size=40).map(
    lambda s: s.encode("latin-1").strip(b" \t")
)
body = st.binary(max_size=600)


@st.composite
def head_lines(draw: st.DrawFn, framing: bytes) -> bytes:
    """Header lines in any order, the framing one among them."""
    names = token.filter(lambda name: name.lower() not in FRAMING)
    lines = [
        draw(names) + b":" + draw(st.sampled_from([b"", b" ", b"\t "])) + draw(text)
        for _ in range(draw(st.integers(0, 6)))
    ]
    if draw(st.booleans()):
        lines.append(b"X-Long: " + b"v" * draw(st.integers(230, 600)))
    lines += draw(st.sampled_from([[], [b"Connection: close"], [b"CONNECTION: keep-alive"]]))
    if framing:
        lines.append(framing)
    return b"".join(line + b"\r\n" for line in draw(st.permutations(lines))) + b"\r\n"


@st.composite
def chunks(draw: st.DrawFn, whole: bytes) -> bytes:
    """A chunked coding of whole."""
    out = b""
    while whole:
        size = draw(st.integers(1, len(whole)))
        digits = draw(st.sampled_from(["%x", "%X", "%04x"])) % size
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c"']))
        out += digits.encode() + extension + b"\r\n" + whole[:size] + b"\r\n"
        whole = whole[size:]
    return out + b"0\r\n" + draw(st.sampled_from([b"", b"T: v\r\n", b"T: v\r\nU: w\r\n"])) + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, int, bytes, bool]:
    """(bytes, status, body, ended only by the close), all valid."""
    whole = draw(body)
    framing = draw(st.sampled_from(["length", "chunked", "close", "none"]))
    status = draw(st.sampled_from([200, 201, 302, 404, 429, 500, 503, 599]))
    coded, line = whole, b""
    if framing == "none":
        status, whole, coded = draw(st.sampled_from([204, 304])), b"", b""
    elif framing == "length":
        line = b"Content-Length: %d" % len(whole)
    elif framing == "chunked":
        line, coded = b"Transfer-Encoding: chunked", draw(chunks(whole))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    minor = 1 if framing == "chunked" else draw(st.integers(0, 1))
    start = b"HTTP/1.%d %d " % (minor, status) + draw(st.sampled_from([b"", b"OK", b"Not so"]))
    data = interim + start + b"\r\n" + draw(head_lines(line)) + coded
    return data, status, whole, framing == "close"


SPLINTERS = [
    b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b",", b";", b"0", b"f",
    b"\x7f", b"\xff", b"y" * 250, b"y" * 300, b"HTTP/1.1 100 C\r\n\r\n", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"99999999999999999999",
]  # fmt: skip


STARTS = [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]


CORPUS = Path(__file__).parents[1] / "fuzz/corpus/http1"
REAL = [path.read_bytes() for path in sorted(CORPUS.glob("*.http"))]
"""What servers send, and what should never come; the fuzzer's seeds."""


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Data with splinters in it, cut off somewhere."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = len(data) - draw(st.integers(0, len(data)))  # small numbers are drawn more often
        data[at : at + draw(st.integers(0, 3))] = draw(st.sampled_from(SPLINTERS))
    return bytes(data[: len(data) - draw(st.integers(0, len(data)))])


def mutated() -> st.SearchStrategy[bytes]:
    """A broken response, or garbage after a good start."""
    garbage = st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=80))
    valid = responses().map(lambda response: response[0])
    return damaged(st.one_of(valid, st.sampled_from(REAL), garbage))
