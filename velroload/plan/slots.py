"""Slots: places of a virtual user that hold a text, written ${name} or ${data.column}."""

import re

from velroload.errors import ConfigError

BUILT_IN_SLOTS = ("user", "iteration")
"""Slots that every virtual user has from the start: its number and that of its pass, from 0."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SLOT = re.compile(r"\$\{([^}]*)\}")
_SLOT_NAME = re.compile(rf"{NAME.pattern}(?:\.{NAME.pattern})?")


def references(value: str | bytes) -> tuple[str, ...]:
    """Names of the ${slots} in a value, in order. ConfigError when one is not a name."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    names = tuple(SLOT.findall(text))
    for name in names:
        if not _SLOT_NAME.fullmatch(name):
            raise ConfigError(f"${{{name}}} is not a slot: write ${{name}} with letters, digits, _")
    return names


def check_name(noun: str, name: str) -> None:
    """ConfigError when a name cannot be written as ${name}."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{noun} {name!r}: a name is letters, digits and _, no digit first")
