"""The run folder is there, empty and writable, before anything is sent."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from velroload.errors import ConfigError, PreflightError
from velroload.host.folder import link_latest, make_folder, unused_removed

NOW = datetime(2026, 3, 4, 5, 6, 7)


def test_default_folder_and_latest(tmp_path: Path) -> None:
    first = make_folder(None, "127.0.0.1:8080", NOW, tmp_path)
    assert first == tmp_path / "20260304-050607-127-0-0-1-8080"
    assert first.is_dir()
    assert not (tmp_path / "latest").exists()  # not before the run begins
    link_latest(first)
    assert os.readlink(tmp_path / "latest") == first.name
    second = make_folder(None, "127.0.0.1:8080", NOW, tmp_path)
    assert second.name == f"{first.name}-2"
    link_latest(second)
    assert os.readlink(tmp_path / "latest") == second.name
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        first.name, second.name, "latest"
    ]  # fmt: skip


def test_a_latest_of_the_users_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    link_latest(make_folder(None, "???", NOW, tmp_path))
    assert not (tmp_path / "latest").is_symlink()
    assert (tmp_path / "20260304-050607-run").is_dir()


def test_a_named_folder(tmp_path: Path) -> None:
    new = tmp_path / "a/b"
    assert make_folder(str(new), "x", NOW) == new
    assert make_folder(str(new), "x", NOW) == new  # exists and is empty
    assert list(new.iterdir()) == []
    assert not (tmp_path / "a/latest").exists()


def test_a_folder_that_was_not_used_goes_away(tmp_path: Path) -> None:
    unused, used = tmp_path / "unused", tmp_path / "used"
    for folder in (unused, used):
        make_folder(str(folder), "x", NOW)
    (used / "run.json").touch()
    for folder in (unused, used):
        with pytest.raises(PreflightError, match="unreachable"), unused_removed(folder):
            raise PreflightError("unreachable")
    assert not unused.exists()
    assert used.exists()


def test_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    with pytest.raises(ConfigError) as caught:
        make_folder(str(tmp_path), "x", NOW)
    assert str(caught.value) == (f"--out {tmp_path}: not empty; a run folder must be new or empty")


def test_a_file_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError) as caught:
        make_folder(str(file), "x", NOW)
    assert str(caught.value) == f"--out {file}: a file is in the way; name a folder"
    with pytest.raises(ConfigError) as caught:
        make_folder(str(file / "deeper"), "x", NOW)
    assert str(caught.value) == (
        f"--out {file}/deeper: cannot be written: not a directory; name another with --out"
    )


def test_a_folder_that_cannot_be_written() -> None:
    """/proc refuses everybody, root too."""
    with pytest.raises(ConfigError) as caught:
        make_folder("/proc/velroload", "x", NOW)
    assert str(caught.value) == (
        "--out /proc/velroload: cannot be written: no such file or directory; name another with "
        "--out"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code = (
        "import os, sys; from datetime import datetime; from velroload.host.folder import *\n"
        "os.chmod(sys.argv[1], 0o500); os.chown(sys.argv[1], 65534, 65534); os.seteuid(65534)\n"
        "try: make_folder(sys.argv[1], 'x', datetime.now())\n"
        "except Exception as error: print(error)"
    )
    # a folder of our own below /tmp: pytest's are not to be entered by another user
    folder = f"/tmp/velroload-test-{os.getpid()}"
    os.mkdir(folder)
    try:
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    finally:
        os.rmdir(folder)
    assert (done.stdout, done.stderr) == (
        f"--out {folder}: cannot be written: permission denied; name another with --out\n", ""
    )  # fmt: skip
