"""From argv to an exit code: find the command, run it, turn errors into one line each."""

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from velroload.cli import completion, report, run, target
from velroload.cli.parser import build_parser, version_text
from velroload.cli.values import Values
from velroload.errors import ConfigError, Exit, VelroloadError

COMMANDS: dict[str, Callable[[Values], int]] = {
    "run": run.main,
    "report": report.main,
    "target": target.main,
    "completion": completion.main,
}
"""Name → what does it. The same names stand in the parser; a test compares them."""

DEFAULT = "run"
OWN_FLAGS = ("-h", "--help", "--version")
"""Flags of `velroload` itself, before any command."""


def entry() -> NoReturn:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command; every error becomes one line on stderr and its exit code."""
    try:
        return dispatch(argv)
    except SystemExit as leave:  # --help has printed
        return int(leave.code or 0)
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
        return complain(f"{error.name} is not installed: run `pip install velroload`", Exit.USAGE)
    except Exception as error:
        what = f"internal error: {type(error).__name__}: {error}"
        return complain(f"{what} (VELROLOAD_TRACEBACK=1 shows where)", Exit.INTERNAL)


def complain(line: str, code: Exit) -> int:
    """Say one line on stderr, with the traceback above it only when it is asked for."""
    if os.environ.get("VELROLOAD_TRACEBACK") == "1":
        import traceback

        traceback.print_exc()
    print(f"velroload: {' '.join(line.split())}", file=sys.stderr)
    return code


def dispatch(argv: Sequence[str]) -> int:
    """Parse, and hand the values to the command."""
    parser = build_parser()
    words = list(argv)
    if words and words[0] in OWN_FLAGS:
        parser.parse_args(words[:1])
        print(version_text())
        return Exit.PASS
    name = words.pop(0) if words and words[0] in COMMANDS else DEFAULT
    command = command_parser(parser, name)
    nothing = argparse.Namespace(**{action.dest: None for action in command._actions})
    args, unknown = command.parse_known_args(words, nothing)
    if unknown:
        raise ConfigError(f"{unknown[0]}: {guess(unknown[0], command)}")
    return COMMANDS[name](Values(args, command, os.environ, words))


def command_parser(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    """The parser of one command inside the whole one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: argparse.ArgumentParser = action.choices[name]
            return found
    raise AssertionError("the parser has no commands")


def guess(word: str, command: argparse.ArgumentParser) -> str:
    """What a word that nobody knows may have meant."""
    if not word.startswith("-"):
        return "one target only (quote a value that has blanks)"
    flags = [flag for action in command._actions for flag in action.option_strings]
    close = difflib.get_close_matches(word.partition("=")[0], flags, n=1)
    return f"unknown flag; did you mean {close[0]}?" if close else "unknown flag (see --help)"
