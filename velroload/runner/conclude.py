"""From a run folder to what is said of it: analysis, reports, exit code. Needs no engine."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from velroload import runfolder
from velroload.analysis.analyse import analyse
from velroload.analysis.result import Result
from velroload.analysis.validity import SUSPECT
from velroload.analysis.verdict import exit_code
from velroload.errors import ConfigError, Exit, strongest
from velroload.report import REPORTS, as_json, as_text
from velroload.runfolder import RunData

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The printed report and the exit code that the run has earned."""

    text: str
    exit_code: Exit


def conclude(
    folder: str | Path,
    reports: Sequence[str] = (),
    *,
    verbose: bool = False,
    strict: bool = False,
    inconclusive_pass: bool = False,
) -> Conclusion:
    """Load a run folder, analyse it, write result.json and the reports asked for.

    ConfigError when the folder is none or cannot be read.
    """
    try:
        data = runfolder.load(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder}: not a run folder: {error}") from None
    return tell(
        data,
        folder,
        reports,
        verbose=verbose,
        strict=strict,
        inconclusive_pass=inconclusive_pass,
    )


def tell(
    data: RunData,
    folder: str | Path,
    reports: Sequence[str] = (),
    *,
    verbose: bool = False,
    strict: bool = False,
    inconclusive_pass: bool = False,
    disk_error: str | None = None,
) -> Conclusion:
    """The same for figures in memory. `disk_error`: what could not be saved before."""
    result = analyse(data)
    code = earned(result, strict, inconclusive_pass)
    lost = [] if disk_error is None else [disk_error]
    if disk_error is None:
        lost += write(Path(folder) / RESULT, as_json(result, folder=str(folder), code=code))
    for report in reports:
        made = REPORTS[os.path.splitext(report)[1]](result, folder=str(folder), code=code)
        lost += write(Path(report), made)
    if lost:
        code = strongest([code, Exit.INVALID])
    text = as_text(result, folder=str(folder), code=code, verbose=verbose)
    text += "".join(f"NOT SAVED  {line}\n" for line in lost)
    return Conclusion(text.rstrip("\n"), code)


def earned(result: Result, strict: bool, inconclusive_pass: bool) -> Exit:
    """The exit code. Strict: SUSPECT is 4. inconclusive_pass: 97 is 0."""
    code = exit_code(result.codes, result.validity)
    if strict and result.validity.verdict == SUSPECT:
        code = strongest([code, Exit.INVALID])
    if inconclusive_pass and code is Exit.INCONCLUSIVE:
        code = Exit.PASS
    return code


def write(path: Path, text: str) -> list[str]:
    """Write a file whole or not at all; returns the one line to say when it was not."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        return [f"{path}: {(error.strerror or str(error)).lower()}"]
    return []
