"""Sources that are pages: Prometheus text, JSON, and `velroload agent`."""

import asyncio
import math
import ssl
from typing import Any

import orjson

from velroload.plan.jsonpath import plain_path
from velroload.plan.metric import parse_metric
from velroload.plan.probe import Probe
from velroload.probe import machine
from velroload.probe.exposition import ACCEPT, Exposition, decoded, not_found, slices
from velroload.probe.page import Page
from velroload.probe.source import STATES, Figure, MissingError, Named, Reading

UNIT_OF_ENDING = {
    "_bytes": "bytes",
    "_bytes_total": "bytes",
    "_seconds": "s",
    "_seconds_total": "s",
    "_share": "share",
    "_ratio": "share",
    "_state": "state",
}


class WebSource(Named):
    """What pages have in common."""

    def __init__(self, probe: Probe, page: Page) -> None:
        super().__init__(probe, {}, dict(probe.roles))
        self._page = page

    async def close(self) -> None:
        """Let the connection go."""
        await self._page.close()


class PrometheusSource(WebSource):
    """Chosen metrics of a text exposition; a metric without labels is the sum of its series."""

    def __init__(
        self, probe: Probe, context: ssl.SSLContext | None = None, default_path: str = "/"
    ) -> None:
        page = Page(
            probe.where, ACCEPT, token=probe.token, default_path=default_path, context=context
        )
        super().__init__(probe, page)
        self._wanted = {name: parse_metric(text) for name, text in probe.values}
        self.figures = {
            name: Figure(unit_of(self._wanted[name].name), text) for name, text in probe.values
        }

    async def read(self) -> Reading:
        """Fetch and read the page, a slice at a time."""
        found = Exposition(self._wanted)
        for lines in slices(decoded(await self._page.get())):
            for number, line in lines:
                found.line(number, line)
            await asyncio.sleep(0)
        absent = not_found(self._wanted, found.values, "no such metric is there")
        return Reading(found.values, absent)


class AgentSource(PrometheusSource):
    """All that `velroload agent` tells of its machine."""

    def __init__(self, probe: Probe, context: ssl.SSLContext | None = None) -> None:
        super().__init__(probe, context, "/metrics")
        self._wanted = {name: parse_metric(machine.metric(name)) for name in machine.FIGURES}
        self.figures = dict(machine.FIGURES)
        self.roles = dict(machine.ROLES)

    async def read(self) -> Reading:
        """Not every machine tells everything; but one that tells nothing is no agent."""
        found = await super().read()
        if not found.values:
            raise MissingError("it is no velroload agent: none of its metrics is there")
        return Reading(found.values)


class JsonSource(WebSource):
    """Chosen numbers of a JSON document; true and false are 1 and 0, a breaker's state 0 to 2."""

    def __init__(self, probe: Probe, context: ssl.SSLContext | None = None) -> None:
        super().__init__(probe, Page(probe.where, "application/json", context=context))
        self._paths = {name: Path(text) for name, text in probe.values}
        self.figures = {name: Figure(unit_of(name), text) for name, text in probe.values}
        for role, name in self.roles.items():
            if role.startswith("breaker_"):
                self.figures[name] = Figure("state", dict(probe.values)[name])

    async def read(self) -> Reading:
        """Fetch the document and follow the paths."""
        body = await self._page.get()
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise MissingError(f"no JSON: it begins with {body[:40]!r}") from None
        values, absent = {}, {}
        for name, path in self._paths.items():
            try:
                values[name] = sum(number(each) for each in path.find(document))
            except MissingError as error:
                absent[name] = str(error)
        return Reading(values, absent)


class Path:
    """A JSON path to one place, or to several whose numbers are added up."""

    def __init__(self, source: str) -> None:
        self._keys = plain_path(source)
        self._compiled: Any = None
        if self._keys is None:
            import jsonpath

            self._compiled = jsonpath.JSONPathEnvironment(strict=True).compile(source)

    def find(self, document: Any) -> list[Any]:
        """What stands there. MissingError where nothing does."""
        if self._keys is None:
            found: list[Any] = self._compiled.findall(document)
            if not found:
                raise MissingError("nothing is there")
            return found
        for key in self._keys:
            try:
                document = document[key]
            except (KeyError, IndexError, TypeError):
                raise MissingError("nothing is there") from None
        return [document]


def number(value: Any) -> float:
    """A value as a number. MissingError for what is none."""
    if isinstance(value, str) and value.lower() in STATES:
        return STATES[value.lower()]
    if not isinstance(value, int | float) or not math.isfinite(value):
        shown = orjson.dumps(value).decode()[:40]
        raise MissingError(f"{shown} is no number")
    return float(value)


def unit_of(name: str) -> str:
    """The unit that a metric's name ends with, as Prometheus's naming wants it; else a count."""
    for ending, unit in UNIT_OF_ENDING.items():
        if name.endswith(ending):
            return unit
    return "count"
