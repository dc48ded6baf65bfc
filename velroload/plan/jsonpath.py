"""JSON paths: plain ones, which are followed key by key, and RFC 9535's others."""

import re

from velroload.errors import ConfigError

_PLAIN = re.compile(r"\$(?:\.[A-Za-z0-9_-]+|\[[0-9]{1,9}\])+")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[([0-9]+)\]")


def plain_path(source: str) -> tuple[str | int, ...] | None:
    """'$.a.b[0]' → the keys and indexes to follow from the root; None when it asks for more."""
    if not _PLAIN.fullmatch(source):
        return None
    return tuple(key or int(index) for key, index in _STEP.findall(source))


def check_path(noun: str, source: str) -> None:
    """ConfigError when `source` is no JSON path (RFC 9535)."""
    if plain_path(source) is not None:
        return
    wrong = ConfigError(f"{noun}: {source!r} is not a path such as $.user.id or $[0].id")
    if not source.startswith("$") or source == "$":
        raise wrong
    import jsonpath  # half of what `velroload check` takes, so only where it is needed

    try:
        jsonpath.JSONPathEnvironment(strict=True).compile(source)
    except (jsonpath.JSONPathError, RecursionError):
        raise wrong from None
