"""What child processes are given of our environment: what an interpreter needs, and no secrets."""

import os
import re
from pathlib import Path

KEPT = re.compile(
    r"PATH|HOME|LANG|LANGUAGE|TZ|TMPDIR|VIRTUAL_ENV|VELROLOAD_TRACEBACK|[A-Z]+_NUM_THREADS"
    r"|[A-Z]+SAN_OPTIONS|(LC|LD|SSL|OPENSSL|COV|COVERAGE)_\w+|PYTHON\w*|GLIBC_TUNABLES"
)


def environment_of_child(*more: str) -> dict[str, str]:
    """The variables that KEPT names and those of the names in `more`, with this very package first
    on the path (-P keeps the current folder out of it). Nothing else: a plan's secrets may stand
    there, and /proc shows a process's environment."""
    root = str(Path(__file__).resolve().parents[1])
    given = os.environ.get("PYTHONPATH")
    kept = {
        name: value for name, value in os.environ.items() if KEPT.fullmatch(name) or name in more
    }
    return {**kept, "PYTHONPATH": f"{root}{os.pathsep}{given}" if given else root}
