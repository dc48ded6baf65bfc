"""Rules that take a value out of a response body. Imported by workers: nothing heavy here."""

from collections.abc import Callable, Sequence

Rule = Callable[[bytes], bytes | None]


def json_rule(path: Sequence[str | int]) -> Rule:
    """A rule that follows keys and indexes through a JSON document.

    It returns the text of a string, the JSON form of a number or a truth value, and None for
    anything else, for a path that is not there, and for a body that is not JSON.
    """
    import orjson  # only by workers that capture something

    def rule(body: bytes) -> bytes | None:
        try:
            value = orjson.loads(body)
            for step in path:
                if isinstance(value, str):
                    return None  # Python would take one letter of it
                value = value[step]
        except (orjson.JSONDecodeError, LookupError, TypeError):
            return None
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, (bool, int, float)):
            return orjson.dumps(value)
        return None

    return rule
