"""Signed addresses of the pictures."""

import hashlib
import hmac
import time
from typing import Any

from velroload.target.failure import Failure
from velroload.target.service.gallery import Gallery
from velroload.target.spent import Spent
from velroload.target.store.cache import MEDIA, Cache
from velroload.target.store.rows import Generation, User

LIFE_S = 3600
STORE = "https://media.invalid"


class Media:
    """Signs with the service's secret, and remembers what was signed for the media tokens' life."""

    def __init__(self, gallery: Gallery, cache: Cache, secret: str) -> None:
        self._gallery = gallery
        self._secret = secret.encode()
        self._shelf = cache.shelf(MEDIA)

    async def urls(
        self, user: User, generation_id: str, spent: Spent
    ) -> tuple[Generation, dict[str, Any]]:
        """The generation and the answer; 403 or 404 as for reading, 404 without a picture yet."""
        found = await self._gallery.read(user, generation_id, spent)
        if found.status != "completed":
            raise Failure(404, "Generation has no media yet")

        async def sign(spent: Spent) -> dict[str, Any]:
            return self._sign(user, found)

        signed = await self._shelf.look_up(f"media:{user.id}:{found.id}", sign, spent)
        assert signed is not None
        return found, signed

    def _sign(self, user: User, found: Generation) -> dict[str, Any]:
        expires_s = int(time.time()) + LIFE_S
        text = f"{found.media_path}?user={user.id}&expires={expires_s}"
        signature = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        url = f"{STORE}{text}&signature={signature}"
        return {
            "generation_id": found.id,
            "signed_urls": [url],
            "primary_url": url,
            "media_type": found.media_type,
            "expires_in": LIFE_S,
            "expires_at": expires_s,
        }
