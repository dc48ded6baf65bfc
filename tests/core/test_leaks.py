"""What the core allocates ends with its owner. On the sanitized build LeakSanitizer looks, at the
end of each process; other builds run the same without it."""

import gc
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.launch import CPUS, QUIET, Launch
from tests.rig import Rig, iterations, plan_for
from tests.servers.counting import CountingServer
from tests.servers.scripted import OK, ScriptedServer, read_request
from tests.servers.tls import Authority, TlsServer
from velroload._core import BUILD, Engine, Http1Parser, Merger, Pacer, RingReader, RingWriter
from velroload.plan.model import Capture, Request
from velroload.plan.tls import Tls

ROOT = Path(__file__).parents[2]
LOGIN = Request("POST", "/login", captures=(Capture("t", "$.t"),))
FLOW = (LOGIN, Request("GET", "/${t}"), Request("PUT", "/", body=b"${t}" * 9))


def script(connection: socket.socket, number: int) -> None:
    """Bodies to capture, answers, half an answer."""
    body = json.dumps({"t": "x" * 900}).encode()
    for _ in range(4):
        request = read_request(connection)
        login = request.startswith(b"POST /login ")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body if login else OK)
    connection.sendall(OK[:-1])


def tls_lives(authority: Authority) -> None:
    """Sessions closed and dropped, a handshake that fails, one that is cut."""
    trusting = (authority.trusted, Tls())
    with TlsServer(authority.server(), script) as server:
        for tls, close in product(trusting, (True, False)):
            plan = plan_for(server.url, iterations(9, users=3), FLOW, tls=tls)
            rig, cut = Rig(plan).run(), Rig(plan)
            cut.start()
            cut.turn()
            if close:
                rig.close()
                cut.close()
            del rig, cut  # or the server waits for the rest of a handshake


def lives() -> None:
    """Every object of the core: used and closed, used and dropped, refused when half made."""
    with ScriptedServer(script) as server:
        for close in (True, False):
            plan = plan_for(server.url, iterations(9, users=3), FLOW)
            rig = Rig(plan).run()
            unstarted, cut = Rig(plan), Rig(plan)
            cut.start()
            cut.turn()
            if close:
                rig.close()
                unstarted.close()
                cut.close()
    for steps in (b"x", b"\xff" * 64):
        with pytest.raises(ValueError, match=r"^program: "):
            Rig(plan, steps=steps)
    samples = rig.samples.tobytes()
    writer, reader, merger = RingWriter(rig.memory), RingReader(rig.memory), Merger(1, 3)
    assert writer.push(samples[: 64 * 5]) == 5
    assert reader.drain(merger) == 5
    assert any(merger.take())
    with pytest.raises(ValueError, match=r"^Merger: "):
        Merger(0, 1)
    with pytest.raises(ValueError, match=r"^rows of 64 bytes "):
        Pacer(b"x", 0)
    Http1Parser().feed(OK)
    with TemporaryDirectory() as folder:
        tls_lives(Authority(Path(folder)))
    del rig, unstarted, cut, writer, reader, merger
    gc.collect()
    mine = (Engine, Merger, RingReader, RingWriter, ssl.SSLObject)
    assert [each for each in gc.get_objects() if isinstance(each, mine)] == []


def leaks(folder: Path) -> dict[str, str]:
    """The environment in which LeakSanitizer writes to files of this folder.

    `exitcode`: a leak of someone else's must not change how a process ends.
    """
    options = f"detect_leaks=1:exitcode=0:log_path={folder}/leaks"
    return {"ASAN_OPTIONS": options}


def ours(folder: Path) -> list[str]:
    """The leaks that were allocated by the core."""
    logs = [path.read_text(errors="replace") for path in folder.glob("leaks.*")]
    blocks = [block for log in logs for block in re.split(r"\n\n", log)]
    return [block for block in blocks if "velroload/_core" in block]


def test_objects_leave_nothing(tmp_path: Path) -> None:
    code = "from tests.core.test_leaks import lives; lives()"
    environ = {**os.environ, **leaks(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ours(tmp_path) == []


def test_a_run_leaves_nothing(tmp_path: Path) -> None:
    """Coordinator and worker."""
    words = ("-u", "3", "-n", "30", "-w", f"cpus:{CPUS[-1]}")
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, *words, command=QUIET, environ=leaks(tmp_path)) as run,
    ):
        assert run.finish() == 0
    assert run.ledger()["ok"] == 30
    assert ours(tmp_path) == []


def test_a_leak_is_seen(tmp_path: Path) -> None:
    """A merger that is never let go: the tests above look in the right place."""
    code = (
        "import ctypes; from velroload._core import Merger; merger = Merger(1, 1);"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(merger)); del merger"
    )
    environ = {**os.environ, **leaks(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, check=True)
    assert bool(ours(tmp_path)) == (BUILD["profile"] == "sanitize")
