"""A worker as the coordinator sees it: a child process, its control socket, its segment."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from velroload.engine.control import Decoder, Message, encode, write_program
from velroload.engine.segment import Segment
from velroload.environment import environment_of_child
from velroload.errors import InvalidRunError


class WorkerProcess:
    """One worker, from spawn to collect.

    Must be started by the thread that runs the coordinator's loop and outlives the worker:
    PR_SET_PDEATHSIG fires when the forking *thread* ends. `on_change` is called when it becomes
    ready, is done, or has died.
    """

    def __init__(self, index: int, cpu: int | None, segment: Segment) -> None:
        self.index = index
        self.cpu = cpu
        self.segment = segment
        self.hello: Message | None = None
        self.warmed: Message | None = None
        self.logged_in: dict[str, int] | None = None
        self.done = False
        self.short_of: int | None = None
        self.starved: list[int] = []
        self.site: dict[str, Any] = {"refused": {}, "cookies_ignored": 0}
        self.error: str | None = None
        self.died: str | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._decoder = Decoder()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def name(self) -> str:
        """As the report calls it."""
        return f"worker {self.index} (pid {self.pid})"

    @property
    def over(self) -> bool:
        """Nothing more will come of it."""
        return self.done or self.died is not None or self.error is not None

    def spawn(
        self,
        settings: dict[str, Any],
        arrays: dict[str, bytes],
        files: Sequence[int] = (),
        tables: Sequence[int] = (),
    ) -> None:
        """Start the process and hand over its three descriptors, and those of files and data."""
        ours, theirs = socket.socketpair()
        program = write_program(
            {**settings, "files": list(files), "table_files": list(tables)}, arrays
        )
        descriptors = (theirs.fileno(), self.segment.fd, program)
        command = [sys.executable, "-P", "-m", "velroload.engine.worker"]
        try:
            self._process = subprocess.Popen(
                [*command, *map(str, descriptors), str(os.getpid())],
                pass_fds=(*descriptors, *files, *tables),
                stdin=subprocess.DEVNULL,
                env=environment_of_child(),
                process_group=0,  # Ctrl-C is the coordinator's alone, from the first instant
            )
        finally:
            theirs.close()
            os.close(program)
        ours.setblocking(False)
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._on_readable)

    def say(self, message: Message) -> None:
        """Send a control message; a worker that is gone is noticed elsewhere."""
        if self._control is None or self.died:
            return
        try:
            self._control.send(encode(message))
        except OSError:
            self._on_end()

    def kill(self) -> None:
        """End the process without its help."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def close(self) -> None:
        """Let the worker go and wait for its end. May be called twice."""
        self.say({"stop": "leave"})
        self._drop_control()
        if self._process is not None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.segment.close()

    def _drop_control(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None

    def _on_readable(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._on_end()
            return
        try:
            for message in self._decoder.feed(data):
                self._hear(message)
        except ValueError as error:
            self.error = f"its control socket is damaged: {error}"
            self.kill()
        self.on_change()

    def _hear(self, message: Message) -> None:
        if "ready" in message:
            self.hello = message
        elif "warmed" in message:
            self.warmed = message["warmed"]
        elif "logged_in" in message:
            self.logged_in = message["logged_in"]
        elif "short_of" in message:
            self.short_of = int(message["short_of"])
        elif "done" in message:
            self.done = True
            self.site = message["site"]
            self.starved = message["starved"]
        elif "error" in message:
            self.error = str(message["error"])

    def _on_end(self) -> None:
        """The control socket ended: the process is dead or dying."""
        self._drop_control()
        if self._process is None:
            return
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self.died = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited {code}"
        self.on_change()


def require_ready(workers: list[WorkerProcess]) -> None:
    """InvalidRunError, one line, when a worker could not get ready."""
    for worker in workers:
        if worker.error:
            raise InvalidRunError(f"worker {worker.index} could not start: {worker.error}")
        if worker.died:
            raise InvalidRunError(f"worker {worker.index} {worker.died} before the run began")
        if worker.hello is None:
            raise InvalidRunError(f"worker {worker.index} was not ready after 30 s")
