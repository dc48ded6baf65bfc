"""What only an observer on this machine may ask: the truth, and the faults."""

import hmac
from collections.abc import Callable
from typing import Any

import orjson

from velroload.errors import ConfigError
from velroload.target.api.reading import is_loopback, read_object
from velroload.target.failure import Failure
from velroload.target.faults import Faults
from velroload.target.router import HIDDEN, Call, Route
from velroload.target.truth import Truth

TRUTH_PATH = f"{HIDDEN}truth"
FAULTS_PATH = f"{HIDDEN}faults"
TOKEN_HEADER = "X-Fault-Token"


class ObserverApi:
    """Hidden pages: to all but loopback there is nothing there. They are not counted."""

    def __init__(
        self, truth: Truth, faults: Faults, fault_token: str, more: Callable[[], dict[str, Any]]
    ) -> None:
        self._truth = truth
        self._faults = faults
        self._fault_token = fault_token
        self._more = more

    def routes(self) -> list[Route]:
        """The operations."""
        return [
            Route("GET", TRUTH_PATH, self.tell_truth),
            Route("GET", FAULTS_PATH, self.list_faults),
            Route("POST", FAULTS_PATH, self.start_fault),
            Route("DELETE", FAULTS_PATH, self.end_faults),
            Route("DELETE", f"{FAULTS_PATH}/{{id}}", self.end_fault),
        ]

    async def tell_truth(self, call: Call) -> bytes:
        """The counters."""
        hide_from_others(call)
        answer = {**self._truth.as_json(), "faults": self._faults.as_json(), **self._more()}
        return orjson.dumps(answer)

    async def list_faults(self, call: Call) -> bytes:
        """All faults so far."""
        self._let_in(call)
        return orjson.dumps({"faults": self._faults.as_json()})

    async def start_fault(self, call: Call) -> bytes:
        """{fault, for?, …}: start one, in every worker."""
        self._let_in(call)
        body = await read_object(call.request)
        given = {key: str(value) for key, value in body.items()}
        try:
            fault = await self._faults.start(given)
        except ConfigError as error:
            raise Failure(422, str(error)) from None
        return orjson.dumps(fault.as_json())

    async def end_fault(self, call: Call) -> bytes:
        """End one."""
        self._let_in(call)
        if not await self._faults.end(call.item):
            raise Failure(404, "No such fault lasts")
        return orjson.dumps(self._faults.all[call.item].as_json())

    async def end_faults(self, call: Call) -> bytes:
        """End all of them."""
        self._let_in(call)
        await self._faults.end_all()
        return orjson.dumps({"faults": self._faults.as_json()})

    def _let_in(self, call: Call) -> None:
        hide_from_others(call)
        given = call.request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="replace"), self._fault_token.encode()):
            raise Failure(403, f"{TOKEN_HEADER}: the token printed at start is needed")


def hide_from_others(call: Call) -> None:
    """404 for all but this machine's loopback."""
    if not is_loopback(call.request.remote):
        raise Failure(404, "Not Found")
