"""The command line as a process of its own, and what may be asked of a run that it left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests import quiet
from tests.servers.counting import wait_for

CPUS = sorted(os.sched_getaffinity(0))
NOISE = re.compile(r"Traceback|Error:|Warning:|Exception|resource_tracker")
DEADLINE_S = 60.0
ALLOW = "VELROLOAD_ALLOW_DEBUG_CORE"
QUIET = (sys.executable, quiet.__file__)
"""The command of a run that this machine's own noise cannot make INVALID."""


class Launch:
    """`velroload WORDS --out FOLDER`, in a session of its own; ends with everything it started."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        out: bool = True,
        command: tuple[str, ...] = (sys.executable, "-m", "velroload"),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.out = folder / "run"
        self.scratch = folder
        self.words = [*command, *words, *(("--out", str(self.out)) if out else ())]
        foreign = ("VELROLOAD_", "CI")
        clean = {k: v for k, v in os.environ.items() if k == ALLOW or not k.startswith(foreign)}
        self.environ = {**clean, "NO_COLOR": "1", **(environ or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._workers: list[psutil.Process] = []

    def __enter__(self) -> Self:
        with (self.scratch / "out").open("wb") as out, (self.scratch / "err").open("wb") as err:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.environ,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process is not None
        for process in (*self.family(), *self._workers):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def stdout(self) -> str:
        return (self.scratch / "out").read_text()

    @property
    def stderr(self) -> str:
        return (self.scratch / "err").read_text()

    def family(self) -> list[psutil.Process]:
        """Its children and theirs."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """The worker processes, in the order of their start."""
        if not self._workers:
            found = [p for p in self.family() if "velroload.engine.worker" in p.cmdline()]
            self._workers = sorted(found, key=lambda process: process.pid)
        return self._workers

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def finish(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait for its end; its exit code, negative for a signal. Nothing may be left behind, and
        nothing of Python's may stand on stderr."""
        assert self.process is not None
        children = self.family()
        code = self.process.wait(deadline_s)
        for child in children:
            wait_for(f"{child} has ended", lambda c=child: not alive(c))  # type: ignore[misc]
        assert not NOISE.search(self.stderr), self.stderr
        return code

    @property
    def run(self) -> dict[str, Any]:
        """run.json."""
        found: dict[str, Any] = json.loads((self.out / "run.json").read_text())
        return found

    @property
    def result(self) -> dict[str, Any]:
        """result.json."""
        found: dict[str, Any] = json.loads((self.out / "result.json").read_text())
        return found

    def ledger(self) -> dict[str, Any]:
        """The ledger's requests, after every equation that must hold."""
        ledger: dict[str, Any] = self.run["end"]["ledger"]
        check_equations(ledger)
        requests: dict[str, Any] = ledger["requests"]
        return requests

    def reasons(self) -> dict[str, str]:
        """Code → text of what validity says."""
        return {reason["code"]: reason["text"] for reason in self.result["validity"]["reasons"]}


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answered(requests: Mapping[str, Any]) -> int:
    """Requests that were sent and came to an end."""
    ends = requests["ok"] + requests["http_errors"] + requests["timeouts"]
    return int(ends + sum(requests["transport_errors"].values()))


def check_equations(ledger: Mapping[str, Any]) -> None:
    """DESIGN's ledger, to the last integer."""
    assert ledger["problems"] == []
    r, i, s = ledger["requests"], ledger["iterations"], ledger["samples"]
    before = sum(r["failed_before_sending"].values()) + r["in_flight_before_sending"]
    assert r["planned"] == r["started"] + r["dropped"] + r["unstarted"] + r["skipped"], r
    assert r["started"] == r["sent"] + before, r
    open_now = r["in_flight"] - r["in_flight_before_sending"]
    assert r["sent"] == answered(r) + open_now + r["lost"], r
    assert min(open_now, r["in_flight_before_sending"]) >= 0, r
    assert i["planned"] == i["started"] + i["dropped"] + i["unstarted"], i
    assert i["started"] == i["completed"] + i["interrupted"] + i["in_flight"], i
    assert i["in_flight"] >= 0, i
    assert s["pushed"] == s["drained"], s
