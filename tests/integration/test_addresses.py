"""Where whole runs go: several addresses, --connect-to, --source; nginx as the server."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from bench.nginx import Nginx
from tests.launch import check_equations
from tests.rig import SECOND_NS, Rig, plan_for
from tests.servers.nginx import needs_nginx
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload.cli.main import main
from velroload.plan.model import Load, Think


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("VELROLOAD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VELROLOAD_ALLOW_DEBUG_CORE", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def run(out: Path, *words: str) -> dict[str, Any]:
    """result.json of a run of one worker, after its ledger was found right."""
    main([*words, "-q", "-w", "1", "--out", str(out)])
    check_equations(json.loads((out / "run.json").read_text())["end"]["ledger"])
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result


def test_a_name_with_several_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolved once; each address that answers gets its share, the dead one none."""
    asked: list[str] = []

    def lookup(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host != "several.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in at else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (at, port),
            )
            for at in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1")
        ]

    real = socket.getaddrinfo
    with (
        ScriptedServer(respond()) as first,
        ScriptedServer(respond(), address=("127.0.0.2", first.port)),
        ScriptedServer(respond(), address=("::1", first.port)),
    ):
        url = f"http://several.example:{first.port}/"
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        result = run(tmp_path / "run", url, "-n", "30", "-u", "6", "--no-keepalive")
        port = first.port
    assert asked == ["several.example"]
    assert [(row["name"], row["count"]) for row in result["addresses"]] == [
        (f"127.0.0.1:{port}", 10), (f"127.0.0.2:{port}", 10), (f"[::1]:{port}", 10)
    ]  # fmt: skip
    assert result["connections"]["opened"] == 30


def test_connect_to_keeps_the_host_header(tmp_path: Path) -> None:
    heads: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            heads.append(request)
            connection.sendall(OK)

    with ScriptedServer(script) as server:
        route = f"www.example.com:80:127.0.0.1:{server.port}"
        url = "http://www.example.com/x"
        result = run(tmp_path / "run", url, "-n", "4", "-u", "2", "--connect-to", route)
        assert result["target"]["addresses"] == [f"127.0.0.1:{server.port}"]
    assert result["ledger"]["ok"] == len(heads) == 4
    assert all(b"\r\nHost: www.example.com\r\n" in head for head in heads)


def test_sources_of_a_network(tmp_path: Path) -> None:
    with ScriptedServer(respond()) as server:
        words = ("-n", "8", "-u", "4", "--no-keepalive", "--source", "127.0.1.0/29")
        result = run(tmp_path / "run", server.url, *words)
        seen = [host for host, _ in server.peers[1:]]  # the first is the pre-flight's
    assert result["ledger"]["ok"] == 8
    assert sorted(seen) == sorted(
        [f"127.0.1.{n}" for n in range(1, 7)] + ["127.0.1.1", "127.0.1.2"]
    )


@needs_nginx
def test_nginx_closes_idle_connections_after_the_time_it_was_told() -> None:
    """It may be as late as 3 s: half a second was too little on a busy machine."""
    load = Load("constant-vus", users=3, iterations=6, think=Think("constant", (4 * SECOND_NS,)))
    with Nginx(keep="1s") as nginx:
        rig = Rig(plan_for(nginx.url, load)).run()
        assert nginx.status()["accepted"] == 6
        assert nginx.requests() == 6
    c, closes = rig.counters, rig.reader.idle_closes()
    assert (rig.samples["error"] == 0).all()
    assert c["requests_planned"] == c["requests_started"] == c["requests_sent"] == 6
    assert (c["idle_closes"], c["retries"]) == (3, 0)
    assert SECOND_NS * 99 // 100 <= min(closes) == c["idle_close_least"]


@needs_nginx
def test_nginx_limits_the_requests_of_a_connection() -> None:
    """It says Connection: close with the last one, so nothing is ever sent in vain."""
    load = Load("constant-vus", users=2, iterations=40)
    with Nginx(most=5) as nginx:
        rig = Rig(plan_for(nginx.url, load)).run()
        assert nginx.requests() == 40
        assert nginx.status()["accepted"] == rig.counters["connections_opened"]
    assert (rig.samples["error"] == 0).all()
    c = rig.counters
    assert 8 <= c["connections_opened"] <= 9
    assert (c["retries"], c["idle_closes"]) == (0, 0)
