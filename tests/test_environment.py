"""What a child is told of our environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import velroload
from velroload.environment import environment_of_child
from velroload.target.process import TargetProcess

ROOT = str(Path(velroload.__file__).parents[1])


def test_secrets_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "API_TOKEN": "s", "OMP_NUM_THREADS": "1"})
    assert environment_of_child() == {"PATH": "/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
    assert environment_of_child("API_TOKEN")["API_TOKEN"] == "s"


def test_the_package_is_found_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    given = environment_of_child()
    assert given["PYTHONPATH"] == f"{ROOT}{os.pathsep}/elsewhere"
    command = [sys.executable, "-P", "-c", "import velroload; print(velroload.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True)
    assert done.stdout.strip() == velroload.__file__


def test_the_embedded_target_is_not_told_the_plans_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_TOKEN", "canary")
    monkeypatch.setenv("VELROLOAD_TARGET_SECRET", "0123456789" * 4)
    with TargetProcess().start() as target:
        told = Path(f"/proc/{target.pid}/environ").read_bytes()
        assert target.secret == "0123456789" * 4
    assert b"canary" not in told
