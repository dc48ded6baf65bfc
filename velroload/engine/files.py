"""Files that are sent: read once, into sealed memory that all workers of the machine share.

The kernel's page cache would do without a copy, but a file that shrinks while it is mapped kills
whoever reads it.
"""

import fcntl
import mmap
import os
from collections.abc import Sequence

from velroload.errors import ConfigError

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
STEP_BYTES = 64 << 20


class SharedFiles:
    """A descriptor per file, to be handed to workers; close() may be called twice."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.descriptors: list[int] = []
        try:
            for path in paths:
                self.descriptors.append(shared_copy(path))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())


def shared_copy(path: str) -> int:
    """A descriptor of sealed memory with the file's bytes. ConfigError when it cannot be read."""
    to = os.memfd_create("velroload-file", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(path, "rb") as file:
            while os.sendfile(to, file.fileno(), None, STEP_BYTES):
                pass
        fcntl.fcntl(to, fcntl.F_ADD_SEALS, SEALS)
    except BaseException as error:
        os.close(to)
        if isinstance(error, OSError):
            why = (error.strerror or str(error)).lower()
            raise ConfigError(f"file {path!r}: it cannot be read: {why}") from None
        raise
    return to


def map_file(fd: int, *, whole: bool = False) -> mmap.mmap:
    """The bytes behind a descriptor of sealed memory; takes it over. `whole`: all pages at once, so
    that none has to be looked for later."""
    flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if whole else 0)
    try:
        return mmap.mmap(fd, os.fstat(fd).st_size, flags=flags, prot=mmap.PROT_READ)
    finally:
        os.close(fd)
