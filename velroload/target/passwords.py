"""Password hashing at a real price, off the event loop."""

import asyncio
import hashlib
import hmac
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

SALT_BYTES = 16
DIGEST_BYTES = 32
BLOCK_SIZE = 8
ON_THE_LOOP_MAX = 16
"""A cost up to which a hash takes less (40 µs) than handing it to a thread and back."""
POOL_NICENESS = 5
"""The pool gives way to the loop: on a shared core a login must not delay everybody else."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A salted scrypt digest; the cost belongs to the Hasher that made it."""

    salt: bytes
    digest: bytes


class Hasher:
    """Hashes and checks passwords by scrypt(n=cost, r=8, p=1) in one thread of its own.

    One thread is the limit on purpose: hashes queue and their callers wait, the loop does not.
    `cost` is scrypt's n, a power of two; 1,024 takes 2 to 4 ms. Call `close()` when done.
    """

    def __init__(self, cost: int) -> None:
        self.cost = cost
        self._pool = ThreadPoolExecutor(1, "scrypt", initializer=_give_way)
        self._nobody = self.hash_now("")

    def hash_now(self, password: str) -> PasswordHash:
        """Hash in the calling thread."""
        return hash_password(password, self.cost)

    async def hash(self, password: str) -> PasswordHash:
        """Hash in the pool."""
        if self.cost <= ON_THE_LOOP_MAX:
            return self.hash_now(password)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.hash_now, password)

    async def matches(self, password: str, known: PasswordHash | None) -> bool:
        """True when `password` is the one behind `known`.

        None (no such account) costs as much and is never a match, so that time tells nothing.
        """
        reference = known or self._nobody
        if self.cost <= ON_THE_LOOP_MAX:
            found = self._digest(password, reference.salt)
        else:
            found = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._digest, password, reference.salt
            )
        return hmac.compare_digest(found, reference.digest) and known is not None

    def close(self) -> None:
        """Drop what still waits and let the thread end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _digest(self, password: str, salt: bytes) -> bytes:
        return digest(password, salt, self.cost)


def hash_password(password: str, cost: int) -> PasswordHash:
    """A new hash, made in the calling thread."""
    salt = os.urandom(SALT_BYTES)
    return PasswordHash(salt, digest(password, salt, cost))


def digest(password: str, salt: bytes, cost: int) -> bytes:
    """scrypt(n=cost, r=8, p=1)."""
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost,
        r=BLOCK_SIZE,
        p=1,
        maxmem=256 * BLOCK_SIZE * cost + (1 << 20),  # twice what scrypt needs
        dklen=DIGEST_BYTES,
    )


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POOL_NICENESS)
