"""What users' sessions took: log-ins, renewals, requests sent once more after a 401."""

from dataclasses import dataclass
from typing import Any

from velroload.rundata import RunData


@dataclass(frozen=True, slots=True)
class BeforeTheLoad:
    """Users who logged in before it, and how long that took; it is in no figure of the load."""

    users: int
    took_ns: int


@dataclass(frozen=True, slots=True)
class Sessions:
    """Over the whole run and all workers. lives_unreadable: tokens whose life could not be read,
    which were used and never renewed."""

    logins: int
    renewals: int
    repeated: int
    lives_unreadable: int
    before_the_load: BeforeTheLoad | None


def sessions_of(data: RunData) -> Sessions | None:
    """None for a plan without sessions, and for a run without an end."""
    plan = data.manifest.get("plan") or {}
    workers: list[dict[str, Any]] = ((data.end or {}).get("evidence") or {}).get("workers") or []
    if not workers or not any(each.get("session") for each in plan.get("scenarios") or ()):
        return None

    def total(name: str) -> int:
        return sum(int((worker.get("counters") or {}).get(name, 0)) for worker in workers)

    before = data.manifest.get("login")
    return Sessions(
        logins=total("logins"),
        renewals=total("renewals"),
        repeated=total("requests_repeated"),
        lives_unreadable=total("lives_unreadable"),
        before_the_load=before and BeforeTheLoad(int(before["users"]), int(before["took_ns"])),
    )
