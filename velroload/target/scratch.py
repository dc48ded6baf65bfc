"""A temporary folder that does not outlive its process for long, however that ends."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "velroload-target-"
LOCK = "lock"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of one's own, removed at the end; those that killed targets left are removed now.

    A lock that the kernel lets go with the last process says whether a folder is still in use.
    """
    sweep()
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX) as folder,
        open(Path(folder) / LOCK, "w", encoding="utf-8") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(folder)


def sweep() -> None:
    """Remove the folders whose lock nobody holds; one without a lock is just being made."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), open(folder / LOCK, encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
