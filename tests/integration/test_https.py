"""Whole runs over TLS: figures apart, what is said of certificates, OpenSSL as the server."""

import fcntl
import shutil
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.launch import CPUS, Launch
from tests.servers.counting import wait_for
from tests.servers.tls import Authority, TlsServer

ONE = ("-w", f"cpus:{CPUS[-1]}")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_connect_tls_service_and_response_stand_apart(tmp_path: Path, authority: Authority) -> None:
    with (
        TlsServer(authority.server()) as server,
        Launch(tmp_path, server.url, "-n", "60", "-u", "6", "--cacert", authority.ca, *ONE) as run,
    ):
        run.finish()
        assert server.connections == 7  # the pre-flight's, and one a user
    requests = run.ledger()
    assert requests["ok"] == requests["sent"] == requests["planned"] == 60
    agreed = run.result["target"]["tls"]
    assert (agreed["version"], agreed["verified"]) == ("TLSv1.3", True)
    (row,) = run.result["endpoints"]
    assert row["tls_ms"]["count"] == row["connect_ms"]["count"] == 6
    assert row["tls_ms"]["max"] > 0
    assert row["response_time_ms"]["count"] == row["service_time_ms"]["count"] == 60
    assert "tls        TLSv1.3 " in run.stdout
    assert "6 handshakes: connect " in run.stdout
    assert "NOT checked" not in run.stdout


def test_insecure_is_said_in_every_report(tmp_path: Path, authority: Authority) -> None:
    with (
        TlsServer(authority.server("other.test")) as server,
        Launch(tmp_path, server.url, "-n", "2", "-u", "1", "-k", *ONE) as run,
    ):
        run.finish()
    assert run.ledger()["ok"] == 2
    assert run.result["target"]["tls"]["verified"] is False
    assert "certificates NOT checked (--insecure)" in run.stdout


def test_a_bad_certificate_ends_it_before_any_load(tmp_path: Path, authority: Authority) -> None:
    with (
        TlsServer(authority.server(expired=True)) as server,
        Launch(tmp_path, server.url, "-u", "1", "-d", "1s", "--cacert", authority.ca, *ONE) as run,
    ):
        assert run.finish() == 3
        port = server.port
    assert run.stderr.strip() == (
        f"velroload: cannot reach 127.0.0.1:{port}: its certificate is refused: certificate "
        "has expired; renew it, or check nothing with --insecure"
    )
    assert not run.out.exists()


def waiting(pipe: IO[str] | None) -> int:
    """Bytes in a pipe that nobody has read: s_server takes commands at the start of a read."""
    assert pipe is not None
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)


@pytest.fixture
def openssl(tmp_path: Path, authority: Authority) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`openssl s_server` on TLS 1.2, which asks for renegotiation when R is typed."""
    program = shutil.which("openssl")
    if program is None:
        pytest.fail("openssl is not installed: apt-get install openssl")
    pem = tmp_path / "server.pem"
    cert = authority.made.issue_cert("127.0.0.1")
    pem.write_bytes(cert.private_key_and_cert_chain_pem.bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-tls1_2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    yield process, port
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def test_renegotiation_is_refused(
    tmp_path: Path, authority: Authority, openssl: tuple[subprocess.Popen[str], int]
) -> None:
    """The request comes to the server's terminal; in the middle of the answer it asks to shake
    hands again. We decline (RFC 5246 section 7.2.2, no_renegotiation), and OpenSSL gives up."""
    server, port = openssl
    assert server.stdin is not None
    assert server.stdout is not None

    def said(what: str) -> None:
        assert server.stdout is not None
        for line in server.stdout:
            if what in line:
                return
        pytest.fail(f"the server never said {what}")

    said("ACCEPT")
    with Launch(
        tmp_path, f"https://127.0.0.1:{port}", "-n", "1", "-u", "1", "--cacert", authority.ca,
        "--timeout", "20s", *ONE,
    ) as run:  # fmt: skip
        said("Accept: */*")
        server.stdin.write("HTTP/1.1 200 OK\nContent-Length: 4\n")
        wait_for("it has read what was typed", lambda: waiting(server.stdin) == 0)
        server.stdin.write("R\n")
        said("no renegotiation")
        run.finish()
    requests = run.ledger()
    assert requests["sent"] == 1
    assert requests["transport_errors"] == {"tls_broken": 1}
