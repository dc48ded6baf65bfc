"""What the faults do to requests: wait, fail, reset, hang, trickle, leak, burn."""

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from velroload.target.failure import Failure
from velroload.target.faults import NS_PER_S, Fault, Faults
from velroload.target.pause import pause

PIECES_PER_S = 10


class CutError(Exception):
    """There will be no answer: the connection was reset by us (`reset`) or left by the client."""

    def __init__(self, reset: bool) -> None:
        super().__init__("reset" if reset else "left")
        self.reset = reset


class Toxics:
    """Applies the faults that last to the requests they concern."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._leaked: list[bytearray] = []
        faults.when("stall", self._start_stall, self._end_stall)

    async def before(self, endpoint: str, connection: Any) -> int:
        """Before the handler; bytes per second of the body, 0 for at once.

        Failure for an error, CutError where there will be no answer.
        """
        rate_bytes = 0
        for fault in tuple(self.faults.on_request):
            if not fault.concerns(endpoint):
                continue
            match fault.kind, fault.settings:
                case "latency", _:
                    await pause(fault.draw_s())
                case "error", settings:
                    raise Failure(settings.get("status", 500), "A fault on purpose")
                case "reset_peer", _:
                    raise CutError(reset=True)
                case "hang", _:
                    await connection.left()
                    raise CutError(reset=False)
                case "slow_body", {"rate": rate}:
                    rate_bytes = rate
                case "burn_cpu", {"time": burnt_ns}:
                    burn(burnt_ns)
                case "leak_memory", {"bytes": size_bytes}:
                    self._leaked.append(bytearray(b"\1" * size_bytes))  # touched, so it is real
        return rate_bytes

    async def _start_stall(self, fault: Fault) -> None:
        """Stand still, all connections and timers with it, for `stall` in every `every`."""
        stall_ns, every_ns = fault.settings["stall"], fault.settings["every"]
        turn = 0
        while True:
            due_ns = fault.started_ns + turn * every_ns
            await pause((due_ns - time.monotonic_ns()) / NS_PER_S)
            left_ns = due_ns + stall_ns - time.monotonic_ns()
            if left_ns > 0:
                time.sleep(left_ns / NS_PER_S)
            turn += 1

    async def _end_stall(self, fault: Fault) -> None:
        """Nothing is left to do: its task has been cancelled."""


def burn(duration_ns: int) -> None:
    """Use the CPU for that long; time when this thread did not run does not count."""
    end_ns = time.thread_time_ns() + duration_ns
    while time.thread_time_ns() < end_ns:
        pass


async def trickle(
    request: web.BaseRequest, status: int, headers: Mapping[str, str], body: bytes, rate_bytes: int
) -> web.StreamResponse:
    """Send an answer whose body comes slowly, ten pieces a second."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    piece = max(1, rate_bytes // PIECES_PER_S)
    for at in range(0, len(body), piece):
        await pause(piece / rate_bytes)
        await response.write(body[at : at + piece])
    await response.write_eof()
    return response
