"""Requirements: which document a run is held against, and which phase answers it."""

from dataclasses import dataclass

from velroload.errors import ConfigError

KNOWN = ("velro-prd",)
"""Documents that are known by name."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """use: the document. phase: the phase that answers it (None: the whole run), but for
    requirements that another phase judges itself (Phase.judges)."""

    use: str
    phase: str | None = None

    def __post_init__(self) -> None:
        if self.use not in KNOWN:
            raise ConfigError(f"requirements: {self.use!r} is not known: {', '.join(KNOWN)}")
