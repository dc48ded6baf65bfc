"""The bare loop: it counts what the server counts, and refuses what it cannot do."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.harness import ROOT, compile_c
from bench.truthserver import Truth


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_c(ROOT / "bench" / "floor.c", tmp_path_factory.mktemp("floor"))


def test_it_counts_answers_as_the_server_does(floor: Path) -> None:
    with Truth() as truth:
        command = [str(floor), f"127.0.0.1:{truth.port}", "/zero", "20", "0.3"]
        said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert said["connections"] == truth.counts["connections"] == 20
    assert 0 <= truth.counts["requests"] - said["requests"] <= 20, "at most one open per connection"
    assert said["requests"] > 20
    assert said["closed"] == truth.counts["bad"] == 0
    assert said["rps"] == pytest.approx(said["requests"] / said["elapsed_s"], rel=1e-3)
    cpu = said["user_us_per_request"] + said["system_us_per_request"]
    assert said["cpu_us_per_request"] == pytest.approx(cpu, abs=2e-3)
    assert said["cpu_us_per_request"] <= 1.1e6 * said["elapsed_s"] / said["requests"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: floor HOST:PORT PATH CONNECTIONS SECONDS\n"),
        (["127.0.0.1", "/", "1", "1"], "floor: 127.0.0.1: not HOST:PORT\n"),
        (["localhost:80", "/", "1", "1"], "floor: localhost: not an IPv4 address\n"),
        (
            ["127.0.0.1:80", "/", "0", "1"],
            "floor: needs a connection, a duration and a path below 2 KiB\n",
        ),
    ],
)
def test_bad_arguments(floor: Path, arguments: list[str], words: str) -> None:
    done = subprocess.run([floor, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", words)


def test_an_unreachable_server(floor: Path) -> None:
    with Truth() as truth:
        port = truth.port
    done = subprocess.run(
        [floor, f"127.0.0.1:{port}", "/", "1", "1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "floor: connect: Connection refused\n")
