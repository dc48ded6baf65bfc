"""From a run folder to what is told of it: result.json, the reports, the text, the exit code.

The same for a run that has just ended and for `velroload report` years later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from velroload.analysis.analyse import analyse
from velroload.analysis.result import Result
from velroload.analysis.verdict import exit_code
from velroload.errors import Exit, strongest
from velroload.report import Told, as_text, report_named
from velroload.report.as_json import save_result
from velroload.report.as_markdown import as_markdown
from velroload.report.github import annotations
from velroload.report.table import Style, plain
from velroload.rundata import RunData
from velroload.runfolder import load, write_file


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
    environ: Mapping[str, str] | None = None,
) -> Conclusion:
    """Analyse the run in `folder` (or `data`, when it is at hand) and write what was asked for.

    `lost`: what could not be saved while the run went on. environ: where GitHub Actions says what
    it wants: a step summary is added to its file, annotations stand below the text.
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
    written: list[str] = []
    for report in reports:
        try:
            told = Told(result, data, str(folder), code, Path(report).name)
            write_file(Path(report), report_named(report)(told))
            written.append(report)
        except OSError as error:
            missing.append(unwritten(Path(report), error))
    if missing:
        code = strongest([code, Exit.INVALID])
    told = Told(result, data, str(folder), code)
    missing += step_summary(told, environ or {})
    text = as_text(
        result, folder=str(folder), code=code, verbose=verbose, style=style, files=written
    )
    if (environ or {}).get("GITHUB_ACTIONS") == "true":
        text += "\n".join(annotations(told)) + "\n"
    return Conclusion(result, text, code, tuple(missing))


def step_summary(told: Told, environ: Mapping[str, str]) -> list[str]:
    """Add the Markdown report to GitHub's step summary, where there is one; what went wrong."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return []
    try:
        with Path(path).open("ab") as file:
            file.write(as_markdown(told))
    except OSError as error:
        return [unwritten(Path(path), error)]
    return []


def unwritten(path: Path, error: OSError) -> str:
    """The line for a file that could not be written."""
    return f"{path}: not written: {(error.strerror or str(error)).lower()}"
