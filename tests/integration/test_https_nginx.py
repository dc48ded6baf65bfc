"""HTTPS and many connections against nginx, an independent server: its count is the truth."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.nginx import Nginx
from bench.tls import make_certificate
from tests.launch import CPUS, QUIET, Launch
from tests.servers.nginx import needs_nginx

pytestmark = needs_nginx
ONE = ("-w", f"cpus:{CPUS[-1]}")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Nginx, str, str]]:
    """nginx with TLS 1.3, its URL, and the file of its authority."""
    authority, certificate, key = make_certificate(tmp_path)
    with Nginx([CPUS[0]], secure=(certificate, key)) as nginx:
        yield nginx, f"https://127.0.0.1:{nginx.secure_port}/", str(authority)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_https(tmp_path: Path, secured: tuple[Nginx, str, str], keep_alive: bool) -> None:
    nginx, url, authority = secured
    words = ["-u", "8", "-n", "400", "--cacert", authority, *ONE]
    with Launch(
        tmp_path, url, *words, *(() if keep_alive else ("--no-keepalive",)), command=QUIET
    ) as run:
        assert run.finish() == 0
    requests = run.ledger()
    assert requests["ok"] == requests["sent"] == 400 == nginx.requests()
    agreed = run.result["target"]["tls"]
    assert (agreed["version"], agreed["cipher"]) == ("TLSv1.3", "TLS_AES_128_GCM_SHA256")
    (row,) = run.result["endpoints"]
    handshakes = 8 if keep_alive else 400
    assert row["tls_ms"]["count"] == row["connect_ms"]["count"] == handshakes
    assert nginx.status()["accepted"] == handshakes + 1  # the pre-flight's
    for time in ("tls_ms", "connect_ms", "service_time_ms", "response_time_ms"):
        assert 0 < row[time]["p50" if handshakes == 400 or "time" in time else "max"] < 10_000


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(180)
def test_ten_thousand_connections(tmp_path: Path) -> None:
    """Each user has a connection of its own and sends again and again; none is lost."""
    words = ["-u", "10000", "-R", "2000", "--ramp", "8s", "-d", "12s", "--timeout", "20s"]
    with (
        Nginx([CPUS[0]]) as nginx,
        Launch(tmp_path, nginx.url, *words, "-w", "2", command=QUIET) as run,
    ):
        run.finish(150)
        requests = run.ledger()
        assert requests["sent"] == nginx.requests()
        assert nginx.status()["accepted"] == 10_000 + 1
    assert requests["ok"] == requests["sent"]
    assert run.result["connections"]["opened"] == 10_000
