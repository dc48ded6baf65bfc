"""`velroload compare RUN RUN`: what changed from one run to another, and how sure that is."""

import os

from velroload.cli.progress import style_for
from velroload.cli.values import Values
from velroload.errors import ConfigError, Exit


def main(values: Values) -> int:
    """Print the differences. Exit 4 when one of the runs claims nothing, else 0: two single runs
    are too little for a verdict."""
    names = (values.text("first") or "", values.text("second") or "")
    for name in names:
        if not os.path.isdir(name):
            raise ConfigError(f"{name}: no run folder there; write velroload compare RUN RUN")
    from velroload.analysis.analyse import analyse
    from velroload.analysis.compare import compare
    from velroload.report.comparison import comparison_json, comparison_text
    from velroload.runfolder import load

    first, second = (analyse(load(name)) for name in names)
    found = compare(first, second)
    if values.yes("json"):
        print(comparison_json(found, names), end="")
    else:
        style = style_for(not values.environ.get("NO_COLOR"))
        print(comparison_text(found, names, verbose=values.yes("verbose"), style=style), end="")
    sound = all(
        not result.incomplete and result.validity.verdict != "INVALID" for result in (first, second)
    )
    return Exit.PASS if sound else Exit.INVALID
