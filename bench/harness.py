"""What every bench needs: machine, build, processes and their CPU, medians, kept results.

CPU is that of a whole process tree, user + system: wait4() of the child, which covers the
descendants it waited for; orphans are adopted (subreaper) and waited for here; what still lives
when the child has ended is read from /proc, killed and said.
"""

import compileall
import contextlib
import ctypes
import importlib
import json
import os
import platform
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
FORMAT = "velroload-bench/1"
PR_SET_CHILD_SUBREAPER = 36
ORPHANS_WAIT_S = 3.0

Entry = TypeVar("Entry")


class CountingServer(Protocol):
    """A server under load that counts by itself."""

    @property
    def url(self) -> str: ...

    def requests(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended. CPU in seconds, over its process tree; `left` = killed survivors."""

    command: str
    code: int
    stdout: str
    stderr: str
    elapsed_s: float
    user_s: float
    system_s: float
    left: int = 0

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s


def show(command: Sequence[str]) -> str:
    """The command as one would type it: paths of this checkout made relative, and nobody's name
    and password in a URL."""
    return re.sub(r"//[^\s/@']*@", "//***@", shlex.join(command).replace(f"{ROOT}/", ""))


def on_cpus(command: Sequence[str], cpus: Sequence[int] | None) -> list[str]:
    """`command` bound to CPUs; as it is with None."""
    if cpus is None:
        return list(command)
    return ["taskset", "-c", ",".join(map(str, cpus)), *command]


def raise_descriptor_limit() -> int:
    """Soft limit of open files up to the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def run_tree(
    command: Sequence[str],
    *,
    cpus: Sequence[int] | None = None,
    timeout_s: float = 120.0,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run to the end and measure the CPU of the whole tree. Kills the tree after `timeout_s`."""
    adopt_orphans(True)
    ours = {child.pid for child in psutil.Process().children()}
    full = on_cpus(command, cpus)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = subprocess.Popen(
            full, stdout=out, stderr=err, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        if not wait_readable(os.pidfd_open(child.pid), timeout_s):
            kill_tree(psutil.Process(child.pid))
        _, status, usage = os.wait4(child.pid, 0)
        elapsed_s = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        user_s, system_s, left = reap_orphans(ours)
        adopt_orphans(False)
        out.seek(0)
        err.seek(0)
        return Finished(
            command=show(full),
            code=child.returncode,
            stdout=out.read().decode(errors="replace"),
            stderr=err.read().decode(errors="replace"),
            elapsed_s=elapsed_s,
            user_s=usage.ru_utime + user_s,
            system_s=usage.ru_stime + system_s,
            left=left,
        )


def adopt_orphans(wanted: bool) -> None:
    """Be, or be no longer, the parent of descendants whose own parent has ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def kill_tree(process: psutil.Process) -> None:
    """SIGKILL a process that we started, and its descendants."""
    for each in [*process.children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def wait_readable(descriptor: int, timeout_s: float) -> bool:
    """Wait for a descriptor, then close it; False when the time ran out."""
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))
    finally:
        os.close(descriptor)


def reap_orphans(ours: set[int]) -> tuple[float, float, int]:
    """CPU (user, system) of adopted processes, and how many had to be killed."""
    user_s = system_s = 0.0
    left = 0
    deadline = time.monotonic() + ORPHANS_WAIT_S
    for orphan in psutil.Process().children():
        if orphan.pid in ours:
            continue
        if not wait_readable(os.pidfd_open(orphan.pid), max(0.0, deadline - time.monotonic())):
            left += 1
            kill_tree(orphan)
        _, _, usage = os.wait4(orphan.pid, 0)
        user_s += usage.ru_utime
        system_s += usage.ru_stime
    return user_s, system_s, left


def stop(process: "subprocess.Popen[str]", timeout_s: float = 10.0) -> None:
    """SIGTERM, then SIGKILL; twice-safe."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def compile_c(source: Path, folder: Path) -> Path:
    """Compile one of our C programs into `folder`; RuntimeError with cc's words when it fails."""
    library = source.stem == "hook"
    target = folder / (source.stem + (".so" if library else ""))
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("no C compiler (cc): the benches compile their own C programs")
    flags = ["-O2", "-Wall", "-Werror", *(["-shared", "-fPIC"] if library else [])]
    done = subprocess.run(
        [compiler, *flags, "-o", str(target), str(source), "-lm", "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr}")
    return target


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def median(values: Sequence[float | None]) -> float | None:
    """Of the values there are; None without any."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def alternate(entries: Sequence[Entry], rounds: int) -> Iterator[tuple[int, Entry]]:
    """Every entry once per round, the order turned round each time, so that drift hits all."""
    for turn in range(rounds):
        for entry in entries if turn % 2 == 0 else list(reversed(entries)):
            yield turn, entry


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "affinity": sorted(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "memory_mib": psutil.virtual_memory().total >> 20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def build() -> dict[str, Any]:
    """The core that would be loaded, or why there is none."""
    try:
        core = importlib.import_module("velroload._core")
    except ImportError as error:
        return {"missing": str(error)}
    return {**core.BUILD, "file": str(core.__file__).replace(f"{ROOT}/", "")}


def compile_bytecode() -> None:
    """As an installation does: a machine may be told not to keep it (PYTHONDONTWRITEBYTECODE), and
    compiling all of it in every run costs 0.1 s of CPU."""
    compileall.compile_dir(ROOT / "velroload", quiet=2)


def announce(name: str, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Compile the bytecode, print build, command and machine; the head of what save() will keep.

    `argv`: the bench's arguments when they are not those of this process.
    """
    compile_bytecode()
    head = {
        "format": FORMAT,
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": show(
            ["python", "-m", f"bench.{name}", *(sys.argv[1:] if argv is None else argv)]
        ),
        "machine": machine(),
        "build": build(),
    }
    for key in ("command", "build", "machine"):
        print(f"{key:8s} {head[key]}", flush=True)
    return head


def say_length(seconds: float) -> None:
    """Print about how long a bench will take."""
    print(f"takes    about {seconds / 60:.1f} min", flush=True)


def save(head: Mapping[str, Any], figures: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Keep a result as folder/NAME.json (temporary name, then rename), without this machine's
    paths: the interpreter is `python`, the checkout is `.`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{head['name']}.json"
    draft = path.with_suffix(".tmp")
    text = json.dumps({**head, **figures}, indent=1, ensure_ascii=False) + "\n"
    draft.write_text(text.replace(sys.executable, "python").replace(str(ROOT), "."))
    draft.replace(path)
    print(f"kept     {show([str(path)])}", flush=True)
    return path
