"""What every report is: a pure function from a run that is told of to the bytes of a file."""

from dataclasses import dataclass
from typing import Protocol

from velroload.analysis.result import Result
from velroload.errors import Exit
from velroload.rundata import RunData


@dataclass(frozen=True, slots=True)
class Told:
    """A run as reports get it: what analysis says of it, and the run folder's data.

    folder: where the run lies, as it is shown; code: the process's exit code, None for that of the
    result alone; name: of the file that is written.
    """

    result: Result
    data: RunData
    folder: str | None = None
    code: Exit | None = None
    name: str = ""


class Report(Protocol):
    """Told → the whole file. Pure: the same run gives the same bytes."""

    def __call__(self, told: Told) -> bytes: ...
