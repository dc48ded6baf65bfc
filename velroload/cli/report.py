"""`velroload report [DIR]`: the result of a finished run again, from its folder alone."""

import os
import sys

from velroload.cli.progress import style_for
from velroload.cli.run import read_report
from velroload.cli.values import Values, one_of
from velroload.errors import ConfigError

LATEST = os.path.join("runs", "latest")


def main(values: Values) -> int:
    """Print the result, write the reports asked for; the exit code that the run has earned."""
    folder = values.text("folder") or LATEST
    reports = tuple(values.each("report", read_report))
    pass_on = values.one("inconclusive", one_of("pass")) is not None
    if not os.path.isdir(folder):
        raise ConfigError(f"{folder}: no run folder there; name one: velroload report DIR")
    from velroload.runner.conclude import conclude

    conclusion = conclude(
        folder,
        reports,
        verbose=values.yes("verbose"),
        style=style_for(not values.environ.get("NO_COLOR")),
        strict=values.yes("strict"),
        inconclusive_pass=pass_on,
        environ=values.environ,
    )
    print(conclusion.text, end="")
    for line in conclusion.lost:
        print(f"velroload: {line}", file=sys.stderr)
    return conclusion.exit_code
