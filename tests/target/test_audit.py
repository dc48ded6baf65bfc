"""The audit finds answers that crossed users, whatever the caches say."""

import pytest

from tests.target.parts import row, user
from velroload.target.audit import Audit, subject_of
from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.store.rows import Project, User
from velroload.target.tokens import Tokens
from velroload.target.truth import Truth

ALICE, BOB, CAROL = user("alice", "red"), user("bob", "red"), user("carol", "blue")
TOKENS = Tokens("s" * 32)
HEADER = f"Bearer {TOKENS.issue('bob', 'bob@example.com', 'authenticated')}"
TEAM, PUBLIC, PRIVATE = (Project("p", "alice", "red", v) for v in ("team", "public", "private"))


def audit() -> tuple[Audit, Truth]:
    counters = Counters()
    truth = Truth(counters, Bus(counters))
    return Audit(truth), truth


def test_an_account() -> None:
    judge, truth = audit()
    judge.user(HEADER, BOB)
    assert truth.total("crossed") == 0
    judge.user(HEADER, ALICE)
    assert (truth.total("crossed"), truth.total("audited")) == (1, 2)


def test_a_page() -> None:
    judge, truth = audit()
    judge.page(HEADER, [])
    judge.page(HEADER, [row("1", "bob")])
    assert truth.total("crossed") == 0
    judge.page(HEADER, [row("1", "bob"), row("2", "alice")])
    assert truth.total("crossed") == 1


@pytest.mark.parametrize(
    ("owner", "asked", "reader", "project", "crossed"),
    [
        ("bob", "1", BOB, None, 0),
        ("alice", "1", BOB, TEAM, 0),
        ("alice", "1", BOB, PUBLIC, 0),
        ("alice", "1", BOB, PRIVATE, 1),
        ("alice", "1", BOB, None, 1),
        ("alice", "1", BOB, Project("q", "alice", "red", "public"), 1),  # another project's
        ("bob", "2", BOB, None, 1),  # not what was asked for
        ("alice", "1", CAROL, TEAM, 1),  # another reader than the token's
    ],
)
def test_a_generation(
    owner: str, asked: str, reader: User, project: Project | None, crossed: int
) -> None:
    judge, truth = audit()
    judge.generation(HEADER, asked, row("1", owner), reader, project)
    assert truth.total("crossed") == crossed


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer a.b.c", "Bearer a.W10.c", "a.é.c"])
def test_what_is_no_token_has_no_subject(header: str) -> None:
    assert subject_of(header) is None
