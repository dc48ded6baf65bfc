"""`velroload import KIND [FILE|TEXT]`: a plan made of another tool's words."""

import sys
from pathlib import Path

from velroload.cli.shipped import write
from velroload.cli.values import Values
from velroload.errors import ConfigError, Exit, closest

INPUT_MAX = 1 << 20


def main(values: Values) -> int:
    """Print the plan, or write it; what was not mapped goes to stderr too. Exit 0."""
    from velroload.plan.importers.table import IMPORTERS

    kind = values.text("kind")
    assert kind is not None
    if kind not in IMPORTERS:
        near = closest(kind, IMPORTERS, 0.6)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(IMPORTERS)}"
        raise ConfigError(f"import {kind}: no such kind; {hint}")
    text, name = read_source(kind, values.text("source"))
    made = IMPORTERS[kind](text, name)
    out = values.text("out")
    if out is None:
        print(made.text(), end="")
    else:
        write(Path(out), made.text())
        print(f"written: {out}")
    for note in made.notes:
        print(f"velroload: {note}", file=sys.stderr)
    return Exit.PASS


def read_source(kind: str, source: str | None) -> tuple[str, str]:
    """The text and what to call it: a file, stdin, or for curl the command itself."""
    if source is None or source == "-":
        return sys.stdin.read(INPUT_MAX + 1), "stdin"
    if kind == "curl" and source.lstrip().startswith("curl "):
        return source, "the command"
    try:
        with open(source, encoding="utf-8-sig") as file:
            return file.read(INPUT_MAX + 1), source
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"import {kind}: {source}: cannot be read: {why}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"import {kind}: {source}: it is no UTF-8 text") from None
