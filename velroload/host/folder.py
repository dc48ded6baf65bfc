"""The run folder: made before the start, or one clear line (exit 2)."""

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from velroload.errors import ConfigError

DEFAULT_ROOT = Path("runs")
LATEST = "latest"


def make_folder(out: str | None, name: str, now: datetime, root: Path = DEFAULT_ROOT) -> Path:
    """Make the run folder and return it: `out` itself, else root/YYYYMMDD-HHMMSS-name.

    `out` must be new or an empty folder; ConfigError when it is not, or cannot be written. The
    default folder gets a suffix when two runs start in one second.
    """
    if out is not None:
        return claim(Path(out), f"--out {out}")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    stem = f"{now:%Y%m%d-%H%M%S}-{slug}"
    number = 1
    while (folder := root / (stem if number == 1 else f"{stem}-{number}")).exists():
        number += 1
    return claim(folder, str(folder))


@contextlib.contextmanager
def unused_removed(folder: Path) -> Iterator[None]:
    """Remove the run folder again when the body fails before anything was put into it."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # refused when it is not empty
        raise


def claim(folder: Path, place: str) -> Path:
    """Make `folder`, or accept it when it is empty and can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.scandir(folder) as entries:
            if next(entries, None) is not None:
                raise ConfigError(f"{place}: not empty; a run folder must be new or empty")
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except FileExistsError:
        raise ConfigError(f"{place}: a file is in the way; name a folder") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"{place}: cannot be written: {why}; name another with --out") from error
    return folder


def link_latest(folder: Path) -> None:
    """Let `latest` beside the folder point to it, once its run has begun.

    Whoever has put something else there keeps it.
    """
    link = folder.parent / LATEST
    fresh = folder.parent / f".{LATEST}-{os.getpid()}"
    with contextlib.suppress(OSError):
        if link.exists() and not link.is_symlink():
            return
        fresh.symlink_to(folder.name)
        os.replace(fresh, link)
