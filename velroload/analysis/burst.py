"""Failures that came all at once: frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorBurst:
    """Neighbouring seconds with far more failures of a kind at an endpoint than its other seconds.

    kind and endpoint as in result.Failure. first_s, last_s: whole seconds since the start, both
    included. share: of the endpoint's requests of these seconds; usual: the same share outside.
    phase: the name of the phase in which it began. mark: the name of the event that it began under
    or within a few seconds after; after_s: how long after its begin. None: there was none.
    """

    kind: str
    endpoint: str
    first_s: int
    last_s: int
    count: int
    share: float
    usual: float
    phase: str | None = None
    mark: str | None = None
    after_s: float | None = None
