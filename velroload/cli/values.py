"""Values of one command's flags: flag before environment, and the place each one came from."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from velroload.errors import ConfigError, closest

T = TypeVar("T")
Reader = Callable[[str, str], T]
"""(text, noun) → the value; ConfigError begins with the noun and says how to mend it."""

PREFIX = "VELROLOAD_"
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off", "")


class Values:
    """The flags' texts, each with the name it was given under: "--rate" or "VELROLOAD_RATE".

    A repeatable flag in the environment holds one value a line. ConfigError for a setting in the
    environment that is nearly one of ours: a typo must not change a run silently.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        parser: argparse.ArgumentParser,
        environ: Mapping[str, str],
        words: Sequence[str],
    ) -> None:
        self.environ = environ
        self.words = tuple(words)
        self._texts: dict[str, list[str]] = {}
        self._nouns: dict[str, str] = {}
        self.from_environment: list[str] = []
        actions = {PREFIX + a.dest.upper(): a for a in parser._actions if a.dest != "help"}
        for action in actions.values():
            given = getattr(args, action.dest)
            if given is not None:
                texts = given if isinstance(given, list) else [given]
                self._texts[action.dest] = [str(text) for text in texts]
                self._nouns[action.dest] = flag_of(action)
        for name, text in environ.items():
            if name in actions and actions[name].dest not in self._texts:
                self._take(name, text, actions[name])
            elif name.startswith(PREFIX) and name not in actions:
                close = closest(name, actions, 0.9)
                if close:
                    raise ConfigError(f"{name}: no such setting; did you mean {close}?")

    def _take(self, name: str, text: str, action: argparse.Action) -> None:
        repeats = type(action).__name__ == "_AppendAction"
        self._texts[action.dest] = [line for line in text.split("\n") if line or not repeats]
        self._nouns[action.dest] = name
        self.from_environment.append(f"{flag_of(action)}={text}")

    def has(self, dest: str) -> bool:
        """True when it was given, on the command line or in the environment."""
        return bool(self._texts.get(dest))

    def noun(self, dest: str) -> str:
        """The name it was given under."""
        return self._nouns.get(dest, f"--{dest.replace('_', '-')}")

    def each(self, dest: str, reader: Reader[T]) -> list[T]:
        """Every value of a repeatable flag."""
        return [reader(text, self._nouns[dest]) for text in self._texts.get(dest, [])]

    def one(self, dest: str, reader: Reader[T]) -> T | None:
        """The flag's value, None when it was not given; given twice, the last counts."""
        values = self.each(dest, reader)
        return values[-1] if values else None

    def text(self, dest: str) -> str | None:
        """The flag's text as it is."""
        return self.one(dest, lambda text, noun: text)

    def yes(self, dest: str) -> bool:
        """A switch: given as a flag, or a yes in the environment."""
        return bool(self.one(dest, truth))


def flag_of(action: argparse.Action) -> str:
    """The long name of a flag, the name of a positional."""
    return action.option_strings[-1] if action.option_strings else action.dest


def refusal(noun: str, text: str, why: str) -> ConfigError:
    """One line about a value: control characters visible, long values cut."""
    shown = repr(text if len(text) <= 60 else text[:57] + "…")
    return ConfigError(f"{noun} {shown}: {why}")


def truth(text: str, noun: str) -> bool:
    """A switch's value."""
    if text.lower() in TRUE + FALSE:
        return text.lower() in TRUE
    raise refusal(noun, text, "write yes or no")


def one_of(*words: str) -> Reader[str]:
    """A reader of one of a few words."""

    def read(text: str, noun: str) -> str:
        if text not in words:
            raise refusal(noun, text, f"write {' or '.join(words)}")
        return text

    return read


def more_than_nothing(reader: Reader[T]) -> Reader[T]:
    """The same reader, refusing 0."""

    def read(text: str, noun: str) -> T:
        value = reader(text, noun)
        if not value:
            raise refusal(noun, text, "more than 0 is needed")
        return value

    return read
