"""An answer that is an error; HTTP's statuses are the words in which every layer refuses."""

from collections.abc import Mapping


class Failure(Exception):
    """What was asked is refused: status, detail and headers of the answer."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


class UnavailableError(Failure):
    """A part that the service stands on does not answer: 503. Breakers count these.

    `part` is the name of the breaker that watches it.
    """

    def __init__(self, part: str, detail: str, retry_after_s: int | None = None) -> None:
        after = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        super().__init__(503, detail, after)
        self.part = part


class DuplicateError(Exception):
    """A row that is there already."""
