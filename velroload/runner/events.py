"""What a plan does to its target beside the load: HTTP calls, commands, faults, spikes.

Each happens at its instant of the phase, in the coordinator's process and never in a worker, and
leaves marks in the run folder: begin, end, or failed with the reason. Nothing here blocks the loop:
requests wait in threads, commands are processes, and both have a limit of time.
"""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from velroload.load.suite import spans_of
from velroload.plan.mask import Mask
from velroload.plan.model import Plan
from velroload.plan.phase import Event, Phase
from velroload.protocol.address import Target
from velroload.runner.call import Address, Place, call
from velroload.units import format_duration

SECOND_NS = 1_000_000_000
NEVER_NS = 1 << 61
COMMAND_LIMIT_S = 60.0
CLOSE_LIMIT_S = 5.0
"""What is under way when the load is over gets so much longer."""
OUTPUT_BYTES = 4096
"""Kept of what a command writes; its end says more than its beginning."""
FAULTS_PATH = "/__faults"
FAULT_TOKEN = "X-Fault-Token"
TOKEN = "token"
"""The parameter of a fault that is no parameter of it, but what lets us in."""


class EventError(Exception):
    """An event did not happen; the text says why."""


@dataclass(frozen=True, slots=True)
class Due:
    """An event, its phase and its instant in ns since the run's epoch."""

    event: Event
    phase: str
    at_ns: int


def due_of(phases: Sequence[Phase]) -> tuple[Due, ...]:
    """All events of a suite, in order of time."""
    found = [
        Due(event, span.phase.name, span.start_ns + event.at_ns)
        for span in spans_of(phases)
        for event in span.phase.events
    ]
    return tuple(sorted(found, key=lambda due: due.at_ns))


def places_of(
    plan: Plan, addresses: Sequence[Address], called: Sequence[tuple[str, Sequence[Address]]]
) -> tuple[Place, ...]:
    """Where events may go: the target, and the servers that they name, each at its address."""
    if not due_of(plan.phases):
        return ()
    places = [Place.of(plan, plan.target, addresses[0], plan.tls.server_name)]
    places += [Place.of(plan, url, found[0]) for url, found in called]
    return tuple(places)


