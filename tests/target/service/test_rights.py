"""Who may read what, and that the answer is remembered; rules on real rows."""

import asyncio
from pathlib import Path

import pytest

from tests.target.parts import Stores, user
from velroload.target.failure import Failure
from velroload.target.service.rights import Rights, allowed_by
from velroload.target.spent import Spent
from velroload.target.store.generations import Generations
from velroload.target.store.rows import Project, User


@pytest.mark.parametrize(
    ("visibility", "team", "expected"),
    [
        ("private", "red", "denied"),
        ("team", "red", "team"),
        ("team", "blue", "denied"),
        ("team", None, "denied"),
        ("public", None, "project"),
    ],
)
def test_what_a_project_grants(visibility: str, team: str | None, expected: str) -> None:
    assert allowed_by(Project("p", "o", "red", visibility), user("u", team)) == expected
    assert allowed_by(Project("p", "o", None, "team"), user("u")) == "denied"


def test_decisions_are_made_once_and_remembered(tmp_path: Path) -> None:
    async def main() -> None:
        stores = Stores(tmp_path)
        rights = Rights(Generations(stores.database), stores.cache)
        owner, mate, stranger = (User._make(stores.data.users[at][:8]) for at in (0, 9, 10))
        private, team, public = (stores.data.generations[at][0] for at in (0, 8, 9))

        async def decide(reader: User, generation: str) -> tuple[str, int]:
            spent = Spent()
            try:
                return await rights.to_read(reader, generation, spent), spent.layer
            except Failure as failure:
                return failure.detail, spent.layer

        denied = "Access to this generation is denied"
        for layer in (3, 1):
            assert await decide(owner, private) == ("owner", layer)
            assert await decide(mate, team) == ("team", layer)
            assert await decide(stranger, public) == ("project", layer)
            assert await decide(mate, private) == (denied, layer)
            assert await decide(stranger, team) == (denied, layer)
            assert await decide(owner, "nothing") == ("Generation not found", 3)
        rights.leaking = True
        assert await decide(stranger, team) == ("denied", 1)
        await stores.pools.close()

    asyncio.run(main())
