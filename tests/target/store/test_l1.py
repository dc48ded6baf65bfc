"""L1: bounded in bytes and in age."""

from velroload.target.store.l1 import L1, size_of


def test_values_live_as_long_as_they_are_told() -> None:
    now_s = 0.0
    cache = L1(clock=lambda: now_s)
    cache.put("short", "a", 10)
    cache.put("long", "b", 100)
    now_s = 9.9
    assert (cache.get("short"), cache.get("long")) == ("a", "b")
    now_s = 10.0
    assert (cache.get("short"), cache.get("long")) == (None, "b")
    cache.drop("long")
    cache.drop("long")
    assert cache.get("long") is None


def test_the_least_recently_used_go_first() -> None:
    size = size_of("x" * 1000) + size_of("0")
    cache = L1(limit_bytes=3 * size)
    for key in "012":
        cache.put(key, "x" * 1000, 60)
    assert cache.get("0") is not None
    cache.put("3", "x" * 1000, 60)
    assert [cache.get(key) is not None for key in "0123"] == [True, False, True, True]
    assert (cache.entries, cache.used_bytes) == (3, 3 * size)
    cache.put("4", "x" * 10_000, 60)  # larger than the whole cache
    assert cache.entries == 3
    cache.flush()
    assert (cache.entries, cache.used_bytes) == (0, 0)


def test_sizes_include_what_is_held() -> None:
    assert size_of(("a" * 100, 1)) > size_of("a" * 100)
    assert size_of({"key": ["a" * 100]}) > size_of("a" * 100) + size_of("key")
