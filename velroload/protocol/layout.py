"""The arrays that the core executes, as numpy lays them out: those of core/template.pxi.

The core checks every index when it loads them.
"""

import numpy as np

STEP = np.dtype(
    [
        ("op", "u1"),
        ("flags", "u1"),
        ("endpoint", "<u2"),
        ("expect", "<u2"),
        ("think", "u1"),
        ("origin", "u1"),
        ("part_first", "<u4"),
        ("part_count", "<u4"),
        ("capture_first", "<u4"),
        ("capture_count", "<u4"),
        ("timeout_ns", "<i8"),
        ("think_a", "<f8"),
        ("think_b", "<f8"),
        ("probability", "<f8"),
        ("body_first", "<u4"),
        ("extra", "<u4"),
    ]
)
ORIGIN = np.dtype(
    [("address_first", "<u4"), ("address_count", "<u4"), ("transport", "u1"), ("pad", "V7")]
)
EXTRA = np.dtype(
    [
        ("hop_first", "<u4"),
        ("path_slot", "<u4"),
        ("hop_endpoint", "<u2"),
        ("redirects", "u1"),
        ("flags", "u1"),
        ("cookie_slot", "<u4"),
    ]
)
FILL = np.dtype(
    [
        ("kind", "<u4"),
        ("slot", "<u4"),
        ("a", "<i8"),
        ("b", "<i8"),
        ("part_first", "<u4"),
        ("part_count", "<u4"),
        ("weight_first", "<u4"),
        ("rule", "<u4"),
        ("pad", "V24"),
    ]
)

SLOT = np.dtype([("at", "<u4"), ("room", "<u4"), ("table", "<u4"), ("pad", "V4")])

(
    REQUEST, THINK, PARK, JUMP, CHANCE, TEST, LOOP, AGAIN, ONCE, GROUP, GROUP_END, SET, END, TAKE,
) = range(14)  # fmt: skip
"""Operations of a step."""
PICKS = {"sequential": 0, "circular": 0, "once": 0, "random": 1, "shuffle": 2, "unique": 3}
AT_ENDS = {"stop": 0, "repeat": 1, "fail": 2}
HEAD, IDEMPOTENT, WANT_BODY, CLOSE, SPANS, POST, END_ON_ERROR, WANT_HEADERS = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip
"""Flags of a request."""
ON_ERROR_LOGIN = 1
"""In `think` of a request that ends its iteration: the user logs in again."""
TEST_SLOT, TEST_COMPUTED = 0, 1
THINKS = {"constant": 1, "uniform": 2, "exponential": 3, "normal": 4, "lognormal": 5}
(UUID, SEQUENCE, INT, RANDOM_TEXT, PICK, NOW, TEXT, BASE64, COMPUTED, ITERATION) = range(10)
"""Kinds of a fill: of a value that fills a slot."""
NONE = 2**32 - 1
ONCE_MAX = 32
"""Once-steps of one scenario: bits of a user's word."""
COOKIES, DECODE, VALUES, CACHE = 1, 2, 4, 8
"""Flags of an extra."""


def array(rows: "list[dict[str, float]]", dtype: np.dtype) -> bytes:
    """The rows as the core reads them; what a row does not name is 0."""
    names = [name for name in dtype.names or () if name != "pad"]
    out = np.zeros(len(rows), dtype)
    for name in names:
        out[name] = [row.get(name, 0) for row in rows]
    return out.tobytes()
