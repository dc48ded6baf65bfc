"""`velroload plan`: exit codes, JSON, and that nothing is sent."""

import json
import socket
from pathlib import Path

import pytest

from velroload.cli.main import main

GOOD = """
target: {url}
load: {{rate: 100/s, users: 50, hold: 60s}}
flow: [GET /a: {{name: a}}]
thresholds: ["rate >= {rate}"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> str:
    return str(tmp_path / "p.yaml")


def write(path: str, rate: str = "50/s", url: str = "http://127.0.0.1:9") -> str:
    Path(path).write_text(GOOD.format(url=url, rate=rate))
    return path


def test_what_can_pass_exits_0_and_what_cannot_2(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", write(plan)]) == 0
    assert "nothing that can be known beforehand" in capsys.readouterr().out
    assert main(["plan", write(plan, rate="500/s")]) == 2
    out, err = capsys.readouterr()
    assert " CANNOT PASS\n - 'rate >= 500/s': 100/s are offered; no target can answer" in out
    assert err == ""


def test_flags_change_the_plan(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", write(plan), "--set", "load.rate=40/s", "-w", "1"]
    assert main(words) == 2
    assert "on 1 worker\n" in capsys.readouterr().out


def test_data_for_machines(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", write(plan), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["phases"][0]["endpoints"][0]["hold_count"] == 6000
    assert made["obstacles"] == []


def test_nothing_is_sent(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert main(["plan", write(plan, url=f"http://127.0.0.1:{server.getsockname()[1]}")]) == 0
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "plan is missing (see --help)"),
        (["p.yml", "-w", "none"],
         "--workers 'none': write auto, a number from 1 to 1024, or CPUs as cpus:1,3-5"),
    ],
)  # fmt: skip
def test_mistakes(
    words: list[str], line: str, plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(plan)
    words = [plan if word == "p.yml" else word for word in words]
    assert main(["plan", *words]) == 2
    assert capsys.readouterr().err == f"velroload: {line}\n"
