"""Files in shared memory: once per machine, and whole."""

import fcntl
import os
from pathlib import Path

import pytest

from velroload.engine.files import SEALS, SharedFiles, map_file, shared_copy
from velroload.errors import ConfigError


def test_a_copy_is_whole_and_cannot_change(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(os.urandom(100_000))
    files = SharedFiles([str(file)])
    copy = os.dup(files.descriptors[0])
    files.close()
    files.close()
    assert fcntl.fcntl(copy, fcntl.F_GET_SEALS) & SEALS == SEALS
    with pytest.raises(PermissionError):
        os.ftruncate(copy, 0)
    mapped = map_file(copy)
    assert mapped[:] == file.read_bytes()
    mapped.close()


def test_no_descriptor_is_left_when_one_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ConfigError) as caught:
        SharedFiles([str(tmp_path / "f"), "missing"])
    assert str(caught.value) == "file 'missing': it cannot be read: no such file or directory"
    with pytest.raises(ConfigError):
        shared_copy(str(tmp_path))
    assert os.listdir("/proc/self/fd") == before