@dataclass
class Timeline:
    """Carries the events out. `places`: where requests may go, the target first; `fault_token`: of
    the embedded target, "" of any other. `record` gets the marks, `say` a line for each."""

    events: tuple[Due, ...]
    places: Sequence[Place]
    fault_token: str
    mask: Mask
    record: Callable[[dict[str, Any]], None]
    say: Callable[[str], None]
    epoch_ns: int = 0
    _tasks: "list[asyncio.Task[None]]" = field(default_factory=list)
    _begun: "set[asyncio.Task[None]]" = field(default_factory=set)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, epoch_ns: int) -> None:
        """The load has begun: every event waits for its time."""
        self.epoch_ns = epoch_ns
        self._tasks = [asyncio.create_task(self._happen(due)) for due in self.events]

    def stop(self) -> None:
        """The load ends early: what has not begun does not happen, what lasts ends now."""
        self._over.set()
        for task in self._tasks:
            if task not in self._begun:
                task.cancel()

    async def close(self) -> None:
        """Wait for what is under way, and end what lasts."""
        self.stop()
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=CLOSE_LIMIT_S)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _happen(self, due: Due) -> None:
        await self._until(due.at_ns)
        task = asyncio.current_task()
        assert task is not None
        self._begun.add(task)
        acts = {"http": self._http, "command": self._command, "fault": self._fault}
        act = acts.get(due.event.kind, self._spike)
        at_ns = self._now_ns()
        try:
            await act(due, at_ns)
        except asyncio.CancelledError:
            self._mark(due, "failed", self._now_ns(), "it was under way when the run ended")
            raise
        except EventError as error:
            self._mark(due, "failed", self._now_ns(), str(error))
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self._mark(due, "failed", self._now_ns(), str(reason).lower())

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self.epoch_ns

    async def _until(self, at_ns: int) -> None:
        while (left_ns := at_ns - self._now_ns()) > 0:
            await asyncio.sleep(left_ns / SECOND_NS)

    async def _last(self, at_ns: int) -> None:
        """Until an instant, or until the load ends."""
        left_s = max(0.0, (at_ns - self._now_ns()) / SECOND_NS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), left_s)

    def _mark(self, due: Due, what: str, at_ns: int, detail: str | None = None) -> None:
        name = self.mask.text(due.event.name)
        detail = None if detail is None else self.mask.text(detail)
        self.record(
            {
                "event": "mark",
                "name": name,
                "kind": due.event.kind,
                "what": what,
                "phase": due.phase,
                "at_ns": at_ns,
                "detail": detail,
            }
        )
        self.say(f"event {name}: {what}" + ("" if not detail else f": {detail}"))

    def _excerpt(self, data: bytes) -> str:
        shown = self.mask.excerpt(data, True)
        return shown.get("text") or shown.get("hex") or ""

    def _place(self, url: str) -> tuple[Place, str]:
        """Where a path of the target's or a whole URL leads."""
        if url.startswith("/"):
            place = self.places[0]
            return place, place.target.path + url
        wanted = Target.of(url)
        for place in self.places:
            known = place.target
            if (known.scheme, known.host, known.port) == (wanted.scheme, wanted.host, wanted.port):
                return place, _path_of(url)
        raise EventError(f"{wanted.host} was not checked before the start")

    async def _call(
        self, place: Place, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        return await asyncio.to_thread(call, place, method, path, headers, body)

    async def _http(self, due: Due, at_ns: int) -> None:
        event = due.event
        place, path = self._place(event.url)
        body = None if event.body is None else event.body.encode()
        status, text = await self._call(place, event.method, path, dict(event.headers), body)
        if not 200 <= status < 400:
            raise EventError(f"HTTP {status}: {self._excerpt(text)}".rstrip(": "))
        self._mark(due, "begin", at_ns, f"HTTP {status}")

    async def _fault(self, due: Due, at_ns: int) -> None:
        event, place = due.event, self.places[0]
        given = dict(event.parameters)
        headers = {FAULT_TOKEN: given.pop(TOKEN, self.fault_token)}
        given["fault"] = event.fault
        if event.for_ns:
            given["for"] = format_duration(event.for_ns)
        sent = {**headers, "Content-Type": "application/json"}
        body = json.dumps(given).encode()
        status, text = await self._call(place, "POST", FAULTS_PATH, sent, body)
        if status != 200:
            raise EventError(f"HTTP {status}: {self._excerpt(text)}".rstrip(": "))
        self._mark(due, "begin", at_ns)
        told = json.loads(text)
        if told.get("ended_ns") is not None:
            return  # over as soon as it has happened
        await self._last(at_ns + event.for_ns if event.for_ns else NEVER_NS)
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be over by itself
            await self._call(place, "DELETE", f"{FAULTS_PATH}/{told['id']}", headers, None)
        self._mark(due, "end", self._now_ns())

    async def _spike(self, due: Due, at_ns: int) -> None:
        """The schedule does it; here it is said."""
        self._mark(due, "begin", due.at_ns, f"rate × {float(due.event.factor):g}")
        await self._last(due.at_ns + due.event.for_ns)
        self._mark(due, "end", min(self._now_ns(), due.at_ns + due.event.for_ns))

    async def _command(self, due: Due, at_ns: int) -> None:
        words = due.event.words
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EventError(f"{words[0]}: {(error.strerror or str(error)).lower()}") from None
        self._mark(due, "begin", at_ns)
        output = bytearray()
        try:
            await asyncio.wait_for(_read_end(process, output), COMMAND_LIMIT_S)
        except TimeoutError:
            raise EventError(f"it was still running after {COMMAND_LIMIT_S:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        said = self._excerpt(bytes(output).strip())
        if process.returncode != 0:
            raise EventError(f"exit {process.returncode}: {said}".rstrip(": "))
        self._mark(due, "end", self._now_ns(), said or None)


async def _read_end(process: asyncio.subprocess.Process, output: bytearray) -> None:
    """Read all that a process writes; its end is kept."""
    assert process.stdout is not None
    while data := await process.stdout.read(65536):
        output += data
        del output[:-OUTPUT_BYTES]
    await process.wait()


def _path_of(url: str) -> str:
    """Path and query of a URL."""
    rest = url.partition("://")[2]
    return "/" + rest.partition("/")[2]
