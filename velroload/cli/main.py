"""From argv to an exit code: find the command, run it, turn errors into one line each."""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from velroload.cli.parser import build_parser, subcommands, version_text
from velroload.cli.values import Values
from velroload.errors import ConfigError, ConfigErrors, Exit, VelroloadError, closest

COMMANDS = {
    "run": "velroload.cli.run",
    "init": "velroload.cli.init",
    "check": "velroload.cli.check",
    "plan": "velroload.cli.plan",
    "try": "velroload.cli.attempt",
    "import": "velroload.cli.importing",
    "schema": "velroload.cli.schema",
    "report": "velroload.cli.report",
    "compare": "velroload.cli.compare",
    "target": "velroload.cli.target",
    "agent": "velroload.cli.agent",
    "completion": "velroload.cli.completion",
}
"""Name → the module whose main(values) does it, loaded when it is asked for."""

DEFAULT = "run"
OWN_FLAGS = ("-h", "--help", "--version")
"""Flags of `velroload` itself, before any command."""

GARBAGE_OBJECTS = 100_000
"""The collector runs after so many new objects."""


def entry() -> NoReturn:
    """The console script.

    numpy's linear algebra would start a thread for each other CPU, that is on the workers' CPUs,
    and let it spin there; nothing here multiplies matrices large enough to gain by it. Imports
    leave hardly any garbage, and at the end the kernel takes memory back sooner than the
    interpreter does: together 50 ms of CPU.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(GARBAGE_OBJECTS)
    code = main(sys.argv[1:])
    with contextlib.suppress(OSError):  # main() has told of it where it matters
        sys.stdout.flush()
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command; every error becomes one line on stderr and its exit code."""
    try:
        code = dispatch(argv)
        sys.stdout.flush()  # here, where a reader that has left can still be told apart
        return code
    except ConfigErrors as error:
        return complain_of_plan(error)
    except VelroloadError as error:
        return complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return complain("interrupted", Exit.INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.INTERNAL
    except ModuleNotFoundError as error:
        if error.name == "velroload._core":
            return complain("core not built: run `pip install -e .`", Exit.USAGE)
        return complain(broken(error), Exit.INTERNAL)
    except Exception as error:
        return complain(broken(error), Exit.INTERNAL)


def broken(error: Exception) -> str:
    """The line for a bug of ours."""
    name = type(error).__name__
    return f"internal error: {name}: {error} (VELROLOAD_TRACEBACK=1 shows where)"


def complain(line: str, code: Exit) -> int:
    """Say one line on stderr, with the traceback above it only when it is asked for."""
    if os.environ.get("VELROLOAD_TRACEBACK") == "1":
        import traceback

        traceback.print_exc()
    print(f"velroload: {' '.join(line.split())}", file=sys.stderr)
    return code


def complain_of_plan(error: ConfigErrors) -> int:
    """Every mistake in a line of its own, as editors read them, and how many there are."""
    for line in error.lines:
        print(line, file=sys.stderr)
    count = len(error.lines)
    return complain(f"{count} mistake{'s' if count != 1 else ''} in the plan", error.exit_code)


def dispatch(argv: Sequence[str]) -> int:
    """Parse, and hand the values to the command."""
    words = list(argv)
    if words and words[0] in OWN_FLAGS:
        if words[0] == "--version":
            print(version_text())
        else:
            build_parser(only="").print_help()
        return Exit.PASS
    name = words.pop(0) if words and words[0] in COMMANDS else DEFAULT
    command = subcommands(build_parser(only=name))[name]
    nothing = argparse.Namespace(**{action.dest: None for action in command._actions})
    if "-h" in words or "--help" in words:
        command.print_help()
        return Exit.PASS
    args, unknown = command.parse_known_args(words, nothing)
    if unknown:
        raise ConfigError(f"{unknown[0]}: {guess(unknown[0], command)}")
    values = Values(args, command, os.environ, words)
    code: int = import_module(COMMANDS[name]).main(values)
    return code


def guess(word: str, command: argparse.ArgumentParser) -> str:
    """What a word that nobody knows may have meant."""
    if not word.startswith("-"):
        return "one target only (quote a value that has blanks)"
    flags = [flag for action in command._actions for flag in action.option_strings]
    close = closest(word.partition("=")[0], flags, 0.6)
    return f"unknown flag; did you mean {close}?" if close else "unknown flag (see --help)"
