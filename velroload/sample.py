"""The one format that all rooms share: the sample, its error kinds, kinds and flags.

A sample is 64 bytes, little endian, one cache line. Instants are CLOCK_MONOTONIC nanoseconds since
the run's epoch. The core's twin is core/sample.pxi; tests/test_sample.py holds the two together.
"""

from enum import IntEnum, IntFlag

import numpy as np

SAMPLE = np.dtype(
    [
        ("scheduled_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("end_ns", "<i8"),
        ("first_byte_us", "<u4"),
        ("wait_us", "<u4"),
        ("connect_us", "<u4"),  # group and iteration: think time inside
        ("tls_us", "<u4"),
        ("read_lag_ns", "<u4"),
        ("bytes_in", "<u4"),
        ("user_address", "<u4"),  # low 24 bits user, high 8 bits address
        ("iteration", "<u4"),
        ("endpoint", "<u2"),
        ("status", "<u2"),
        ("error", "u1"),
        ("phase", "u1"),
        ("flags", "<u2"),  # bits 0-1 kind, 2-9 Flag, 10-11 age, 12-15 cache layer
    ]
)


class Kind(IntEnum):
    """What a sample times (bits 0-1 of its flags)."""

    REQUEST = 0
    HOP = 1
    GROUP = 2
    ITERATION = 3


class Flag(IntFlag):
    """What is special about a sample."""

    NEW_CONNECTION = 1 << 2
    USER_CLOCK = 1 << 3
    CENSORED = 1 << 4
    RETRIED = 1 << 5
    WARM_UP = 1 << 6
    COALESCED = 1 << 7
    PREEMPTED = 1 << 8
    SETUP = 1 << 9


AGE_SHIFT = 10
AGE_MASK = 3 << AGE_SHIFT
"""Bits of the flags that hold the age of the connection when the request took it, by powers of ten:
0 below 1 s (a new one always), 1 below 10 s, 2 below 100 s, 3 older."""


CACHE_SHIFT = 12
"""Bits 12-15 of the flags: what the answer said of the cache (CacheLayer)."""


class CacheLayer(IntEnum):
    """Where an answer came from, by its own word. L3 is the source behind the caches."""

    NOT_ASKED = 0  # no plan's header, or a write; in a run folder's samples unknown as well
    MISS = 1
    HIT = 2  # its layer was not told
    L1 = 3
    L2 = 4
    L3 = 5
    UNKNOWN = 6  # in a ring: asked; nothing was said that the plan knows


class ErrorKind(IntEnum):
    """Why a request failed. Numbers are stable; tens group them (the shape of k6's codes).

    10 name · 20 connect · 30 TLS · 40 transfer · 50 protocol · 60 local resource · 70 judged.
    """

    NONE = 0
    DNS = 10
    CONNECT_REFUSED = 20
    CONNECT_TIMEOUT = 21
    CONNECT_UNREACHABLE = 22
    CONNECT_RESET = 23
    CONNECT_FAILED = 24
    TLS_HANDSHAKE = 30
    TLS_CERTIFICATE = 31
    TLS_ALERT = 32
    TLS_TIMEOUT = 33
    RESET = 40
    CLOSED_EARLY = 41
    BROKEN_PIPE = 42
    TIMEOUT = 43
    TRANSFER_FAILED = 44
    TLS_BROKEN = 45
    BAD_STATUS_LINE = 50
    BAD_HEADER = 51
    HEADER_TOO_LARGE = 52
    BAD_LENGTH = 53
    BAD_CHUNK = 54
    BODY_SHORT = 55
    EXTRA_BYTES = 56
    BODY_TOO_LARGE = 57
    NO_DESCRIPTOR = 60
    NO_PORT = 61
    NO_MEMORY = 62
    LOCAL_FAILED = 63
    STATUS = 70
    CHECK_FAILED = 71
    CAPTURE_FAILED = 72
    CAPTURE_TOO_LONG = 73
    TOO_MANY_REDIRECTS = 74
    BAD_REDIRECT = 75
    REDIRECT_REFUSED = 76


FIRST_JUDGED = 70
"""Kinds from here on have a complete response: they count as failed, not as transport errors."""


def fails_before_sending(error: int) -> bool:
    """True when a request with this ErrorKind never reached send()."""
    return 10 <= error < 40 or 60 <= error <= 63
