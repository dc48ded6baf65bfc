"""Slots: places of a virtual user that hold a text, written ${name} or ${data.column}."""

import re

from velroload.errors import ConfigError

BUILT_IN_SLOTS = ("user", "iteration")
"""Slots that every virtual user has from the start: its number and that of its pass, from 0."""

ROOM_MAX = 64 << 10
"""Bytes that a slot can hold at most."""
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


def check_room(noun: str, max_length: int | None) -> None:
    """ConfigError when a slot cannot have this length."""
    if max_length is not None and not 1 <= max_length <= ROOM_MAX:
        raise ConfigError(f"{noun}: max_length is {max_length:,}: 1 to {ROOM_MAX:,} bytes")


def check_name(noun: str, name: str) -> None:
    """ConfigError when a name cannot be written as ${name}."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{noun} {name!r}: a name is letters, digits and _, no digit first")
