"""The listening socket, its refusals, and how long idle connections live."""

import errno
import http.client
import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from velroload.errors import ConfigError, Exit, PreflightError, VelroloadError
from velroload.target.process import TargetProcess
from velroload.target.server import listen


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (
            errno.EADDRINUSE,
            Exit.PREFLIGHT,
            "--port 80: already in use on h; stop what listens there, choose another port, or "
            "let --port 0 find a free one",
        ),
        (
            errno.EADDRNOTAVAIL,
            Exit.USAGE,
            "--host h: not an address of this machine; 127.0.0.1 always is",
        ),
        (
            errno.EACCES,
            Exit.PREFLIGHT,
            "--port 80: this user may not listen on it; choose one above 1023",
        ),
        (errno.ENOBUFS, Exit.PREFLIGHT,
         "cannot listen on h port 80: No buffer space available"),
    ],
)  # fmt: skip
def test_each_refusal_of_the_kernel(
    monkeypatch: pytest.MonkeyPatch, number: int, code: Exit, message: str
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object, /) -> None:
            raise OSError(number, os.strerror(number))

    answer = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(VelroloadError) as caught:
        listen("h", 80)
    assert str(caught.value) == message
    assert caught.value.exit_code is code


def test_a_name_that_no_resolver_takes() -> None:
    host = "x" * 64 + ".example.com"  # a label of more than 63 letters
    with pytest.raises(ConfigError) as caught:
        listen(host, 0)
    assert str(caught.value) == f"--host {host}: no such host; 127.0.0.1 is this machine"


def test_an_idle_connection_is_closed_after_its_time() -> None:
    with (
        TargetProcess().start(users=0, options=["--keepalive", "1"]) as target,
        socket.create_connection(("127.0.0.1", target.port), timeout=10) as sock,
    ):
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert b"onnection: close" not in answer


def test_it_speaks_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with TargetProcess().start(users=0, options=files) as target:
        assert target.url == f"https://127.0.0.1:{target.port}"
        connection = http.client.HTTPSConnection("127.0.0.1", target.port, context=context)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
        assert target.stderr() == ""


def test_several_sockets_share_a_port_and_refuse_a_taken_one() -> None:
    sockets = listen("127.0.0.1", 0, 3)
    ports = {sock.getsockname()[1] for sock in sockets}
    assert len(ports) == 1
    with pytest.raises(PreflightError, match=r"already in use on 127\.0\.0\.1"):
        listen("127.0.0.1", ports.pop(), 2)
    for sock in sockets:
        sock.close()
