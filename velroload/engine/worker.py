"""A worker process: a uvloop loop around one Engine.

Started by the coordinator as `python -m velroload.engine.worker CONTROL SEGMENT PROGRAM PARENT`,
three inherited descriptors and the pid of the coordinator. It dies with the coordinator: by
PR_SET_PDEATHSIG, and by the end of the control socket.
"""

import asyncio
import ctypes
import gc
import mmap
import os
import signal
import socket
import sys
import time
from typing import Any, Protocol

import uvloop

from velroload import _core
from velroload.engine.control import Decoder, Message, encode, read_program
from velroload.engine.files import map_file
from velroload.protocol.computed import make_computed
from velroload.protocol.judge import Judge, make_judges
from velroload.protocol.session import life_of
from velroload.protocol.site import Site
from velroload.protocol.tls import from_settings

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29
STAMPS_WITHIN_S = 2.0
WAKE_UPS = 200


def die_with(parent: int) -> None:
    """Ask the kernel to kill us when the coordinator dies; leave at once if it has already."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def pin(cpu: int | None) -> bool:
    """Stay on one CPU; False when that is not allowed."""
    if cpu is None:
        return False
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError:
        return False
    return True


def switch_on_stamps() -> tuple[socket.socket, socket.socket] | None:
    """A loopback pair with receive stamps; None when the kernel gives none.

    A thread of the kernel's switches them on after the first socket has asked, when a CPU lets it:
    200 tries without a pause were over before, on a busy machine. It switches them off after the
    last socket is closed: the pair is kept open for as long as the worker lives.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        receiver, _ = server.accept()
    _core.ask_stamps(receiver.fileno())
    until_s = time.monotonic() + STAMPS_WITHIN_S
    while time.monotonic() < until_s:
        sender.send(b"x")
        if _core.stamp_of(receiver.fileno()):
            return sender, receiver
        time.sleep(0.0005)
    sender.close()
    receiver.close()
    return None


class Worker:
    """Runs an Engine to its end and tells the coordinator."""

    def __init__(self, control: socket.socket, engine: _core.Engine, site: Site) -> None:
        self.control = control
        self.engine = engine
        self.site = site
        self.decoder = Decoder()
        self.loop = asyncio.get_running_loop()
        self.ended = self.loop.create_future()
        self.over = False
        self.warming = self.logging_in = False
        self.told_short = False

    def start(self) -> None:
        self.loop.add_reader(self.control, self.on_control)
        self.loop.add_reader(self.engine.fileno(), self.on_engine)
        self.engine.watch_control(self.control.fileno())

    def say(self, message: Message) -> None:
        """Messages are few and short: the socket's buffer always has room."""
        self.control.setblocking(True)
        self.control.sendall(encode(message))
        self.control.setblocking(False)

    def on_control(self) -> None:
        try:
            data = self.control.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            os._exit(1)  # the coordinator is gone: nothing may be sent any more
        try:
            for message in self.decoder.feed(data):  # all, before the engine runs for a slice
                self.obey(message)
        except Exception as error:
            self.fail(error)
        self.on_engine()

    def obey(self, message: Message) -> None:
        self.warming = "warm" in message
        self.logging_in = "login" in message or (self.logging_in and "stop" in message)
        if self.warming or "login" in message:
            return
        if "go" in message:
            self.engine.start(message["go"], message["spin_ns"])
        elif message.get("stop") == "leave":
            self.ended.set_result(None)
        elif message.get("stop") in ("drain", "now"):
            self.engine.stop(message["stop"] == "now")
        else:
            raise ValueError(f"a control message without meaning: {message}")

    def on_engine(self) -> None:
        """Run the core for a slice; every exception of ours ends the worker and is told."""
        if self.over:
            return
        try:
            if self.warming:
                if self.engine.warm() == _core.DONE:
                    self.warming = False
                    self.say({"warmed": self.engine.warmed()})
                return
            if self.logging_in:
                if self.engine.login() == _core.DONE:
                    self.logging_in = False
                    self.say({"logged_in": self.engine.logged_in()})
                return
            over = self.engine.poll() == _core.DONE
            if not self.told_short and self.engine.short_of is not None:
                self.told_short = True
                self.say({"short_of": self.engine.short_of})
            if over:
                self.retire()
                self.engine.finish()
                starved = self.engine.starved()
                self.say({"done": True, "site": self.site.to_json(), "starved": starved})
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Stop working, say why, and wait to be let go."""
        self.retire()
        self.say({"error": f"{type(error).__name__}: {error}"})

    def retire(self) -> None:
        self.over = True
        self.loop.remove_reader(self.engine.fileno())


class Onlooker(Protocol):
    """One who is told all that an engine sends and receives (_core.pyi, Engine: "trace"), and what
    its judges are asked."""

    def __call__(
        self, sent: bool, offset: int, step: int, data: bytes, texts: tuple[str, ...]
    ) -> None: ...
    def looking_at(self, judge: Judge) -> Judge: ...


def make_engine(
    segment: int,
    settings: dict[str, Any],
    arrays: dict[str, bytes],
    site: Site,
    onlooker: Onlooker | None = None,
) -> _core.Engine:
    """Map the segment and build the engine from the program."""
    size = os.fstat(segment).st_size
    memory = mmap.mmap(segment, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    for scenario in settings["scenarios"]:
        for stream in ("starts", "vus"):
            scenario[stream] = arrays[scenario[stream]]
    program: dict[str, Any] = {
        **arrays,
        "files": [map_file(fd) for fd in settings["files"]],
        "tables": [map_file(fd, whole=True) for fd in settings["table_files"]],
        "settings": settings,
        "computed": make_computed(settings),
        **site.hooks(),
        "life": life_of,
        "tls": [from_settings(origin) for origin in settings["tls"]],
    }
    judges = make_judges(settings)
    if onlooker is not None:
        program["trace"] = onlooker
        judges = [(onlooker.looking_at(each[0]), *each[1:]) for each in judges]
    return _core.Engine(memory, program, judges)


async def run(control: socket.socket, segment: int, program: int) -> None:
    settings, arrays = read_program(program)
    pinned = pin(settings["cpu"])
    stamps = switch_on_stamps()
    wake_up_p99_ns = 0
    if settings["spin"]:
        wake_up_p99_ns = sorted(_core.wake_up_delays(WAKE_UPS))[WAKE_UPS * 99 // 100]
    site = Site.of(settings)
    engine = make_engine(segment, settings, arrays, site)
    worker = Worker(control, engine, site)
    worker.start()
    gc.collect()
    gc.freeze()
    gc.disable()
    gc.callbacks.append(lambda phase, _: engine.note_collection() if phase == "stop" else None)
    worker.say(
        {
            "ready": True,
            "pinned": pinned,
            "stamps": stamps is not None,
            "wake_up_p99_ns": wake_up_p99_ns,
            "memory": engine.memory(),
        }
    )
    await worker.ended
    engine.close()


def main(arguments: list[str]) -> None:
    control_fd, segment, program, parent = map(int, arguments)
    die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):  # a service manager signals whole groups
        signal.signal(number, signal.SIG_IGN)  # the coordinator decides when to stop
    control = socket.socket(fileno=control_fd)
    control.setblocking(False)
    uvloop.run(run(control, segment, program))


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # the kernel takes everything back sooner than the interpreter does
