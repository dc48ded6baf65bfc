"""The house's exceptions, each with its exit code, and the codes themselves.

A failure of the target is data and never an exception. What stands here is a mistake of the user,
a machine that cannot carry the run, or a bug of ours.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    PASS = 0
    INTERNAL = 1
    USAGE = 2
    PREFLIGHT = 3
    INVALID = 4
    REGRESSION = 96
    INCONCLUSIVE = 97
    FAIL = 99
    ABORTED = 105
    INTERRUPTED = 130
    TERMINATED = 143


PRECEDENCE = (
    Exit.INTERNAL,
    Exit.USAGE,
    Exit.PREFLIGHT,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.INVALID,
    Exit.ABORTED,
    Exit.FAIL,
    Exit.REGRESSION,
    Exit.INCONCLUSIVE,
    Exit.PASS,
)
"""Which code wins when several hold, the strongest first."""


class VelroloadError(Exception):
    """Base of all: str(error) is the one line a user reads (where, what, how to mend)."""

    exit_code = Exit.INTERNAL


class ConfigError(VelroloadError):
    """A mistake in a flag, a value or a plan."""

    exit_code = Exit.USAGE


class ConfigErrors(ConfigError):
    """Several mistakes of a plan, one line each: file:line:column: key: what; hint."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class PreflightError(VelroloadError):
    """This machine or the target cannot carry the run as asked."""

    exit_code = Exit.PREFLIGHT


class InvalidRunError(VelroloadError):
    """A bug of ours or a broken worker: nothing may be claimed from the run."""

    exit_code = Exit.INVALID


def strongest(codes: list[Exit]) -> Exit:
    """The one exit code to leave with when all of `codes` hold; PASS when there are none."""
    return next((code for code in PRECEDENCE if code in codes), Exit.PASS)


def closest(word: str, known: Iterable[str], likeness: float) -> str | None:
    """The known word most like `word`, None when none is at least `likeness` (0..1) like it."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=likeness)), None)
