"""Did an answer cross users? Looked up from the answer and the token alone, past every cache."""

import base64
from collections.abc import Sequence

import orjson

from velroload.target.store.rows import Generation, Project, User
from velroload.target.truth import Truth


class Audit:
    """Compares each answer with the subject that its request's token names.

    It trusts neither the token cache nor the permissions: the subject is read from the token
    itself, and what one may see follows from the rows of the answer. A crossing is counted, not
    prevented: it is the caller's cache that is on trial.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def user(self, header: str, user: User) -> None:
        """An answer about an account."""
        self._judge(user.id == subject_of(header))

    def page(self, header: str, rows: Sequence[Generation]) -> None:
        """An answer with several generations, all of which must be one's own."""
        subject = subject_of(header)
        self._judge(all(row.user_id == subject for row in rows))

    def generation(
        self, header: str, asked: str, row: Generation, reader: User, project: Project | None
    ) -> None:
        """An answer about one generation, which may also be a team's or a public one."""
        subject = subject_of(header)
        may = row.user_id == subject
        if not may and project is not None and project.id == row.project_id:
            shared = reader.team_id is not None and reader.team_id == project.team_id
            may = project.visibility == "public" or (project.visibility == "team" and shared)
        self._judge(may and row.id == asked and reader.id == subject)

    def _judge(self, right: bool) -> None:
        self._truth.count("audited")
        if not right:
            self._truth.count("crossed")


def subject_of(header: str) -> str | None:
    """The subject in the token of an Authorization header, unchecked; None when unreadable."""
    parts = header.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except ValueError:
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else None
