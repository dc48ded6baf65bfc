"""What an importer makes: a document, and a line for everything that it could not take over."""

from dataclasses import dataclass
from typing import Any

import yaml

SCHEMA_LINE = "# yaml-language-server: $schema=./velroload.schema.json"
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """document: the plan's keys. heading: what it comes from. notes: what was not mapped, or has
    to be looked at."""

    document: dict[str, Any]
    heading: str
    notes: tuple[str, ...]

    def text(self) -> str:
        """The plan file: notes as comments, then the document."""
        lines = [SCHEMA_LINE, "#", f"# {self.heading}", *(f"# {note}" for note in self.notes)]
        comments = "\n".join(_line(line) for line in lines)
        body = yaml.dump(
            self.document,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=WIDTH,
            default_flow_style=None,
        )
        return f"{comments}\n{body}"


class _Dumper(yaml.SafeDumper):
    """Lists are indented under their key; the same value twice is written twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _line(text: str) -> str:
    """One line, whatever stands in it: a comment must not become a key."""
    return " ".join(text.split())
