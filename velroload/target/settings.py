"""What a worker needs to know, all of it checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from velroload.target.ratelimit import Limit


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one target, the same in each of its workers.

    `postgres` is a URL, or None for the SQLite file `sqlite`. `faults` start with the target.
    """

    secret: str
    fault_token: str
    sqlite: Path
    postgres: str | None
    redis: str | None
    scrypt_n: int
    keepalive_s: int
    warm: bool
    recovery_s: float | None
    limit: Limit | None
    service_log: Path | None
    tls: tuple[Path, Path] | None
    faults: tuple[Mapping[str, str], ...]

    @property
    def database(self) -> str:
        """postgresql or sqlite."""
        return "sqlite" if self.postgres is None else "postgresql"
