"""bench/flow_rivals.py: the others are told the flow that we are."""

import re
from pathlib import Path

import pytest

from bench.flow_rivals import FLOW_RIVALS, K6, LOCUST, FlowRival
from bench.flows import FLOW


def paths(text: str) -> list[str]:
    """The first words of the paths that are asked for, in order."""
    return re.findall(r"/(login|items|pages|often|seldom|last)\b(?=[/?'\"{: ])", text)


def test_the_same_six_requests() -> None:
    locust = [line for line in LOCUST.splitlines() if "client.get" in line]
    k6 = [line for line in K6.splitlines() if "http.get" in line]
    ours = [line for line in FLOW.splitlines() if "GET /" in line]
    assert len(ours) == len(locust) == len(k6) == 6
    for three in zip(ours, locust, k6, strict=True):
        assert len({paths(line)[0] for line in three}) == 1


def test_locust_script_is_python() -> None:
    compile(LOCUST, "flow.py", "exec")


@pytest.mark.parametrize("rival", FLOW_RIVALS, ids=lambda rival: rival.name)
def test_command_of_one_that_is_installed(
    rival: FlowRival, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rival.command(tmp_path, "http://127.0.0.1:1", 4, 9) is None
    program = tmp_path / rival.name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    words = rival.command(tmp_path, "http://127.0.0.1:1", 4, 9)
    assert words is not None
    assert words[0] == str(program)
    assert "http://127.0.0.1:1" in " ".join(words)
    assert all((tmp_path / name).read_text() == text for name, text in rival.files.items())
