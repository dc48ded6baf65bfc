"""One process, or a parent and its workers: forked, watched, ended together."""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence

import uvloop

from velroload.errors import Exit, PreflightError, VelroloadError
from velroload.target.bus import Bus
from velroload.target.command import pin, tie_to
from velroload.target.counters import Counters
from velroload.target.failure import UnavailableError
from velroload.target.server import serve
from velroload.target.settings import Settings


def run(
    settings: Settings,
    sockets: Sequence[socket.socket],
    cpus: frozenset[int] | None,
    ready: Callable[[], None],
) -> None:
    """Serve until a signal; a worker per socket. `ready` is called when all of them accept.

    PreflightError when a worker ends by itself.
    """
    counters = Counters(len(sockets))
    bus = Bus(counters)
    if len(sockets) == 1:
        work(settings, counters, bus, 0, sockets[0], ready)
        return
    family = Family()
    for number, sock in enumerate(sockets):
        family.fork(number, sockets, sock, settings, counters, bus, cpus)
    for sock in sockets:
        sock.close()
    family.watch(ready)


def work(
    settings: Settings,
    counters: Counters,
    bus: Bus,
    number: int,
    sock: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Be one worker until a signal."""
    counters.attach(number)
    bus.attach()
    gc.collect()
    try:
        uvloop.run(serve(settings, counters, bus, sock, ready))
    except UnavailableError as error:
        raise PreflightError(f"cannot start: {error.detail}") from None


class Family:
    """The workers of this process."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._all_ready = False
        self._ready, self._say_ready = os.pipe()

    def fork(
        self, number: int, sockets: Sequence[socket.socket], own: socket.socket,
        settings: Settings, counters: Counters, bus: Bus, cpus: frozenset[int] | None,
    ) -> None:  # fmt: skip
        """Start one worker."""
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._pids.add(pid)
            return
        code = Exit.INTERNAL.value
        try:
            tie_to(parent)
            os.close(self._ready)
            for sock in sockets:
                if sock is not own:
                    sock.close()
            if cpus is not None:
                pin(frozenset([sorted(cpus)[number % len(cpus)]]))
            say = self._say_ready

            def ready() -> None:
                os.write(say, b".")

            work(settings, counters, bus, number, own, ready)
            code = 0
        except VelroloadError as error:
            print(f"velroload target: worker {number}: {error}", file=sys.stderr, flush=True)
            code = error.exit_code
        except SystemExit:
            code = 0  # told to end while it was starting
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)  # nothing of the parent's may be cleaned up here

    def watch(self, ready: Callable[[], None]) -> None:
        """Until a signal, or the first worker's end; then end the others."""
        os.close(self._say_ready)
        wake_reader, wake_writer = os.pipe()
        os.set_blocking(wake_writer, False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        before = signal.set_wakeup_fd(wake_writer)
        try:
            broken = self._until_over(ready, wake_reader)
            for pid in self._pids:
                os.kill(pid, signal.SIGTERM)
            while self._pids:
                later = self._reap(os.WEXITED)
                broken = broken or later  # the first is the cause
        finally:
            signal.set_wakeup_fd(before)
            for descriptor in (wake_reader, wake_writer, self._ready):
                os.close(descriptor)
        if broken is not None and not self._all_ready:
            raise SystemExit(broken[1])  # the worker has said why
        if broken is not None:
            raise PreflightError(f"worker {broken[0]} ended by itself, exit code {broken[1]}")

    def _until_over(self, ready: Callable[[], None], wake: int) -> tuple[int, int] | None:
        waiting = len(self._pids)
        while True:
            watched = [wake, self._ready] if waiting else [wake]
            found, _, _ = select.select(watched, [], [])
            if self._ready in found:
                said = os.read(self._ready, waiting)
                waiting -= len(said)
                if said and not waiting:
                    self._all_ready = True
                    ready()
                if not said:
                    waiting = 0  # all are gone: the signal tells
            if wake in found:
                numbers = os.read(wake, 64)
                broken = self._reap(os.WEXITED | os.WNOHANG)
                if broken is not None or set(numbers) - {signal.SIGCHLD}:
                    return broken

    def _reap(self, how: int) -> tuple[int, int] | None:
        """(pid, code) of a worker that ended with an error or before it was told to."""
        ended = os.waitid(os.P_ALL, 0, how)
        if ended is None:
            return None
        self._pids.discard(ended.si_pid)
        if how & os.WNOHANG or ended.si_status:
            return ended.si_pid, ended.si_status
        return None
