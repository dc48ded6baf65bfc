"""Hypothesis strategies for HTTP/1.1 responses: valid, real, and broken ones made of both."""

from pathlib import Path

from hypothesis import strategies as st

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
