"""Where one request's time went, as it was measured."""

from time import perf_counter_ns

LAYERS = ("none", "L1", "L2", "L3")
"""Names of `Spent.layer`. L3 is the source: the database, or for a token its signature check."""


class Spent:
    """What one request has cost so far.

    `layer` is the deepest that one of its cached look-ups had to go to (0: there was none),
    `cache_ns` the time of these look-ups and `db_ns` that in the database, waiting for a
    connection included. Look-ups that end in the database count in both.
    """

    __slots__ = ("cache_ns", "db_ns", "layer")

    def __init__(self) -> None:
        self.layer = 0
        self.cache_ns = 0
        self.db_ns = 0

    def looked_up(self, layer: int, began_ns: int) -> None:
        """Charge a look-up that began at `began_ns` (perf_counter_ns) and ended in `layer`."""
        if layer > self.layer:
            self.layer = layer
        self.cache_ns += perf_counter_ns() - began_ns

    def header(self, app_ms: str) -> str:
        """The Server-Timing header; `app_ms` is the whole time in milliseconds."""
        parts = []
        if self.layer:
            parts.append(f'cache;desc="{LAYERS[self.layer]}";dur={self.cache_ns / 1e6:.3f}')
        if self.db_ns:
            parts.append(f"db;dur={self.db_ns / 1e6:.3f}")
        parts.append(f"app;dur={app_ms}")
        return ", ".join(parts)
