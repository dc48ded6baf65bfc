"""Content codings of response bodies, undone only where a step reads the body. Imported by workers.

Runs after the response was timed. What a server can make us unpack is bounded: 8 MiB, and a hundred
times what it sent (RFC 9110 §8.4 names the codings).
"""

import zlib

from velroload.sample import ErrorKind

CODINGS = "gzip, deflate"
"""What is asked for: all that the standard library can undo in every Python."""
DECODED_BYTES_MAX = 8 << 20
RATIO_MAX = 100
HARMLESS_BYTES = 64 << 10
"""So much may come of however little."""
CODINGS_MAX = 3


def decode(coding: bytes, body: bytes) -> bytes | int:
    """The body without its codings, or the ErrorKind that a capture then ends with."""
    names = [name.strip().lower() for name in coding.replace(b"\n", b",").split(b",")]
    names = [name for name in names if name not in (b"", b"identity")]
    if len(names) > CODINGS_MAX:
        return ErrorKind.CAPTURE_FAILED
    limit = min(DECODED_BYTES_MAX, max(RATIO_MAX * len(body), HARMLESS_BYTES))
    found: bytes | int = body
    for name in reversed(names):
        if isinstance(found, int):
            return found
        if name in (b"gzip", b"x-gzip"):
            found = inflate(found, 16 + zlib.MAX_WBITS, limit)
        elif name == b"deflate":
            found = inflate(found, zlib.MAX_WBITS if zlib_header(found) else -zlib.MAX_WBITS, limit)
        else:
            return ErrorKind.CAPTURE_FAILED
    return found


def inflate(body: bytes, wbits: int, limit: int) -> bytes | int:
    """All members of a gzip stream, or one stream of deflate, up to `limit` bytes."""
    found = b""
    while body:
        stream = zlib.decompressobj(wbits)
        try:
            found += stream.decompress(body, limit + 1 - len(found))
        except zlib.error:
            return ErrorKind.CAPTURE_FAILED
        if len(found) > limit:
            return ErrorKind.BODY_TOO_LARGE
        if not stream.eof or (stream.unused_data and wbits < 16):
            return ErrorKind.CAPTURE_FAILED
        body = stream.unused_data
    return found


def zlib_header(body: bytes) -> bool:
    """True when deflate comes in its zlib wrapping, as it should; some servers leave it out."""
    return len(body) >= 2 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
