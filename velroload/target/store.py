"""The service's data, in memory: users, their generations and the models; made from one seed."""

import functools
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from velroload.target.accounts import email_of
from velroload.target.passwords import PasswordHash

START = datetime(2025, 1, 1, tzinfo=UTC)
CREDITS = 1000
TEAM_SIZE = 10
MODELS: tuple[dict[str, Any], ...] = (
    {"id": "flux-dev", "name": "Flux Dev", "generation_type": "image", "credits_cost": 50},
    {"id": "flux-pro", "name": "Flux Pro", "generation_type": "image", "credits_cost": 50},
    {"id": "sdxl", "name": "Stable Diffusion XL", "generation_type": "image", "credits_cost": 50},
    {"id": "kling-video", "name": "Kling Video", "generation_type": "video", "credits_cost": 50},
)
VISIBILITIES = ("private",) * 8 + ("team", "public")
"""Visibility of the project that a user's n-th generation belongs to, by n modulo 10."""


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond, as the service writes it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True, eq=False)
class User:
    """One account. `team` is None for accounts that registered themselves."""

    id: str
    email: str
    full_name: str | None
    password: PasswordHash
    created_at: str
    team: int | None = None
    credits_balance: int = CREDITS
    role: str = "authenticated"
    generations: list["Generation"] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object that /auth/me answers with."""
        return {
            "id": self.id,
            "email": self.email,
            "full_name": self.full_name,
            "credits_balance": self.credits_balance,
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "role": self.role,
        }


@dataclass(slots=True, eq=False)
class Generation:
    """One generated picture; all but its id and owner follow from its number."""

    id: str
    owner: User
    number: int

    @property
    def visibility(self) -> str:
        """private | team | public: that of its project."""
        return VISIBILITIES[self.number % len(VISIBILITIES)]

    def readable_by(self, reader: User) -> bool:
        """The service's rule, in its order: ownership, then team, then project."""
        if reader is self.owner:
            return True
        if self.visibility == "team":
            return reader.team is not None and reader.team == self.owner.team
        return self.visibility == "public"

    def as_json(self) -> dict[str, Any]:
        """The generation object of the API."""
        url = f"https://media.invalid/generations/{self.id}/0.png"
        owner_id = self.owner.id
        return {
            **_common(self.number),
            "id": self.id,
            "user_id": owner_id,
            "project_id": f"{owner_id[:-12]}{VISIBILITIES.index(self.visibility):012x}",
            "media_url": url,
            "output_urls": [url],
        }


@functools.cache  # a list of a hundred would spend its time on dates; at most 1,000 numbers
def _common(number: int) -> dict[str, Any]:
    """Every key of a generation object in its order, filled where the number alone decides."""
    done_at = stamp(START + timedelta(minutes=number, seconds=20))
    model = MODELS[number % len(MODELS)]
    return {
        "id": None,
        "user_id": None,
        "project_id": None,
        "media_url": None,
        "media_type": model["generation_type"],
        "prompt": f"A lighthouse in the rain, take {number}",
        "status": "completed",
        "cost": model["credits_cost"],
        "created_at": stamp(START + timedelta(minutes=number)),
        "model_id": model["id"],
        "parameters": {"width": 1024, "height": 1024, "steps": 28},
        "output_urls": None,
        "credits_used": model["credits_cost"],
        "is_favorite": number % 7 == 0,
        "updated_at": done_at,
        "completed_at": done_at,
    }


class Store:
    """Users by id and by e-mail, generations by id. Not shared between processes."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.by_email: dict[str, User] = {}
        self.generations: dict[str, Generation] = {}

    def seed(self, users: int, generations_each: int, password: PasswordHash, seed: int) -> None:
        """Make `users` accounts of one password with `generations_each` generations.

        They share one salt, because 15,000 hashes would take a minute; each login still pays for
        one whole hash. Equal seeds give equal ids. Teams are tens of neighbouring accounts.
        """
        source = random.Random(seed)
        for index in range(users):
            user = User(
                _uuid(source.getrandbits(128)),
                email_of(index),
                f"User {index}",
                password,
                stamp(START + timedelta(seconds=index)),
                team=index // TEAM_SIZE,
            )
            self.add(user)
            for number in range(generations_each):
                generation = Generation(_uuid(source.getrandbits(128)), user, number)
                user.generations.insert(0, generation)  # lists are newest first
                self.generations[generation.id] = generation

    def register(self, email: str, full_name: str | None, password: PasswordHash) -> User:
        """A new account with no generations; KeyError when the address is taken."""
        if email in self.by_email:
            raise KeyError(email)
        user = User(str(uuid.uuid4()), email, full_name, password, stamp(datetime.now(UTC)))
        self.add(user)
        return user

    def add(self, user: User) -> None:
        """Enter a user under id and e-mail."""
        self.users[user.id] = user
        self.by_email[user.email] = user


def _uuid(bits: int) -> str:
    return str(uuid.UUID(int=bits, version=4))
