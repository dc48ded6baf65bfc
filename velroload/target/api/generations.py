"""/generations: ordered, listed, read, removed, and the addresses of their media."""

import orjson

from velroload.target.api.reading import read_form, text, whole
from velroload.target.audit import Audit
from velroload.target.failure import Failure
from velroload.target.router import Call, Route
from velroload.target.service.gallery import Gallery, Order
from velroload.target.service.identity import Identity
from velroload.target.service.media import Media
from velroload.target.service.rights import Rights
from velroload.target.spent import Spent
from velroload.target.store.rows import Generation, User

PAGE_DEFAULT = 50
PAGE_LIMIT = 100
SKIP_MAX = 2**31 - 1
PROMPT_LENGTHS = (1, 2000)
PARAMETERS_MAX = 10_000


class GenerationsApi:
    """The operations on generations."""

    def __init__(
        self, identity: Identity, gallery: Gallery, media: Media, rights: Rights, audit: Audit
    ) -> None:
        self._identity = identity
        self._gallery = gallery
        self._media = media
        self._rights = rights
        self._audit = audit

    def routes(self, base: str) -> list[Route]:
        """The operations."""
        generations = f"{base}/generations"
        return [
            Route("GET", generations, self.page),
            Route("POST", generations, self.order),
            Route("GET", f"{generations}/stats", self.stats),
            Route("GET", f"{generations}/{{id}}", self.read),
            Route("DELETE", f"{generations}/{{id}}", self.remove),
            Route("GET", f"{generations}/{{id}}/media-urls", self.media_urls),
        ]

    async def page(self, call: Call) -> bytes:
        """A page of one's own generations, newest first."""
        header = call.authorization
        user = await self._identity.user(header, call.spent)
        skip = whole(call.request, "skip", 0, (0, SKIP_MAX))
        limit = whole(call.request, "limit", PAGE_DEFAULT, (1, PAGE_LIMIT))
        rows = await self._gallery.page(user, skip, limit, call.spent)
        self._audit.page(header, rows)
        return orjson.dumps([row.as_json() for row in rows])

    async def order(self, call: Call) -> bytes:
        """A new generation, paid for with credits."""
        header = call.authorization
        user = await self._identity.user(header, call.spent)
        form = await read_form(call.request)
        order = Order(
            text(form, "model_id", (1, 100)),
            text(form, "prompt", PROMPT_LENGTHS),
            parameters(form.get("parameters") or "{}"),
        )
        made = await self._gallery.order(user, order, call.spent)
        self._audit.page(header, (made,))
        return orjson.dumps(made.as_json())

    async def stats(self, call: Call) -> bytes:
        """Numbers over all of one's own."""
        user = await self._identity.user(call.authorization, call.spent)
        return orjson.dumps(await self._gallery.stats(user, call.spent))

    async def read(self, call: Call) -> bytes:
        """One generation, if the reader may see it."""
        user = await self._identity.user(call.authorization, call.spent)
        row = await self._gallery.read(user, call.item, call.spent)
        await self._check(call, user, row)
        return orjson.dumps(row.as_json())

    async def remove(self, call: Call) -> bytes:
        """The end of one's own."""
        user = await self._identity.user(call.authorization, call.spent)
        await self._gallery.remove(user, call.item, call.spent)
        return b'{"message":"Generation deleted"}'

    async def media_urls(self, call: Call) -> bytes:
        """Signed addresses of the media, if the reader may see them."""
        user = await self._identity.user(call.authorization, call.spent)
        row, answer = await self._media.urls(user, call.item, call.spent)
        await self._check(call, user, row)
        return orjson.dumps(answer)

    async def _check(self, call: Call, user: User, row: Generation) -> None:
        """Audit the answer; the look-up for another's project is ours, not the request's."""
        project = None
        if row.user_id != user.id:
            project = await self._rights.project_of(row, Spent())
        self._audit.generation(call.authorization, call.item, row, user, project)


def parameters(given: str) -> str:
    """A JSON object as compact text; 422 otherwise."""
    if len(given) > PARAMETERS_MAX:
        raise Failure(422, f"parameters: at most {PARAMETERS_MAX} characters are accepted")
    try:
        found = orjson.loads(given)
    except orjson.JSONDecodeError:
        raise Failure(422, "parameters: not valid JSON") from None
    if not isinstance(found, dict):
        raise Failure(422, "parameters: a JSON object is needed")
    return orjson.dumps(found).decode()
