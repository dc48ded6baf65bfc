"""From method and path to an operation.

A router of our own instead of aiohttp's application: with one core for the service, routing,
middleware and match objects cost a quarter of the whole request.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from velroload.target.failure import Failure
from velroload.target.spent import Spent

HIDDEN = "/__"
"""Paths under it belong to the observer: not counted as traffic, and spared by faults."""


class Call:
    """One request under way: `item` is what the path names ("" if nothing)."""

    __slots__ = ("content_type", "item", "request", "spent")

    def __init__(self, request: web.BaseRequest) -> None:
        self.request = request
        self.item = ""
        self.spent = Spent()
        self.content_type = "application/json"

    @property
    def authorization(self) -> str:
        """The Authorization header, "" without one."""
        return self.request.headers.get(hdrs.AUTHORIZATION, "")


Handler = Callable[[Call], Awaitable[bytes]]
"""To a body for status 200; Failure is every other answer."""


@dataclass(slots=True)
class Route:
    """An operation. `path` may hold /{id}, which stands for one segment.

    `name` is the truth's row: method and path.
    """

    method: str
    path: str
    handler: Handler
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.method} {self.path}"


class Router:
    """Finds the route of a method and path: exact paths first, then those with an item."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._items: dict[tuple[str, str], dict[str, Route]] = {}
        for route in routes:
            parent, is_item, tail = route.path.partition("/{id}")
            by_method = (
                self._items.setdefault((parent, tail), {})
                if is_item
                else self._exact.setdefault(parent, {})
            )
            by_method[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """The route and its item; Failure 404, or 405 when only the method is wrong."""
        by_method, item = self._exact.get(path), ""
        if by_method is None:
            by_method, item = self._with_item(path)
        route = by_method.get(method)
        if route is None:
            allowed = ", ".join(sorted(by_method))
            raise Failure(405, "Method Not Allowed", {hdrs.ALLOW: allowed})
        return route, item

    def _with_item(self, path: str) -> tuple[dict[str, Route], str]:
        parent, _, item = path.rpartition("/")
        by_method = self._items.get((parent, ""))
        if by_method is None:
            tail = item
            parent, _, item = parent.rpartition("/")
            by_method = self._items.get((parent, f"/{tail}"))
        if by_method is None or not item:
            raise Failure(404, "Not Found")
        return by_method, item
