"""The target's flags: each bad value is one line and the right exit code."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from velroload.target.command import main

COMMAND = [sys.executable, "-m", "velroload.target"]


def run(*flags: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *flags],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--port", "70000"], 2, "--port 70000: a whole number is needed, 0 to 65,535"),
        (["--port", "5x"], 2, "--port 5x: a whole number is needed, 0 to 65,535"),
        (["--workers", "0"], 2, "--workers 0: a whole number is needed, 1 to 64"),
        (["--users", "-1"], 2, "--users -1: a whole number is needed, 0 to 100,000"),
        (["--users", "9" * 5000], 2,
         f"--users {'9' * 5000}: a whole number is needed, 0 to 100,000"),
        (["--scrypt-n", "1000"], 2, "--scrypt-n 1000: a power of two is needed, such as 1024"),
        (["--cpus", "a"], 2, "--cpus a: not a list of CPUs; write it like 0 or 0,2-3"),
        (["--cpus", "3-1"], 2, "--cpus 3-1: not a list of CPUs; write it like 0 or 0,2-3"),
        (["--host", "no such host"], 2,
         "--host no such host: no such host; 127.0.0.1 is this machine"),
        (["--host", "192.0.2.1"], 2,
         "--host 192.0.2.1: not an address of this machine; 127.0.0.1 always is"),
        (["--tls-cert", "x"], 2, "--tls-cert and --tls-key: both or neither are needed"),
        (["--tls-cert", "/x", "--tls-key", "/y"], 2,
         "--tls-cert /x, --tls-key /y: cannot be used: [Errno 2] No such file or directory"),
        (["--rate-limit", "5"], 2,
         "--rate-limit 5: write it like 100/s, 600/m or 10000/h"),
        (["--rate-limit", "0/s"], 2,
         "--rate-limit 0/s: write it like 100/s, 600/m or 10000/h"),
        (["--breaker-recovery", "5"], 2,
         "--breaker-recovery '5': write a number with a unit, such as 30s, 1m30s or 250ms"),
        (["--fault", "latency,20ms"], 2,
         "--fault latency,20ms: '20ms' is no setting; write NAME=VALUE"),
        (["--fault", "latency"], 2, "latency: latency is missing"),
        (["--service-log", "/no/such/folder/log"], 2,
         "--service-log /no/such/folder/log: No such file or directory"),
        (["--database", "mysql://h/x"], 2,
         "--database mysql://h/x: write it like postgresql://USER:PASSWORD@HOST/NAME"),
        (["--redis", "http://h/"], 2,
         "--redis http://h/: not a Redis URL; redis://HOST:PORT/0"),
        (["--redis", "redis://127.0.0.1:1/0"], 3,
         "--redis redis://127.0.0.1:1/0: nothing answers there; start Redis or leave the flag "
         "out"),
        (["--database", "postgresql://127.0.0.1:1/x"], 3,
         "--database postgresql://127.0.0.1:1/x: nothing answers there; start PostgreSQL or "
         "leave the flag out"),
        (["--frobnicate"], 2, "unrecognized arguments: --frobnicate"),
        (["--port"], 2, "argument --port: expected one argument"),
    ],
)  # fmt: skip
def test_a_bad_flag(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == code
    assert capsys.readouterr() == ("", f"velroload target: {message}\n")


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--cpus", "4000"], 3, "--cpus 4000: cannot run there: Invalid argument"),
        (["--cpus", "0,4000"], 3, "--cpus 0,4000: some of them are not to be had here"),
        (["--parent", "1999999999"], 3,
         "--parent 1999999999: not the parent of this process, or gone already"),
        (["--ready-fd", "999"], 2, "--ready-fd 999: Bad file descriptor"),
        (["--fault", "error,endpoint=GET /nowhere"], 2,
         "error: endpoint 'GET /nowhere' is unknown; such as 'GET /health'"),
    ],
)  # fmt: skip
def test_a_bad_flag_of_the_process(flags: list[str], code: int, message: str) -> None:
    assert run(*flags) == (code, "", f"velroload target: {message}\n")


def test_a_service_that_never_answers() -> None:
    """Silent: connected, and no word ever. Dropping: its queue is full, so that the kernel lets
    every further SYN go, as a firewall does."""
    with contextlib.ExitStack() as open_now:
        silent, dropping = (open_now.enter_context(socket.socket()) for _ in range(2))
        for server in (silent, dropping):
            server.bind(("127.0.0.1", 0))
        silent.listen()
        dropping.listen(0)
        open_now.enter_context(socket.create_connection(dropping.getsockname()))
        flags = [
            (f"--{name}", f"{scheme}://127.0.0.1:{server.getsockname()[1]}/0")
            for name, scheme in (("database", "postgresql"), ("redis", "redis"))
            for server in (silent, dropping)
        ]
        with ThreadPoolExecutor(len(flags)) as pool:
            ended = list(pool.map(lambda words: run(*words), flags))
    mend = {"--database": "start PostgreSQL", "--redis": "start Redis"}
    assert ended == [
        (3, "", f"velroload target: {flag} {url}: nothing answers there; {mend[flag]} or leave "
         "the flag out\n")
        for flag, url in flags
    ]  # fmt: skip


def test_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("--port", str(port)) == (
            3,
            "",
            f"velroload target: --port {port}: already in use on 127.0.0.1; stop what listens "
            "there, choose another port, or let --port 0 find a free one\n",
        )


def test_a_secret_too_short() -> None:
    assert run(env={"VELROLOAD_TARGET_SECRET": "short"}) == (
        2,
        "",
        "velroload target: VELROLOAD_TARGET_SECRET: too short; HS256 needs 32 bytes\n",
    )


def test_help_names_every_flag() -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(f"--{flag}" in out for flag in ("host", "port", "cpus", "users", "keepalive"))


def test_by_hand_it_prints_one_ready_line_without_the_secret() -> None:
    with subprocess.Popen(
        [*COMMAND, "--users", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        ready = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
        assert (child.stdout.read(), child.stderr.read()) == ("", "")
    assert ready == {
        "url": f"http://127.0.0.1:{ready['port']}",
        "port": ready["port"],
        "pid": child.pid,
        "cpus": sorted(os.sched_getaffinity(0)),
        "workers": 1,
        "users": 1,
        "database": "sqlite",
        "redis": False,
        "scrypt_n": 1024,
        "fault_token": ready["fault_token"],
        "service_key": ready["service_key"],
    }
    assert len(ready["fault_token"]) == 32


def test_an_ipv6_address_is_written_with_brackets() -> None:
    with subprocess.Popen(
        [*COMMAND, "--host", "::1", "--users", "0"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        assert ready["url"] == f"http://[::1]:{ready['port']}"
        with socket.create_connection(("::1", ready["port"]), timeout=10) as sock:
            sock.sendall(b"GET /__truth HTTP/1.0\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.0 200 OK\r\n")
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


@pytest.mark.parametrize("flag", ["--database", "--redis"])
def test_a_package_that_is_not_installed(flag: str) -> None:
    module = {"--database": "asyncpg", "--redis": "redis"}[flag]
    url = {"--database": "postgresql://h/x", "--redis": "redis://h/0"}[flag]
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *a: None if name == '{module}' else find(name)\n"
        "from velroload.target.command import main\n"
        f"sys.exit(main(['{flag}', '{url}']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"velroload target: {flag}: needs {module}: pip install 'velroload[target]'\n",
    )


def test_nothing_of_the_extra_is_loaded_without_its_flags() -> None:
    """The base install has neither asyncpg nor redis."""
    code = (
        "import sys; sys.modules['asyncpg'] = sys.modules['redis'] = None\n"
        "from velroload.target import workers, assembly\n"
        "from velroload.target.store import seed\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_temporary_folder_goes_with_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--users", "1"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        (folder,) = tmp_path.iterdir()
        assert (folder / "velro.sqlite").exists()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    assert list(tmp_path.iterdir()) == []
