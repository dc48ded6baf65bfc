"""The target as a child process: started, named, stopped, never left behind."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from tests.servers.target_client import Client
from velroload.errors import PreflightError
from velroload.target.process import TargetProcess


def wait_gone(pid: int, timeout_s: float = 10.0) -> None:
    """Until the process has ended; it may be gone already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], timeout_s)[0], f"process {pid} lives on"
    finally:
        os.close(descriptor)


def test_it_starts_serves_and_stops() -> None:
    target = TargetProcess()
    assert target.stop() is None
    assert not target.running
    with target.start(users=2) as started:
        assert started is target
        assert target.running
        assert target.url == f"http://127.0.0.1:{target.port}"
        assert target.pid != os.getpid()
        assert target.account(1) == ("user1@example.com", "velroload-target")
        with pytest.raises(IndexError, match=r"^account 2: the target has 2$"):
            target.account(2)
        assert Client(target).login(1).status == 200
    assert not target.running
    assert target.stop() == 0
    wait_gone(target.pid)


def test_a_context_starts_it_by_itself() -> None:
    with TargetProcess() as target:
        assert target.account(199)[0] == "user199@example.com"


def test_it_cannot_be_started_twice(client: Client) -> None:
    with pytest.raises(RuntimeError, match=r"^this target has been started already$"):
        client.target.start()


def test_it_runs_where_it_is_told() -> None:
    cpu = min(os.sched_getaffinity(0))
    with TargetProcess().start(cpus=[cpu], users=1) as target:
        assert target.cpus == [cpu]
        assert os.sched_getaffinity(target.pid) == {cpu}


def test_ctrl_c_on_the_terminal_does_not_reach_it(client: Client) -> None:
    assert os.getpgid(client.target.pid) != os.getpgid(0)


def test_password_and_options() -> None:
    with TargetProcess().start(
        users=1, password="another one", options=["--generations", "2", "--scrypt-n", "16"]
    ) as target:
        client = Client(target)
        assert len(client.ask("GET", "/api/v1/generations", token=client.token()).body) == 2


def test_equal_seeds_give_equal_data(client: Client) -> None:
    with TargetProcess().start(users=25) as target:
        twin = Client(target)
        assert twin.login(7).body["user"] == client.login(7).body["user"]
        first, second = (
            each.ask("GET", "/api/v1/generations", token=each.token(7)).body
            for each in (twin, client)
        )
        assert first == second


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully(number: signal.Signals) -> None:
    """What is under way is answered, idle connections are closed, exit 0."""
    target = TargetProcess().start(users=1, options=["--scrypt-n", "131072"])
    email, password = target.account(0)
    body = json.dumps({"email": email, "password": password}).encode()
    idle = socket.create_connection(("127.0.0.1", target.port), timeout=10)
    busy = socket.create_connection(("127.0.0.1", target.port), timeout=10)
    with idle, busy:
        busy.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: t\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        while target.truth()["in_flight"] == 0:
            pass
        os.kill(target.pid, number)
        assert idle.recv(1) == b""
        assert busy.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
    wait_gone(target.pid)
    assert target.stderr() == ""
    assert target.stop() == 0


def test_it_is_killed_when_it_does_not_stop() -> None:
    target = TargetProcess().start(users=1)
    os.kill(target.pid, signal.SIGSTOP)
    assert target.stop() == -signal.SIGKILL


def test_it_dies_with_its_parent() -> None:
    script = textwrap.dedent(
        """
        import os, signal
        from velroload.target.process import TargetProcess
        print(TargetProcess().start(users=1).pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    wait_gone(int(done.stdout))


def test_a_start_that_fails_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PreflightError) as caught:
            TargetProcess().start(options=["--port", str(port)])
    assert str(caught.value) == (
        f"the embedded target did not start (exit 3): velroload target: --port {port}: already in "
        "use on 127.0.0.1; stop what listens there, choose another port, or let --port 0 find a "
        "free one"
    )


def test_a_start_that_takes_too_long() -> None:
    target = TargetProcess()
    with pytest.raises(PreflightError, match=r"^the embedded target was not ready after 0 s$"):
        target.start(timeout_s=0)
    assert not target.running


def test_nothing_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole service under -W error and in development mode."""
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    with TargetProcess().start(users=1) as target:
        client = Client(target)
        for path in ("/health", "/api/v1/auth/me", "/api/v1/generations", "/nowhere"):
            client.ask("GET", path, token=client.token())
        os.kill(target.pid, signal.SIGTERM)
        wait_gone(target.pid)
        told = target.stderr().splitlines()
    assert [line for line in told if not line.startswith("Executing ")] == []  # slow: the machine
    assert target.stop() == 0


def test_the_launcher_costs_the_standard_library_only() -> None:
    script = (
        "import sys; import velroload.target.process, velroload.target.command; "
        "print([m for m in ('aiohttp', 'uvloop', 'jwt', 'orjson', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
