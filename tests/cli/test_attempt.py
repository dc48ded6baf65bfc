"""`velroload try` as a command: targets, consent, exit codes."""

from pathlib import Path

import pytest

from tests.servers.scripted import OK, ScriptedServer, respond
from velroload.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs"
PLAN = """
target: {url}
load: {{users: 5, hold: 10s}}
flow: [GET /a: {{name: a, expect: {expect}}}]
"""


def write(folder: Path, url: str, expect: str = "200") -> str:
    path = folder / "p.yaml"
    path.write_text(PLAN.format(url=url, expect=expect))
    return str(path)


def test_a_server_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(respond(OK)) as server:
        assert main(["try", write(tmp_path, server.url)]) == 0
        assert main(["try", write(tmp_path, server.url, "404"), "--user", "3"]) == 99
    out = capsys.readouterr().out
    assert "user 0 of scenario main, seed 0: 1 request, all ok\n" in out
    assert "user 3 of scenario main, seed 0: 1 request, 1 FAILED\n" in out


def test_the_embedded_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(CONFIGS / "quickstart.yaml"), "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    assert "  = captured model = flux-dev\n" in out
    assert out.endswith(" all ok\n")
    assert err.startswith("target: the embedded one on http://127.0.0.1:")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["--user", "x"], 2, "--user 'x': write a user's number, from 0"),
        (["--phase", "x"], 2, "--phase x: the plan has no phases"),
        (["--scenario", "x"], 2, "--scenario x: no such scenario; there are main"),
        ([], 3, "cannot reach 127.0.0.1:1: connection refused; is the server running?"),
    ],
)
def test_what_cannot_be_tried(
    words: list[str], code: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["try", write(tmp_path, "http://127.0.0.1:1"), *words]) == code
    assert capsys.readouterr().err == f"velroload: {line}\n"


def test_a_public_host_needs_consent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", write(tmp_path, "http://203.0.113.7:80")]) == 2
    assert "203.0.113.7 is public" in capsys.readouterr().err
