"""The target as a child process. Standard library only (and errors): cheap for whoever runs it."""

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Any, Self

from velroload.environment import environment_of_child
from velroload.errors import PreflightError
from velroload.target.accounts import DEFAULT_PASSWORD, SECRET_VARIABLE, email_of

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 3.0
READY_LINE_LIMIT = 65_536
TAIL_BYTES = 2000


class TargetProcess:
    """Starts, names and stops one reference target on loopback.

    `with TargetProcess().start(cpus=[0]) as target:` or start() and stop(). It leaves the
    terminal's process group, so that Ctrl-C reaches its user first, and dies with the *thread*
    that started it (PR_SET_PDEATHSIG): start it from one that lives as long as it is needed.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr = -1  # owned; -1 when there is none
        self._ready: dict[str, Any] = {}

    def start(
        self,
        cpus: Iterable[int] | None = None,
        users: int = 200,
        *,
        password: str = DEFAULT_PASSWORD,
        options: Iterable[str] = (),
        timeout_s: float = START_TIMEOUT_S,
    ) -> Self:
        """Start it and wait until it accepts connections.

        `cpus` pins it, `users` accounts are seeded, `options` are further flags of the command.
        PreflightError when it ends, or is not ready in time; what it wrote to stderr is in it.
        """
        if self._child is not None:
            raise RuntimeError("this target has been started already")
        reader, writer = os.pipe()
        command = [
            *(sys.executable, "-P", "-m", "velroload.target"),
            *("--ready-fd", str(writer), "--parent", str(os.getpid())),
            *("--users", str(users), "--password", password),
            *(("--cpus", ",".join(map(str, sorted(cpus)))) if cpus is not None else ()),
            *options,
        ]
        self._stderr = os.memfd_create("target-stderr")  # a pipe would want a reader
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=(writer,),
                env=environment_of_child(SECRET_VARIABLE),
                process_group=0,
            )
        except BaseException:
            self._release()
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.password = password
        try:
            with open(reader, "rb", buffering=0) as pipe:
                self._ready = self._wait_ready(pipe, timeout_s)
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:40001."""
        return str(self._ready["url"])

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._ready["port"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._ready["pid"])

    @property
    def cpus(self) -> list[int]:
        """The CPUs it may run on, as it found them itself."""
        return [int(cpu) for cpu in self._ready["cpus"]]

    @property
    def secret(self) -> str:
        """What it signs tokens with; for minting them. Never to be printed."""
        return str(self._ready["secret"])

    @property
    def fault_token(self) -> str:
        """What X-Fault-Token must say to start and end faults."""
        return str(self._ready["fault_token"])

    @property
    def service_key(self) -> str:
        """A token of the service role."""
        return str(self._ready["service_key"])

    @property
    def running(self) -> bool:
        """True between start() and its end, whoever ended it."""
        return self._child is not None and self._child.poll() is None

    def account(self, index: int) -> tuple[str, str]:
        """E-mail and password of the seeded account number `index`."""
        if not 0 <= index < self._ready["users"]:
            raise IndexError(f"account {index}: the target has {self._ready['users']}")
        return email_of(index), self.password

    def truth(self) -> dict[str, Any]:
        """What it has counted so far (GET /__truth); uses one connection, which it counts too."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/__truth")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL after 3 s; its exit code, None if it never ran. May be repeated."""
        child = self._child
        if child is None:
            return None
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._release()
        return child.returncode

    def stderr(self) -> str:
        """The end of what it wrote to stderr, "" after stop()."""
        if self._stderr < 0:
            return ""
        size = os.fstat(self._stderr).st_size
        tail = os.pread(self._stderr, TAIL_BYTES, max(0, size - TAIL_BYTES))
        return tail.decode(errors="replace").strip()

    def __enter__(self) -> Self:
        return self if self._child is not None else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_ready(self, pipe: IO[bytes], timeout_s: float) -> dict[str, Any]:
        assert self._child is not None
        deadline_s = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n") and len(line) < READY_LINE_LIMIT:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([pipe], [], [], left_s)[0]:
                raise PreflightError(
                    f"the embedded target was not ready after {timeout_s:g} s{self._said()}"
                )
            part = pipe.read(READY_LINE_LIMIT)
            if not part:
                code = self._child.wait()
                raise PreflightError(
                    f"the embedded target did not start (exit {code}){self._said()}"
                )
            line += part
        ready: dict[str, Any] = json.loads(line)
        return ready

    def _said(self) -> str:
        said = self.stderr()
        return f": {said}" if said else ""

    def _release(self) -> None:
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1
