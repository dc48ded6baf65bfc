"""Several workers on one port: one truth, one set of faults, one end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.servers.target_client import Client
from velroload.target.process import TargetProcess

WORKERS = 3
ME = "/api/v1/auth/me"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    options = ["--workers", str(WORKERS), "--breaker-recovery", "50ms"]
    with TargetProcess().start(users=12, options=options) as target:
        yield Client(target)
        said = target.stderr()
    assert said == ""
    assert target.stop() == 0


class Line:
    """A connection that stays with one worker, which it finds out."""

    def __init__(self, client: Client) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", client.target.port, timeout=10)
        before = requests_of(client.target)
        self.ask("/health")
        self.worker = next(
            pid for pid, count in requests_of(client.target).items() if count > before[pid]
        )

    def ask(self, path: str, token: str | None = None) -> tuple[int, Any, Any]:
        """Status, headers and body."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        return response.status, response.headers, json.loads(response.read())


def requests_of(target: TargetProcess) -> dict[int, int]:
    """Requests received by worker, from the target's own count."""
    return {row["pid"]: row["received"] for row in target.truth()["by_worker"]}


@pytest.fixture(scope="module")
def lines(client: Client) -> Iterator[list[Line]]:
    """A connection to each worker."""
    found: dict[int, Line] = {}
    spare: list[Line] = []
    while len(found) < WORKERS:
        line = Line(client)
        spare.append(line)
        found.setdefault(line.worker, line)
    yield list(found.values())
    for line in spare:
        line.connection.close()


def test_the_truth_is_that_of_all_workers(client: Client, lines: list[Line]) -> None:
    before = client.target.truth()["requests"]["GET /health"]["200"]
    for number, line in enumerate(lines):
        for _ in range(number + 1):
            line.ask("/health")
    truths = [line.ask("/__truth")[2] for line in lines]
    for truth in truths:
        assert truth["requests"]["GET /health"]["200"] == before + 6
        assert truth["in_flight"] == 0
        assert truth["workers"] == WORKERS
    metrics = client.ask("GET", "/metrics").body.decode()
    assert f'velro_http_requests_total{{endpoint="GET /health",status="200"}} {before + 6}.0' in (
        metrics
    )
    pids = {line.worker for line in lines}
    detailed = client.ask("GET", "/monitoring/metrics/detailed").body
    assert {worker["pid"] for worker in detailed["workers"]} == pids
    assert pids == {child.pid for child in psutil.Process(client.target.pid).children()}


def test_a_fault_holds_in_all_workers_when_it_is_answered(
    client: Client, lines: list[Line]
) -> None:
    started = client.fault(fault="error", status="502", endpoint="GET /health").body
    assert [line.ask("/health")[0] for line in lines] == [502] * WORKERS
    client.end_faults()
    assert [line.ask("/health")[0] for line in lines] == [200] * WORKERS
    written = [line.ask("/__truth")[2]["faults"] for line in lines]
    assert written[0] == written[1] == written[2]
    assert written[0][-1]["id"] == started["id"]
    assert written[0][-1]["ended_ns"] > written[0][-1]["started_ns"]


def test_a_log_out_holds_in_all_workers(client: Client, lines: list[Line]) -> None:
    token = client.login(3).body["access_token"]
    assert [line.ask(ME, token)[0] for line in lines] == [200] * WORKERS
    client.ask("POST", "/api/v1/auth/logout", token=token)
    for line in lines:
        while line.ask(ME, token)[0] == 200:  # told at once, heard a moment later
            pass


def test_what_one_worker_changes_the_others_forget(client: Client, lines: list[Line]) -> None:
    token = client.account("mover@example.com")
    assert [line.ask(ME, token)[2]["credits_balance"] for line in lines] == [1000] * WORKERS
    client.order(token)
    for line in lines:
        while line.ask(ME, token)[2]["credits_balance"] != 950:
            pass


def test_a_breaker_that_opens_in_one_worker_is_seen_in_all(
    client: Client, lines: list[Line]
) -> None:
    client.fault(fault="trip_breaker", breaker="generation")
    for line in lines:
        told = line.ask("/monitoring/circuit-breakers")[2]["circuit_breakers"]["generation"]
        assert told["states"] == ["open"] * WORKERS
        events = line.ask("/__truth")[2]["events"]
        assert [event["after"] for event in events].count("open") >= WORKERS


def test_the_pools_of_all_workers_add_up(client: Client) -> None:
    pools = client.ask("GET", "/enterprise-pools/metrics").body
    assert pools["total"]["size"] == pools["total"]["min"] == 5 * WORKERS


def test_workers_are_pinned_one_by_one() -> None:
    cpus = sorted(os.sched_getaffinity(0))[:2]
    with TargetProcess().start(cpus=cpus, users=0, options=["--workers", "2"]) as target:
        children = psutil.Process(target.pid).children()
        places = sorted(sorted(os.sched_getaffinity(child.pid)) for child in children)
    assert places == sorted([[cpus[number % len(cpus)]] for number in range(2)])


def test_a_worker_that_dies_ends_all_of_them() -> None:
    target = TargetProcess().start(users=0, options=["--workers", "2"])
    first, second = psutil.Process(target.pid).children()
    first.kill()
    second.wait(10)
    while target.running:
        pass
    assert target.stderr() == (f"velroload target: worker {first.pid} ended by itself, exit code 9")
    assert target.stop() == 3


def test_a_parent_that_dies_takes_them_along() -> None:
    target = TargetProcess().start(users=0, options=["--workers", "2"])
    children = psutil.Process(target.pid).children()
    os.kill(target.pid, signal.SIGKILL)
    for child in children:
        child.wait(10)
    target.stop()


def test_a_port_of_another_target_is_not_shared(client: Client) -> None:
    port = str(client.target.port)
    done = subprocess.run(
        [sys.executable, "-m", "velroload.target", "--port", port, "--workers", "2"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"velroload target: --port {port}: already in use on 127.0.0.1;")


def test_a_start_that_fails_in_a_worker_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "velroload.target", "--workers", "2", "--users", "0", "--fault",
         "error,endpoint=GET /nowhere"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "velroload target: worker 0: error: endpoint 'GET /nowhere' is unknown; "
        "such as 'GET /health'\n"
    )


def test_they_share_one_service_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    options = ["--workers", "2", "--service-log", str(path)]
    with TargetProcess().start(users=0, options=options) as target:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", target.port), timeout=10) as sock:
                sock.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                while sock.recv(4096):
                    pass
        assert target.truth()["answered"] == 20
    assert path.stat().st_size == 20 * 24
