"""The data in memory: seeded alike, entered once."""

import pytest

from velroload.target.passwords import PasswordHash
from velroload.target.store import Store

HASH = PasswordHash(b"salt", b"digest")


def seeded(seed: int) -> Store:
    store = Store()
    store.seed(12, 11, HASH, seed)
    return store


def test_a_seed_decides_the_ids() -> None:
    assert list(seeded(1).users) == list(seeded(1).users)
    assert list(seeded(1).generations) == list(seeded(1).generations)
    assert not set(seeded(1).users) & set(seeded(2).users)


def test_sizes_and_teams() -> None:
    store = seeded(1)
    assert (len(store.users), len(store.by_email), len(store.generations)) == (12, 12, 132)
    assert [user.team for user in store.users.values()] == [0] * 10 + [1] * 2


def test_projects_differ_by_visibility_and_owner() -> None:
    store = seeded(1)
    first, second = list(store.users.values())[:2]
    mine = {each.as_json()["project_id"] for each in first.generations}
    theirs = {each.as_json()["project_id"] for each in second.generations}
    assert (len(mine), len(theirs), mine & theirs) == (3, 3, set())


def test_an_address_registers_once() -> None:
    store = seeded(1)
    store.register("new@example.com", None, HASH)
    for taken in ("new@example.com", "user0@example.com"):
        with pytest.raises(KeyError):
            store.register(taken, None, HASH)
    assert len(store.users) == 13


def test_a_stranger_without_a_team_sees_only_what_is_public() -> None:
    store = seeded(1)
    stranger = store.register("new@example.com", None, HASH)
    seen = {each.visibility for each in store.generations.values() if each.readable_by(stranger)}
    assert seen == {"public"}
