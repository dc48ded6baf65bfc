"""From a run folder to what is told of it: result.json, the reports, the text, the exit code.

The same for a run that has just ended and for `velroload report` years later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from velroload.analysis.analyse import analyse
from velroload.analysis.result import Result
from velroload.analysis.verdict import exit_code
from velroload.errors import Exit, strongest
from velroload.report import REPORTS, as_text
from velroload.report.as_json import save_result
from velroload.report.table import Style, plain
from velroload.runfolder import RunData, load, write_file


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run has come to. `lost` names what could not be written, a line each."""

    result: Result
    text: str
    exit_code: Exit
    lost: tuple[str, ...] = ()


def conclude(
    folder: str | Path,
    reports: tuple[str, ...] = (),
    *,
    data: RunData | None = None,
    lost: Sequence[str] = (),
    verbose: bool = False,
    strict: bool = False,
    inconclusive_pass: bool = False,
    style: Style = plain,
) -> Conclusion:
    """Analyse the run in `folder` (or `data`, when it is at hand) and write what was asked for.

    `lost`: what could not be saved while the run went on.
    A file that cannot be written costs the exit code 4, never the text. ConfigError when the folder
    holds no run.
    """
    folder = Path(folder)
    data = load(folder) if data is None else data
    result = analyse(data)
    code = exit_code(
        result.codes, result.validity, strict=strict, inconclusive_passes=inconclusive_pass
    )
    missing = list(lost)
    try:
        save_result(folder, result, code=code)
    except OSError as error:
        missing.append(unwritten(folder / "result.json", error))
    for report in reports:
        try:
            text = REPORTS[Path(report).suffix](result, folder=str(folder), code=code)
            write_file(Path(report), text.encode())
        except OSError as error:
            missing.append(unwritten(Path(report), error))
    if missing:
        code = strongest([code, Exit.INVALID])
    text = as_text(result, folder=str(folder), code=code, verbose=verbose, style=style)
    return Conclusion(result, text, code, tuple(missing))


def unwritten(path: Path, error: OSError) -> str:
    """The line for a file that could not be written."""
    return f"{path}: not written: {(error.strerror or str(error)).lower()}"
