"""The agent: what it tells, to whom; and end to end with the probe that reads it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.probe.asking import ask, refusal
from velroload.cli.main import main
from velroload.errors import ConfigError, Exit
from velroload.plan.probe import Probe
from velroload.probe.agent import Settings, exposition, is_loopback
from velroload.probe.machine import FIGURES
from velroload.probe.web import AgentSource

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The command as a process of its own, with a token; where it listens."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ["agent", "--port", "0", "--token-file", str(tmp_path / "token")]
    command = [sys.executable, "-P", "-m", "velroload", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        line = it.stdout.readline()
        assert line.startswith("agent: http://127.0.0.1:"), line
        assert TOKEN not in Path(f"/proc/{it.pid}/cmdline").read_text()
        yield line.removeprefix("agent: ").strip()
        it.send_signal(signal.SIGTERM)
        out, err = it.communicate(timeout=20)
        assert (it.returncode, out, err) == (Exit.PASS, "", "")


def get(url: str, path: str, token: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_end_to_end(agent: str) -> None:
    source = AgentSource(Probe("box", "agent", agent.removesuffix("/metrics"), token=TOKEN))
    (found,) = ask(source)
    assert found.values["memory_total_bytes"] > 1 << 20
    assert set(found.values) <= set(FIGURES)
    assert source.roles["cpu_share"] == "cpu_share"
    for url in (agent, agent.removesuffix("metrics")):
        assert refusal(AgentSource(Probe("box", "agent", url, token="wrong"))) == (
            "it answers with status 401"
        )
    status, body = get(agent, "/metrics", TOKEN)
    families = {family.name for family in text_string_to_metric_families(body.decode())}
    assert status == 200
    assert "velroload_agent_memory_share" in families
    assert get(agent, "/metrics")[0] == get(agent, "/metrics", TOKEN[:-1])[0] == 401
    assert get(agent, "/health") == (200, b'{"status": "healthy"}')
    assert get(agent, "/etc/passwd", TOKEN)[0] == 404
    assert get(agent, "/metrics", TOKEN, "POST")[0] == 405


def test_its_text() -> None:
    text = exposition({"cpu_share": 0.5, "cpu0_share": 1.0, "tcp_retransmits": 7.0}).decode()
    assert text == (
        "# HELP velroload_agent_cpu_share CPU time used of all CPUs; stolen time is used (share)\n"
        "# TYPE velroload_agent_cpu_share gauge\n"
        "velroload_agent_cpu_share 0.5\n"
        "# HELP velroload_agent_tcp_retransmits TCP segments sent again, so far (count)\n"
        "# TYPE velroload_agent_tcp_retransmits counter\n"
        "velroload_agent_tcp_retransmits 7.0\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "box.example", ""])
def test_a_public_place_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(host)
    assert str(caught.value) == (
        f"agent: {host} can be reached from other machines: give it a token "
        "(--token-file FILE, or VELROLOAD_AGENT_TOKEN)"
    )
    assert Settings(host, token=TOKEN).host == host


def test_what_is_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [
        True, True, True, True,
    ]  # fmt: skip


def test_a_token_that_no_header_can_carry() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(token="a\r\nb")
    assert str(caught.value) == "agent: the token has letters that no header can carry"


def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # long paths are shortened where they are quoted
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "odd").write_bytes(b"\xff")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, line in (
            (["--port", "70000"], "--port '70000': write a port from 0 to 65535"),
            (["--host", "0.0.0.0"],
             "agent: 0.0.0.0 can be reached from other machines: give it a token (--token-file "
             "FILE, or VELROLOAD_AGENT_TOKEN)"),
            (["--token-file", "none"],
             "--token-file none: no such file or directory"),
            (["--token-file", "odd"],
             "--token-file odd: it is not utf-8"),
            (["--token-file", "empty"],
             "--token-file 'empty': its first line is empty; put a token there"),
            (["--port", str(port)],
             f"agent: cannot listen on 127.0.0.1:{port}: address already in use"),
        ):  # fmt: skip
            assert main(["agent", *words]) == Exit.USAGE
            assert capsys.readouterr() == ("", f"velroload: {line}\n")


def test_the_token_may_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VELROLOAD_AGENT_TOKEN", "a\nb")
    assert os.environ["VELROLOAD_AGENT_TOKEN"]
    assert main(["agent", "--host", "0.0.0.0"]) == Exit.USAGE
    assert capsys.readouterr().err == (
        "velroload: agent: the token has letters that no header can carry\n"
    )
