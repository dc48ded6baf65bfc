"""Rows of the tables, as the services see them."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

CREDITS = 1000
MODELS: tuple[dict[str, Any], ...] = (
    {"id": "flux-dev", "name": "Flux Dev", "generation_type": "image", "credits_cost": 50},
    {"id": "flux-pro", "name": "Flux Pro", "generation_type": "image", "credits_cost": 50},
    {"id": "sdxl", "name": "Stable Diffusion XL", "generation_type": "image", "credits_cost": 50},
    {"id": "kling-video", "name": "Kling Video", "generation_type": "video", "credits_cost": 50},
)
MODEL_BY_ID: dict[str, dict[str, Any]] = {model["id"]: model for model in MODELS}


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond, as the service writes it; it sorts as text."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """This instant as a stamp."""
    return stamp(datetime.now(UTC))


class User(NamedTuple):
    """One account. `team_id` is None for accounts that registered themselves."""

    id: str
    email: str
    full_name: str | None
    role: str
    team_id: str | None
    credits_balance: int
    created_at: str
    updated_at: str

    def as_json(self) -> dict[str, Any]:
        """The object that /auth/me answers with."""
        return {
            "id": self.id,
            "email": self.email,
            "full_name": self.full_name,
            "credits_balance": self.credits_balance,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "role": self.role,
        }


class Credentials(NamedTuple):
    """What a login is checked against: an account's id, salt and digest."""

    id: str
    salt: bytes
    digest: bytes


class Project(NamedTuple):
    """A project; `visibility` is private, team or public."""

    id: str
    owner_id: str
    team_id: str | None
    visibility: str


class Generation(NamedTuple):
    """One generated picture; `parameters` is a JSON object as text."""

    id: str
    user_id: str
    project_id: str | None
    model_id: str
    prompt: str
    parameters: str
    status: str
    cost: int
    is_favorite: int
    created_at: str
    updated_at: str
    completed_at: str | None

    @property
    def media_type(self) -> str:
        """What the model makes: image or video."""
        return str(MODEL_BY_ID[self.model_id]["generation_type"])

    @property
    def media_path(self) -> str:
        """Where the picture lies in the media store."""
        return f"/generations/{self.id}/0.{'mp4' if self.media_type == 'video' else 'png'}"

    def as_json(self) -> dict[str, Any]:
        """The generation object of the API."""
        done = self.status == "completed"
        url = f"https://media.invalid{self.media_path}" if done else None
        return {
            "id": self.id,
            "user_id": self.user_id,
            "project_id": self.project_id,
            "media_url": url,
            "media_type": self.media_type,
            "prompt": self.prompt,
            "status": self.status,
            "cost": self.cost,
            "created_at": self.created_at,
            "model_id": self.model_id,
            "parameters": orjson.Fragment(self.parameters),
            "output_urls": [url] if done else [],
            "credits_used": self.cost,
            "is_favorite": bool(self.is_favorite),
            "updated_at": self.updated_at,
            "completed_at": self.completed_at,
        }
