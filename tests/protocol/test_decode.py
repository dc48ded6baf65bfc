"""Content codings: what is undone, what is refused, and how much memory a bomb can take."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.protocol.decode import DECODED_BYTES_MAX, HARMLESS_BYTES, decode
from velroload.sample import ErrorKind

TEXT = b'{"id": "some text that is not all too short"}' * 20


def packed(data: bytes) -> bytes:
    """The same bytes at any time: they are part of the tests' names."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"", TEXT),
        (b"identity", TEXT),
        (b"gzip", packed(TEXT)),
        (b"GZip", packed(TEXT)),
        (b"x-gzip", packed(TEXT)),
        (b"gzip", packed(TEXT[:10]) + packed(TEXT[10:])),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", raw_deflate(TEXT)),
        (b"deflate, gzip", packed(zlib.compress(TEXT))),
        (b"gzip\ngzip", packed(packed(TEXT))),
        (b"identity, gzip", packed(TEXT)),
    ],
)
def test_undone(coding: bytes, body: bytes) -> None:
    assert decode(coding, body) == TEXT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"br", TEXT),
        (b"gzip", TEXT),
        (b"gzip", packed(TEXT)[:-4]),
        (b"gzip", packed(TEXT) + b"more"),
        (b"deflate", zlib.compress(TEXT) + b"more"),
        (b"gzip, gzip, gzip, gzip", TEXT),
        (b"gzip, br", packed(TEXT)),
    ],
)
def test_not_understood(coding: bytes, body: bytes) -> None:
    assert decode(coding, body) == ErrorKind.CAPTURE_FAILED


def test_a_bomb_takes_no_memory() -> None:
    bomb = gzip.compress(bytes(500 << 20), 9)
    twice = gzip.compress(bomb, 9)
    many = gzip.compress(bytes(1 << 20), 9) * 20
    tracemalloc.start()
    try:
        for coding, body in ((b"gzip", bomb), (b"gzip, gzip", twice), (b"gzip", many)):
            assert decode(coding, body) == ErrorKind.BODY_TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 4 * DECODED_BYTES_MAX
    finally:
        tracemalloc.stop()


def test_limits() -> None:
    """A hundred times what came, 8 MiB at most, but 64 KiB of however little."""
    assert decode(b"gzip", packed(bytes(HARMLESS_BYTES))) == bytes(HARMLESS_BYTES)
    assert decode(b"gzip", packed(bytes(HARMLESS_BYTES + 1))) == ErrorKind.BODY_TOO_LARGE
    stored = gzip.compress(bytes(DECODED_BYTES_MAX), 0)
    assert decode(b"gzip", stored) == bytes(DECODED_BYTES_MAX)
    assert decode(b"gzip", gzip.compress(bytes(DECODED_BYTES_MAX + 1), 0)) == (
        ErrorKind.BODY_TOO_LARGE
    )


@given(st.binary(max_size=100), st.sampled_from([b"gzip", b"deflate", b"gzip,deflate"]))
def test_nothing_that_a_server_sends_raises(body: bytes, coding: bytes) -> None:
    assert isinstance(decode(coding, body), bytes | int)
