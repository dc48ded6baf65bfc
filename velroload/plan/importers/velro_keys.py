"""Keeps account of the predecessor's keys: what was taken over, and what is left."""

from typing import Any

from velroload.errors import ConfigError

REASONS = (
    ("test_environment.max_connections", "each user has a connection of its own (defaults: "
     "connections limits them)"),
    ("test_environment.test_generations_count", "accounts: hot_each says how many each has"),
    ("test_environment.hot_data_percentage", "one hot generation per account is what R3 needs"),
    ("monitoring", "probes watch the target once a second, and the generator is always watched"),
    ("reporting", "`velroload run --report FILE` or output: reports; kinds by ending"),
    ("test_data", "accounts are made, and removed, by the run"),
    ("safety_limits.rate_limiting", "the offered rate is exact; limits: max_rate refuses a plan"),
    ("safety_limits.resource_limits", "the generator vouches for its figures (validity)"),
    ("safety_limits.circuit_breaker", "abort_on says when a run ends early"),
    ("safety_limits", "limits and abort_on"),
    ("prd_requirements", "requirements: velro-prd, or thresholds"),
)  # fmt: skip
"""The beginning of a path → why it has no place in a plan."""


def reason(path: str) -> str:
    """Why a key is not mapped."""
    if ".request_patterns." in path:
        return "no request of that kind is known"
    if ".advanced_features." in path and "leak" in path:
        return "R13 looks for trends in the endurance phase (judges: R13)"
    if ".advanced_features." in path:
        return "events say what is done to the target, and when"
    found = next((why for start, why in REASONS if path.startswith(start)), None)
    return found or "no such thing is known"


class Keys:
    """The document, its leaves by path, and which of them were taken."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.notes: list[str] = []
        self._leaves: dict[str, Any] = {}
        self._taken: set[str] = set()
        self._walk("", document)

    def _walk(self, path: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, each in value.items():
                self._walk(f"{path}.{key}" if path else str(key), each)
        else:
            self._leaves[path] = value

    def take(self, path: str) -> Any:
        """The value there, which then counts as mapped; None when there is none."""
        if path in self._leaves:
            self._taken.add(path)
        return self._leaves.get(path)

    def number(self, path: str) -> float | None:
        """The same as a number. ConfigError when it is none."""
        value = self.take(path)
        if value is None:
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            found = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"import velro: {path}: {value!r} is no number") from None
        if not 0 <= found < 2**53:
            raise ConfigError(f"import velro: {path}: {value!r}: 0 or more is needed")
        return found

    def take_all(self, at: str) -> dict[str, Any]:
        """Everything below a path, without the path."""
        found = {path: value for path, value in self._leaves.items() if path.startswith(f"{at}.")}
        self._taken.update(found)
        return {path.removeprefix(f"{at}."): value for path, value in found.items()}

    def left(self) -> list[str]:
        """What nobody took, in the file's order."""
        return [path for path in self._leaves if path not in self._taken]
