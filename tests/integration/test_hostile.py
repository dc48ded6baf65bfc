"""A whole run against a server that breaks in turn in every way and sends what could do harm."""

import shutil
from pathlib import Path

from tests.launch import CPUS, Launch, answered
from tests.servers.counting import wait_for
from tests.servers.faults import CHUNKED, Wire, large_head
from tests.servers.faults import FaultServer as Server
from tests.servers.scripted import OK

HARM = b"\x1b]0;owned\x07\x1b[31m\xc2\x9b2J\xe2\x80\xae<script>alert(1)</script>,=1+1"
COOKIE = b"c00kie-that-nobody-may-see"
TOKEN = b"t0ken-that-nobody-may-see"
CANARY = (
    b"HTTP/1.1 503 %s\r\nSet-Cookie: id=%s\r\nX-Evil: %s\r\nContent-Length: 62\r\n\r\n"
    b'{"detail": "%s", "access_token": "%s"'
) % (b"<i>No</i>", COOKIE, b"=cmd|x", b"-" * 5, TOKEN)
TURNS = 7


def hostile(wire: Wire) -> None:
    """One request in seven is answered well, the others in six other ways."""
    while wire.request():
        turn = (wire.number + wire.requests) % TURNS
        if turn == 0:
            wire.send(OK)
        elif turn == 1:
            wire.send(CANARY + b" " * (62 - len(CANARY.partition(b"\r\n\r\n")[2])))
        elif turn == 2:
            wire.send(b"HTTP/1.1 200 OK\r\nX: " + HARM + b"\r\n\r\n")
        elif turn == 3:
            wire.send(large_head())
        elif turn == 4:
            wire.send(CHUNKED + b"100000\r\n" + b"x" * (1 << 20) + b"oops")
        elif turn == 5:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
            return
        else:
            wire.reset()
            return


def memory_bytes(pid: int, name: str) -> int:
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if name in line
    )
    return int(line.split()[1]) << 10


def test_nothing_harmful_gets_through(tmp_path: Path) -> None:
    words = ("-u", "10", "-n", "280", "--timeout", "10s", "-w", f"cpus:{CPUS[-1]}")
    with Server(hostile) as server, Launch(tmp_path, server.url, *words) as run:
        wait_for("the first requests", lambda: server.requests >= 20)
        (worker,) = run.workers()
        before = memory_bytes(worker.pid, "VmRSS")
        wait_for("most of the run", lambda: server.requests >= 200)
        assert memory_bytes(worker.pid, "VmHWM") - before < 4 << 20
        run.finish()
        retries = run.run["end"]["evidence"]["workers"][0]["counters"]["retries"]
    requests = run.ledger()
    assert requests["planned"] == requests["sent"] == answered(requests) == 280
    assert server.requests == 280 + retries
    assert run.run["end"]["incomplete"] == []
    assert {failure["kind"] for failure in run.result["failures"]} == {
        "status", "bad_header", "header_too_large", "bad_chunk", "body_short", "reset",
    }  # fmt: skip
    told_is_harmless(run)
    told_again(tmp_path, run)


def told_is_harmless(run: Launch) -> None:
    """No secret in any file, nothing that a terminal would obey, markup only as text."""
    for path in run.out.iterdir():
        data = path.read_bytes()
        assert COOKIE not in data
        assert TOKEN not in data
        if path.suffix == ".json":
            assert all(letter.isprintable() or letter == "\n" for letter in data.decode())
            assert b"\\u001b" not in data
    assert all(letter.isprintable() or letter == "\n" for letter in run.stdout)
    by_kind = {failure["kind"]: failure for failure in run.result["failures"]}
    (status, *_) = by_kind["status"]["examples"]
    assert status["text"].startswith(r"HTTP/1.1 503 <i>No</i>\r\nSet-Cookie: ***\r\nX-Evil: =cmd|x")
    assert status["text"].rstrip().endswith('"detail": "-----", "access_token": "***"')
    (header, *_) = by_kind["bad_header"]["examples"]
    assert r"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e<script>alert(1)</script>,=1+1" in header["text"]


def told_again(folder: Path, run: Launch) -> None:
    """The same failures from the folder, and from its journal alone."""
    shown = failures_of(run.stdout)
    assert len(shown) >= 7
    for place in ("again", "journal"):
        scratch = folder / place
        shutil.copytree(run.out, scratch / "run")
        if place == "journal":
            for path in (scratch / "run").iterdir():
                if path.name != "journal.bin":
                    path.unlink()
        with Launch(scratch, "report", str(scratch / "run"), out=False) as again:
            again.finish()
        assert failures_of(again.stdout) == shown


def failures_of(text: str) -> list[str]:
    """The lines of a report from its failures to what follows."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(" failures "))
    rest = [line for line in lines[first + 1 :] if not line.startswith(" " * 12)]
    return lines[first : lines.index(rest[0], first)]
