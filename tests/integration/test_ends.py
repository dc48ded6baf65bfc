"""How a run ends, and with which code: signals, rules, thresholds, bad input, a full disk."""

import os
import resource
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.launch import CPUS, QUIET, Launch
from tests.servers.counting import CountingServer, wait_for

ONE = ("-w", f"cpus:{CPUS[-1]}")
LONG = ("-u", "5", "-d", "60s", "--timeout", "5s", *ONE)


@pytest.mark.parametrize(
    ("number", "code", "ended"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_one_signal_drains_and_reports(
    tmp_path: Path, number: signal.Signals, code: int, ended: str
) -> None:
    """Nothing new is begun, what is under way is answered, the report is whole."""
    with (
        CountingServer(tmp_path, "slow:100") as server,
        Launch(tmp_path, server.url, *LONG) as run,
    ):
        server.reached(10)
        run.signal(number)
        sent = server.books.requests
        assert run.finish() == code
        books = server.settled()
    requests = run.ledger()
    assert requests["ok"] == requests["sent"] == books.requests == books.responses
    assert books.requests <= sent + 5
    assert requests["in_flight"] == 0
    assert run.run["end"]["ended"] == run.result["ended"] == ended
    assert run.result["exit_code"] == code
    assert run.stdout.startswith("INCONCLUSIVE")
    assert f"{ended} before its planned end" in run.stdout


def test_the_second_signal_reports_at_once(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path, "hole") as server,
        Launch(tmp_path, server.url, *LONG, "--timeout", "50s", "--connect-timeout", "1s") as run,
    ):
        server.reached(5)
        run.signal(signal.SIGINT)
        journal = run.out / "journal.bin"
        wait_for("a second of draining", lambda: "draining" in run.stderr)
        assert journal.exists()
        run.signal(signal.SIGINT)
        assert run.finish(10) == 130
    requests = run.ledger()
    assert requests["sent"] == requests["in_flight"] == 5
    assert run.result["ended"] == "interrupted"


def test_ctrl_c_reaches_the_coordinator_alone(tmp_path: Path) -> None:
    """A terminal signals the whole group, from the first instant of the start."""
    for wait_for_load in (False, True):
        place = tmp_path / str(wait_for_load)
        place.mkdir()
        with CountingServer(place) as server, Launch(place, server.url, *LONG) as run:
            if wait_for_load:
                server.reached(10)
            else:
                wait_for("a worker", lambda: bool(run.workers()))
            os.killpg(run.pid, signal.SIGINT)
            assert run.finish() == 130
            books = server.settled()
        requests = run.ledger()
        assert requests["ok"] == requests["sent"] == books.requests
        assert run.run["end"]["incomplete"] == []
        assert run.run["end"]["ended"] == "interrupted"


def test_abort_rule(tmp_path: Path) -> None:
    words = ("-R", "50", "-d", "60s", "--abort-on", "errors>5% for 1s", *ONE)
    with (
        CountingServer(tmp_path, "reset") as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        assert run.finish() == 105
        books = server.settled()
    requests = run.ledger()
    assert requests["sent"] == books.requests
    assert requests["planned"] == 3000
    assert requests["unstarted"] == 3000 - requests["started"] > 0
    assert run.result["ended"] == "aborted"
    assert run.result["reason"].startswith("errors>5% for 1s: ")


@pytest.mark.slow
def test_failed_threshold(tmp_path: Path) -> None:
    words = ("-R", "200", "-d", "2s", "--slo", "errors<1%", *ONE)
    with (
        CountingServer(tmp_path, "reset") as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        assert run.finish() == 99
    assert run.stdout.startswith("FAIL")


@pytest.mark.parametrize("mode", ["shut", pytest.param("fail", marks=pytest.mark.slow)])
def test_not_one_success_is_a_fail(tmp_path: Path, mode: str) -> None:
    """With a threshold that holds or without one; a failure without stamps is no fallback."""
    words = ("-R", "50", "-d", "1s", "--slo", "rate>1/s", *ONE)
    with (
        CountingServer(tmp_path, mode) as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        assert run.finish() == 99
    assert "not one request succeeded" in run.stdout


def closed_port() -> tuple[socket.socket, int]:
    """A port that refuses for as long as the socket is held."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, int(held.getsockname()[1])


def test_unreachable_target_leaves_nothing(tmp_path: Path) -> None:
    held, port = closed_port()
    with held, Launch(tmp_path, f"http://127.0.0.1:{port}/", "-u", "3", *ONE) as run:
        assert run.finish() == 3
    assert run.stderr.splitlines() == [
        "assumed: 10s",
        f"velroload: cannot reach 127.0.0.1:{port}: connection refused; is the server running?",
    ]
    assert run.stdout == ""
    assert not run.out.exists()


URL = "http://127.0.0.1:9/"
BAD = {
    ("http://",): "target 'http://': ",
    ("ftp://127.0.0.1/",): "target 'ftp://127.0.0.1/': ",
    (URL, "-d", "5x"): "--duration '5x': ",
    (URL, "--duration=-1s"): "--duration '-1s': ",
    (URL, "-R", "fast"): "--rate 'fast': ",
    (URL, "-u", "0"): "--users '0': ",
    (URL, "--users=-3"): "--users '-3': ",
    (URL, "--rate=-5"): "--rate '-5': ",
    (URL, "-n", "0"): "--requests '0': ",
    (URL, "-H", "X: a\r\nY: b"): "header X: the value contains a line break or a NUL",
    (URL, "-b", "@/no/such/file"): "--body ",
    (URL, "--no-such-flag"): "--no-such-flag: unknown flag",
    (URL, "-w", "none"): "--workers 'none': ",
    (URL, "-u", "1", "-d", "1s", "-w", "cpus:4095"): "workers 'cpus:4095': ",
    (URL, "--slo", "p99<<5"): "threshold 'p99<<5'",
}


def test_bad_input_is_one_line_and_code_2(tmp_path: Path) -> None:
    """End to end for each kind; the texts are asserted whole where they are made."""

    def complain(words: tuple[str, ...]) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "velroload", *words, "--out", str(tmp_path / "run")]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return ended.returncode, ended.stdout, ended.stderr

    with ThreadPoolExecutor(len(CPUS)) as pool:
        ended = dict(zip(BAD, pool.map(complain, BAD), strict=True))
    for words, (code, out, err) in ended.items():
        assert (code, out) == (2, ""), (words, err)
        assert err.count("\n") == 1, err
        assert err.startswith(f"velroload: {BAD[words]}"), (words, err)
    assert not (tmp_path / "run").exists()


def test_more_users_than_descriptors(tmp_path: Path) -> None:
    with CountingServer(tmp_path) as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limited = ("sh", "-c", 'ulimit -Hn 200; ulimit -n 200; exec "$0" -m velroload "$@"')
        command = (*limited, sys.executable)
        with Launch(tmp_path, server.url, "-u", "500", *ONE, command=command) as run:
            assert run.finish() == 3
        assert server.books.requests == 0
    assert soft <= hard
    assert "500 connections on 1 worker need 564 file descriptors each, the limit is 200" in (
        run.stderr
    )
    assert "ulimit -Hn 564" in run.stderr
    assert not run.out.exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with CountingServer(tmp_path) as server:
        words = (server.url, "-u", "2", "-d", "1s", "--out", "/proc/velroload", *ONE)
        with Launch(tmp_path, *words, out=False) as run:
            assert run.finish() == 2
        assert server.books.requests == 0
    assert run.stderr == (
        "velroload: --out /proc/velroload: cannot be written: no such file or directory; "
        "name another with --out\n"
    )


def test_memory_that_is_not_given_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    """A limit for files is one for the memory that processes share, too."""
    with CountingServer(tmp_path) as server:
        limited = ("sh", "-c", 'ulimit -f 64; exec "$0" -m velroload "$@"', sys.executable)
        with Launch(tmp_path, server.url, "-u", "2", "-d", "1s", *ONE, command=limited) as run:
            assert run.finish() == 3
    assert run.stderr == (
        "velroload: a worker's shared memory: file too large; its limits are `ulimit -f`, -n "
        "and -v\n"
    )


def test_disk_that_fills_up_does_not_stop_the_measurement(tmp_path: Path) -> None:
    """The file size limit stands in for a full disk, and is set when the workers have all their
    memory: what is there then is the last that is written."""
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-R", "200", "-d", "2s", *ONE, command=QUIET) as run,
    ):
        journal = run.out / "journal.bin"
        wait_for("the load", lambda: server.books.requests > 0)
        limit = journal.stat().st_size
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (limit, limit))
        size = journal.stat().st_size  # it may have grown meanwhile, and no more from here on
        assert run.finish() == 4
        assert server.settled().requests == 400
    assert "200: 400 (100 %)" in run.stdout
    assert "exit 4" in run.stdout.splitlines()[0]
    lost = [line for line in run.stderr.splitlines() if line.startswith("not saved: ")]
    assert f"not saved: {run.out}/journal.bin: File too large" in lost
    assert f"not saved: {run.out}/result.json: not written: file too large" in lost
    left = {path.name: path.stat().st_size for path in run.out.iterdir()}
    assert left.pop("journal.bin") == size
    assert left.pop("run.json")  # from before
    assert "result.json" not in left
    assert all(length < size for length in left.values()), "what does not fit is not there at all"
    assert not [name for name in left if name.startswith(".")]
