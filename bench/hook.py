"""Reading what bench/hook.c counts in other processes, while they run."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import ROOT, compile_c

MAGIC = b"VLHOOK01"
CONNECTS = 65_536
TABLE = np.dtype(
    [
        ("magic", "S8"),
        ("mallocs", "<u8"),
        ("callocs", "<u8"),
        ("reallocs", "<u8"),
        ("aligned", "<u8"),
        ("mmaps", "<u8"),
        ("bytes", "<u8"),
        ("connects", "<u8"),
        ("connect_ns", "<u4", (CONNECTS,)),
    ]
)
CALLS = ("mallocs", "callocs", "reallocs", "aligned", "mmaps")


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls so far, by name, and the bytes that were asked for."""

    calls: dict[str, int]
    bytes: int

    def since(self, before: "Counts") -> "Counts":
        """What came after `before`."""
        return Counts(
            {name: n - before.calls[name] for name, n in self.calls.items()},
            self.bytes - before.bytes,
        )

    @property
    def total(self) -> int:
        return sum(self.calls.values())


class Hook:
    """The library, compiled into `folder`, and the tables of the processes that loaded it."""

    def __init__(self, folder: Path) -> None:
        self.library = compile_c(ROOT / "bench" / "hook.c", folder)
        self.tables = folder / "hook"
        self.tables.mkdir()

    def environment(self, *, python_objects: bool = False) -> dict[str, str]:
        """What a child needs; `python_objects` counts Python's small objects too."""
        found = {"LD_PRELOAD": str(self.library), "LD_HOOK_DIR": str(self.tables)}
        return found | ({"PYTHONMALLOC": "malloc"} if python_objects else {})

    def pids(self) -> list[int]:
        """Every process that loaded the hook and can still be read, ended or not."""
        return sorted(int(path.name) for path in self.tables.iterdir())

    def table(self, pid: int) -> NDArray[np.void]:
        """One record. OSError without a table, ValueError for one that is not whole."""
        data = (self.tables / str(pid)).read_bytes()
        if len(data) != TABLE.itemsize or data[:8] != MAGIC:
            raise ValueError(f"{os.fspath(self.tables / str(pid))}: not a table of the hook")
        record: NDArray[np.void] = np.frombuffer(data, TABLE)
        return record

    def counts(self, pid: int) -> Counts:
        """Allocations of a process so far."""
        record = self.table(pid)[0]
        return Counts({name: int(record[name]) for name in CALLS}, int(record["bytes"]))

    def connect_us(self, pid: int) -> NDArray[np.float64]:
        """How long each of its first 65,536 connect() calls took, in their order."""
        record = self.table(pid)[0]
        taken: NDArray[np.float64] = record["connect_ns"][: min(int(record["connects"]), CONNECTS)]
        return taken / 1e3
