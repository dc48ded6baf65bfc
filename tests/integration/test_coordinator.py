"""Coordinator and workers as processes: the coordinator's death, sharding, pinning, leftovers."""

import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests import quiet
from tests.launch import CPUS, QUIET, Launch, alive
from tests.servers.counting import CountingServer, wait_for
from velroload.cli.main import main
from velroload.engine.evidence import Evidence
from velroload.runfolder import load

ONE = ("-w", f"cpus:{CPUS[-1]}")
SECOND_NS = 1_000_000_000


def test_coordinator_killed(tmp_path: Path) -> None:
    """Nothing is sent that was due 100 ms later, nobody is left, and the journal tells what it
    knew two seconds before."""
    words = ("-R", "400", "-d", "60s", "-w", "2")
    with CountingServer(tmp_path) as server, Launch(tmp_path, server.url, *words) as run:
        server.reached(1)
        wait_for("a second written", lambda: bool(load(run.out).counters))
        early = server.books.requests
        written = len(load(run.out).counters)
        wait_for("two seconds written", lambda: len(load(run.out).counters) >= written + 2)
        family = run.family()
        assert len(family) == 2
        run.signal(signal.SIGKILL)
        assert run.process is not None
        run.process.wait()
        dead_ns = time.monotonic_ns()
        for process in family:
            wait_for(f"{process} is gone", lambda p=process: not alive(p))  # type: ignore[misc]
        books = server.settled()
    epoch_ns = load(run.out).manifest["epoch_monotonic_ns"]
    assert books.requests <= 400 * (dead_ns + 100_000_000 - epoch_ns) / SECOND_NS + 1
    with Launch(tmp_path, "report", str(run.out), out=False) as report:
        assert report.finish() == 4
    assert report.stdout.startswith("INCOMPLETE")
    counted = run.result["total"]["count"]
    assert early <= counted <= books.requests
    assert run.result["complete"] is False


