"""L1: the cache in the process, limited in bytes and in age."""

import sys
import time
from collections.abc import Callable
from typing import Any

from cachetools import TLRUCache

LIMIT_BYTES = 200_000_000


class L1:
    """Values by key, each with its own life; the least recently used go first.

    `clock` gives seconds that never go back. Sizes are those of the objects and what they hold.
    """

    def __init__(
        self, limit_bytes: int = LIMIT_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._items: TLRUCache[str, tuple[Any, int, int]] = TLRUCache(
            maxsize=limit_bytes,
            ttu=lambda _key, item, now_s: now_s + item[1],
            timer=clock,
            getsizeof=lambda item: item[2],
        )
        self.limit_bytes = limit_bytes

    def get(self, key: str) -> Any:
        """The value, None when there is none."""
        try:
            return self._items[key][0]
        except KeyError:
            return None

    def put(self, key: str, value: Any, life_s: int) -> None:
        """Keep a value for `life_s` seconds; one that is larger than the whole cache is not."""
        size_bytes = size_of(value) + size_of(key)
        if size_bytes <= self.limit_bytes:
            self._items[key] = (value, life_s, size_bytes)

    def drop(self, key: str) -> None:
        """Forget a value, if it is there."""
        self._items.pop(key, None)

    def flush(self) -> None:
        """Forget everything."""
        self._items.clear()

    @property
    def entries(self) -> int:
        """How many values there are, expired ones that were not asked for included."""
        return len(self._items)

    @property
    def used_bytes(self) -> int:
        """Their size."""
        return int(self._items.currsize)


def size_of(value: Any) -> int:
    """Bytes of an object, one level of what it holds included."""
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(size_of(k) + size_of(v) for k, v in value.items())
    if isinstance(value, tuple | list):
        return sys.getsizeof(value) + sum(size_of(each) for each in value)
    return sys.getsizeof(value)
