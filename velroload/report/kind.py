"""What every report is: a pure function from a result to text."""

from typing import Protocol

from velroload.analysis.result import Result
from velroload.errors import Exit


class Report(Protocol):
    """Result → the whole report. folder: where the run lies; code: the process's exit code."""

    def __call__(
        self, result: Result, *, folder: str | None = None, code: Exit | None = None
    ) -> str: ...