def test_two_workers_share_exactly_and_start_together(tmp_path: Path) -> None:
    """Starts alternate between the workers, on one clock that begins at one instant."""
    words = ("-R", "100", "-d", "1s", "-u", "7", "-w", "2")
    with CountingServer(tmp_path) as server, Launch(tmp_path, server.url, *words) as run:
        run.finish()
        books = server.settled()
    assert run.ledger()["ok"] == books.requests == 100
    workers = run.run["end"]["evidence"]["workers"]
    assert [worker["counters"]["requests_started"] for worker in workers] == [50, 50]
    assert [worker["counters"]["vus_started"] for worker in workers] == [4, 3]
    if len(CPUS) > 1:
        assert len({worker["cpu"] for worker in workers}) == 2
    assert all(worker["pinned"] for worker in workers)
    samples = np.load(run.out / "reservoir.npy")
    due = np.sort(samples["scheduled_ns"])
    assert (due == np.arange(100) * 10_000_000).all()
    owner = samples["user_address"] & 1
    assert ((samples["scheduled_ns"] // 10_000_000) % 2 == owner).all()
    assert books.first_ns >= run.run["epoch_monotonic_ns"]


def test_a_number_of_requests_is_exact_over_workers(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-u", "5", "-n", "101", "-w", "2") as run,
    ):
        run.finish()
        assert run.ledger()["ok"] == server.settled().requests == 101


def test_worker_that_cannot_be_pinned(tmp_path: Path) -> None:
    """A container may forbid sched_setaffinity: the run goes on, says so, and is SUSPECT."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "def refuse(*_):\n"
        "    raise PermissionError(1, 'Operation not permitted')\n"
        "os.sched_setaffinity = refuse\n"
    )

    words = ("-R", "50", "-d", "1s", *ONE)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, *words, command=QUIET, environ=path) as run,
    ):
        assert run.finish() == 0
    assert run.reasons()["not_pinned"] == "worker 0 could not be pinned to a CPU"
    assert run.result["validity"]["verdict"] == "SUSPECT"
    assert "worker 0 could not be pinned to a CPU" in run.stdout


@pytest.mark.timing
def test_from_command_to_first_request(tmp_path: Path) -> None:
    """CPU time of all of it, the result included: others' work on this machine is not in it.
    bench/startup.py publishes the time on the clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with CountingServer(tmp_path) as server:
        with Launch(tmp_path, server.url, "-u", "1", "-n", "1", *ONE) as run:
            run.finish()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime < 1.5


def named_memory(pid: int) -> set[str]:
    """What a process has mapped of /dev/shm, where it would outlive it. Others on this machine put
    things there too: the folder itself says nothing."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended, and has nothing
        return set()
    return {line.split(maxsplit=5)[5] for line in maps.splitlines() if " /dev/shm/" in line}


def left_behind() -> tuple[set[str], list[str], int, int]:
    """Shared memory that has a name, our descriptors by what they are, threads, children."""
    descriptors = []
    for name in os.listdir("/proc/self/fd"):
        try:
            descriptors.append(os.readlink(f"/proc/self/fd/{name}").partition("[")[0])
        except FileNotFoundError:
            continue  # the listing's own
    children = psutil.Process().children(recursive=True)
    return named_memory(os.getpid()), sorted(descriptors), threading.active_count(), len(children)


def test_runs_in_one_process_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In process, embedded target included: no descriptor, thread, process or mapping is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Evidence, "to_json", quiet.leave_out)
    children = left_behind()[3]
    before: Any = None
    for number in range(2):
        assert main(["-u", "2", "-n", "4", "-q", "--out", str(number)]) == 0
        if before is None:
            before = left_behind()  # what is imported and opened once stays
    assert left_behind() == before
    assert before[3] == children
    assert capfd.readouterr().err == ""


def test_embedded_target_and_workers_end_with_the_run(tmp_path: Path) -> None:
    words = ("-u", "10", "-d", "1s", "--ramp", "0s", "-R", "50")
    with Launch(tmp_path, *words, command=QUIET) as run:
        wait_for("target and worker", lambda: len(run.family()) >= 2)
        family = run.family()
        assert not any(named_memory(pid) for pid in (run.pid, *(each.pid for each in family)))
        assert run.finish() == 0
        assert not any(alive(process) for process in family)
    requests = run.ledger()
    assert requests["ok"] == requests["planned"] == 110  # 10 log in, 50 × 2 steps


def steady(run: Launch, seconds: float) -> list[tuple[int, float]]:
    """(RSS in bytes, CPU in s) of the worker, once a second."""
    worker = run.workers()[0]
    seen: list[tuple[int, float]] = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        used = worker.cpu_times()
        seen.append((worker.memory_info().rss, used.user + used.system))
        time.sleep(1)
    return seen


@pytest.mark.slow
@pytest.mark.timing
def test_memory_and_cpu_are_flat(tmp_path: Path) -> None:
    words = ("-R", "1000", "-d", "22s", "-u", "100", *ONE)
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        server.reached(3000)
        seen = steady(run, 16)
        assert run.finish() == 0
        assert run.ledger()["ok"] == server.settled().requests == 22_000
    rss = np.array([memory for memory, _ in seen])
    assert rss[-1] - rss[0] < 256 << 10, rss  # < 1 MiB a minute
    cpu = np.diff([used for _, used in seen])
    first, last = cpu[: len(cpu) // 2].mean(), cpu[-(len(cpu) // 2) :].mean()
    assert last < 1.5 * first + 0.02, cpu
    law = run.run["end"]["evidence"]["littles_law"]
    spent_ns = law["service_sum_ns"] + law["open_age_ns"]
    assert law["integral_request_ns"] == pytest.approx(spent_ns, rel=0.005)
    assert run.run["end"]["evidence"]["workers"][0]["counters"]["collections"] == 0
