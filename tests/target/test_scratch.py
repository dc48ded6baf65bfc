"""Temporary folders go with their process, or with the next one."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from velroload.target.process import TargetProcess
from velroload.target.scratch import scratch, sweep


def test_what_is_in_use_stays_and_what_was_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "velroload-target-new").mkdir()  # without a lock yet
    (tmp_path / "somebody-else").mkdir()
    with scratch() as folder:
        assert folder.parent == tmp_path
        left = tmp_path / "velroload-target-left"
        left.mkdir()
        (left / "lock").touch()
        (left / "velro.sqlite").touch()
        sweep()
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"velroload-target-new", "somebody-else", folder.name}
    assert not folder.exists()


def test_a_killed_target_is_cleaned_up_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    target = TargetProcess().start(users=1)
    os.kill(target.pid, signal.SIGKILL)
    target.stop()
    assert len(list(tmp_path.iterdir())) == 1
    with TargetProcess().start(users=1):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
