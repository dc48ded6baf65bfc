"""The ledger is exact and equal to the server's own count, whatever breaks on either side."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.launch import CPUS, QUIET, Launch, answered
from tests.servers.counting import CountingServer, wait_for

SOON = ("--timeout", "1s", "--graceful-stop", "2s", "-w", f"cpus:{CPUS[-1]}")
RING_OF_64 = (
    sys.executable,
    "-c",
    "import sys, velroload.runner.jobs as jobs; jobs.slots_for = lambda *_: 64\n"
    "from velroload.cli.main import main; sys.exit(main(sys.argv[1:]))",
)


def pause(process: int, length_s: float) -> None:
    """Stop a process for a while: the pause is what is tested, not a wait for something."""
    os.kill(process, signal.SIGSTOP)
    try:
        time.sleep(length_s)
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_quiet_run_agrees_with_the_server(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-u", "20", "-d", "1s", *SOON, command=QUIET) as run,
    ):
        assert run.finish() == 0
        books = server.settled()
    requests = run.ledger()
    assert requests["ok"] == requests["sent"] == books.requests == books.responses > 1000
    assert requests["in_flight"] == 0
    law = run.run["end"]["evidence"]["littles_law"]
    spent_ns = law["service_sum_ns"] + law["open_age_ns"]
    assert law["integral_request_ns"] == pytest.approx(spent_ns, rel=0.005)
    assert "littles_law" not in run.reasons()


def test_server_killed_and_restarted(tmp_path: Path) -> None:
    """A dead server meets users who back off, and the figures go on when it is there again."""
    users = 20
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-u", str(users), "-d", "60s", *SOON) as run,
    ):
        server.reached(500)
        killed_s = time.monotonic()
        server.kill()
        before = server.books.requests
        wait_for("the dead server is noticed", lambda: server.books.requests == before)
        server.start()
        server.reached(500)
        dead_s = time.monotonic() - killed_s
        run.signal(signal.SIGINT)
        run.finish()
        books = server.settled()
    requests = run.ledger()
    retries = run.run["end"]["evidence"]["workers"][0]["counters"]["retries"]
    unanswered = requests["sent"] - requests["ok"]
    # What was in the dead server's sockets it never read, or never counted.
    assert requests["ok"] <= books.responses
    assert requests["ok"] <= books.requests <= requests["ok"] + unanswered + retries
    assert books.responses - requests["ok"] <= users
    refused = requests["failed_before_sending"].get("connect_refused", 0)
    assert refused <= (9 + dead_s) * users  # 10 ms, doubling, at most 1 s: no reconnect storm
    assert set(requests["failed_before_sending"]) <= {"connect_refused", "connect_reset"}


def test_reset_in_the_middle_of_responses(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path, "reset") as server,
        Launch(tmp_path, server.url, "-u", "8", "-d", "1s", *SOON) as run,
    ):
        run.finish()
        books = server.settled()
    requests = run.ledger()
    broken = books.requests // 7
    assert requests["sent"] == books.requests
    assert requests["ok"] == books.responses == books.requests - broken
    assert sum(requests["transport_errors"].values()) == broken > 10
    assert set(requests["transport_errors"]) <= {"reset", "body_short"}


@pytest.mark.parametrize(
    ("timeout", "graceful", "timeouts", "in_flight"),
    [("200ms", "60s", 50, 0), ("60s", "1s", 0, 10)],
)
def test_black_hole(
    tmp_path: Path, timeout: str, graceful: str, timeouts: int, in_flight: int
) -> None:
    """Requests that are never answered time out and make room for late starts; what waits at the
    end of the graceful stop is in flight, and starts that found no user stay unstarted."""
    limits = ("--timeout", timeout, "--graceful-stop", graceful)
    words = ("-R", "100", "-d", "500ms", "--max-vus", "10", *SOON, *limits)
    with (
        CountingServer(tmp_path, "hole") as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        code = run.finish()
        books = server.settled()
    requests = run.ledger()
    assert code == 99
    assert (requests["planned"], requests["timeouts"]) == (50, timeouts)
    assert requests["sent"] == books.requests == timeouts + in_flight
    assert requests["in_flight"] == in_flight
    assert requests["unstarted"] == 50 - timeouts - in_flight
    if timeouts:  # censored, at least as long as the limit
        assert run.result["response_time_ms"]["min"] >= 200
    assert "unsent" not in run.reasons()  # the target did not answer: not our fault


@pytest.mark.timing
def test_waiting_is_not_spinning(tmp_path: Path) -> None:
    words = ("-u", "10", "-d", "500ms", *SOON, "--timeout", "500ms", "--graceful-stop", "1s")
    with (
        CountingServer(tmp_path, "hole") as server,
        Launch(tmp_path, server.url, *words) as run,
    ):
        run.finish()
    counters = run.run["end"]["evidence"]["workers"][0]["counters"]
    assert counters["waits"] < 2_000  # a loop that spun would have waited many thousand times


@pytest.mark.slow
@pytest.mark.timing
def test_server_stopped_and_continued(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-R", "500", "-d", "1s", *SOON) as run,
    ):
        server.reached(100)
        assert server.process is not None
        pause(server.process.pid, 0.3)
        run.finish()
        books = server.settled()
    requests = run.ledger()
    assert requests["ok"] == requests["planned"] == books.requests == 500
    assert run.result["response_time_ms"]["max"] > 250
    assert run.result["service_time_ms"]["max"] > 250


@pytest.mark.slow
@pytest.mark.timing
def test_coordinator_stopped_and_continued(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-u", "10", "-d", "1s", *SOON) as run,
    ):
        server.reached(100)
        pause(run.pid, 0.4)
        run.finish()
        books = server.settled()
    requests = run.ledger()
    assert requests["ok"] == requests["planned"] == books.requests
    assert requests["lost"] == 0


def test_a_full_ring_loses_samples_and_says_so(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-R", "500", "-d", "1s", *SOON, command=RING_OF_64) as run,
    ):
        server.reached(100)
        pause(run.pid, 0.4)
        assert run.finish() == 4
        books = server.settled()
    requests = run.ledger()
    assert requests["sent"] == books.requests == 500
    assert requests["lost"] == 500 - requests["ok"] > 0
    assert run.result["validity"]["verdict"] == "INVALID"
    samples = run.run["end"]["ledger"]["samples"]
    pushed, lost = samples["pushed"], samples["lost"]
    assert lost >= requests["lost"]
    assert run.reasons()["lost_samples"] == (
        f"{lost:,} of {pushed:,} samples were lost: the coordinator could not keep up"
    )
    assert "littles_law" not in run.reasons()


def test_no_descriptors_left_in_a_worker(tmp_path: Path) -> None:
    """Local resources that run out are failures of ours, before anything was sent."""
    with (
        CountingServer(tmp_path, "shut") as server,
        Launch(tmp_path, server.url, "-u", "20", "-d", "1500ms", *SOON) as run,
    ):
        server.reached(20)
        resource.prlimit(run.workers()[0].pid, resource.RLIMIT_NOFILE, (12, 12))
        run.finish()
        books = server.settled()
    requests = run.ledger()
    assert requests["failed_before_sending"]["no_descriptor"] > 0
    assert requests["sent"] == books.requests


def test_worker_killed(tmp_path: Path) -> None:
    """What it had pushed survives, the other one goes on, and the ledger explains the rest."""
    words = ("-u", "20", "-d", "1200ms", "--timeout", "1s", "-w", "2")
    with CountingServer(tmp_path) as server, Launch(tmp_path, server.url, *words) as run:
        server.reached(500)
        victim = run.workers()[0].pid
        os.kill(victim, signal.SIGKILL)
        killed = server.books.requests
        assert run.finish() == 4
        books = server.settled()
    requests = run.ledger()
    assert books.requests > killed + 100  # the other worker went on
    assert requests["ok"] > 400
    assert 0 <= requests["sent"] - books.requests <= 1
    assert requests["sent"] - answered(requests) <= requests["in_flight"] <= 10  # its users
    (why,) = run.run["end"]["incomplete"]
    assert why.startswith(f"worker 0 (pid {victim}) was killed by SIGKILL at ")
    assert run.stdout.startswith("INCOMPLETE")
    assert "littles_law" not in run.reasons()
    assert run.result["complete"] is False


def test_a_freeze_of_ours_is_named_and_voids_the_fail_that_it_caused(tmp_path: Path) -> None:
    """The worker stands still for 0.5 s, in two seconds of nine at most; the server answers in time
    all along."""
    words = ("-R", "500", "-d", "9s", "-u", "50", "--slo", "p99<300ms", *SOON)
    own = {"QUIET_OWN_PAUSE_NS": "400000000"}
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, *words, command=QUIET, environ=own) as run,
    ):
        server.reached(500)
        pause(run.workers()[0].pid, 0.5)
        assert run.finish() == 97
        assert run.ledger()["ok"] == server.settled().requests == 4500
    result = run.result
    assert result["response_time_ms"]["p99"] > 300
    assert result["service_time_ms"]["p99"] < 300  # what a server on a busy CPU takes is its own
    (threshold,) = result["thresholds"]
    assert result["verdict"] == threshold["verdict"] == "INCONCLUSIVE"
    stall = max(result["validity"]["stalls"], key=lambda stall: float(stall["length_ms"]))
    assert 400 <= stall["length_ms"] <= 800
    assert f"generator froze {stall['length_ms'] / 1e3:.2f} s at {stall['at_s']:.1f} s" in (
        run.stdout
    )
    assert result["generator_lag_ms"]["p99"] > 300  # ours, and told as ours
    assert (result["total"]["wait_ms"]["p99"] or 0) < 300  # not the target's
