"""Where the result of a plan's run goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """folder: the run folder (None: runs/DATE-TIME-NAME); reports: files, their kind by ending."""

    folder: str | None = None
    reports: tuple[str, ...] = ()
