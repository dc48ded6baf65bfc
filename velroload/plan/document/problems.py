"""Everything that is wrong with a plan, collected, so that a user sees it all at once."""

import json
import re

from velroload.errors import ConfigErrors, closest
from velroload.plan.document.node import Place
from velroload.plan.mask import Mask

PROBLEMS_MAX = 100
_SHORTEST_PREFIX = 3
_QUOTED = re.compile(r"(?:[A-Za-z_]+ )?('.*'|\".*\"): ((?:write|nothing|at most|it) .*)", re.DOTALL)


class Refused(Exception):
    """Something was wrong and has been recorded: whoever needed it does without."""


class Problems:
    """The list of them; `secrets` are blotted out of every line."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self._found: dict[tuple[Place, str], None] = {}

    def add(self, place: Place, key: str, what: str) -> Refused:
        """Record one; the answer is there to be raised. The hundredth ends it all."""
        self._found.setdefault((place, f"{key}: {what}" if key else what))
        if len(self._found) >= PROBLEMS_MAX:
            self.settle()
        return Refused()

    def __len__(self) -> int:
        return len(self._found)

    def settle(self) -> None:
        """ConfigErrors with every line when there is one, in the order of the file."""
        if self._found:
            found = sorted(self._found, key=lambda each: (each[0].line, each[0].column))
            lines = [f"{place}: {self.masked(text)}" for place, text in found]
            raise ConfigErrors(lines)

    def masked(self, text: str) -> str:
        """Without secrets, also where one was cut short or written as Python or JSON does."""
        forms = {form for secret in self.secrets for form in written(secret)}
        for secret in sorted(forms, key=len, reverse=True):
            for length in range(len(secret) - 1, _SHORTEST_PREFIX, -1):
                text = text.replace(f"{secret[:length]}…", "***…")
        return " ".join(Mask(tuple(forms)).text(text).split())


def written(secret: str) -> tuple[str, ...]:
    """A secret as it is, and between the quotes of repr and of JSON."""
    return secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]


def plainer(text: str) -> str:
    """A reader's complaint (NOUN 'text': hint) as what is wrong; and how to mend it."""
    found = _QUOTED.fullmatch(text)
    return f"{found[1]} does not fit; {found[2]}" if found else text


def did_you_mean(word: str, known: "list[str] | tuple[str, ...]") -> str:
    """The hint after an unknown word: the one that was meant, or all there are."""
    near = closest(word, known, 0.6)
    if near is not None:
        return f"did you mean {near}?"
    return f"known: {', '.join(known)}" if known else "none is declared"
