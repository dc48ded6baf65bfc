"""Password hashing: real, salted, and never on the event loop's thread."""

import asyncio
import hashlib
import threading

import pytest

from velroload.target.passwords import Hasher


def test_a_hash_is_salted_scrypt() -> None:
    hasher = Hasher(16)
    first, second = hasher.hash_now("pässword"), hasher.hash_now("pässword")
    hasher.close()
    assert first != second
    assert first.digest == hashlib.scrypt(
        "pässword".encode(), salt=first.salt, n=16, r=8, p=1, dklen=32
    )


def test_only_the_password_matches() -> None:
    async def main() -> list[bool]:
        hasher = Hasher(16)
        known = await hasher.hash("right")
        try:
            return [
                await hasher.matches("right", known),
                await hasher.matches("wrong", known),
                await hasher.matches("", None),  # not even the empty password of nobody
            ]
        finally:
            hasher.close()

    assert asyncio.run(main()) == [True, False, False]


@pytest.mark.parametrize(("cost", "thread"), [(32, "scrypt_0"), (16, "MainThread")])
def test_hashes_run_one_at_a_time_beside_the_loop_unless_they_are_cheap(
    monkeypatch: pytest.MonkeyPatch, cost: int, thread: str
) -> None:
    threads: list[str] = []
    scrypt = hashlib.scrypt

    def watched(*args: object, **kwargs: object) -> bytes:
        threads.append(threading.current_thread().name)
        return scrypt(b"x", salt=b"y", n=16, r=8, p=1)

    hasher = Hasher(cost)
    known = hasher.hash_now("x")
    monkeypatch.setattr(hashlib, "scrypt", watched)

    async def main() -> None:
        await asyncio.gather(*(hasher.hash(str(number)) for number in range(5)))
        await hasher.matches("x", known)

    asyncio.run(main())
    hasher.close()
    assert threads == [thread] * 6
