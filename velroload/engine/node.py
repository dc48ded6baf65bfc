"""One machine of a run: its workers' rings go in, deltas come out.

The run adds deltas without asking whose they are: nodes of a distributed run will be joined by the
same ones.
"""

from collections.abc import Sequence

import numpy as np

from velroload._core import Merger, RingReader
from velroload.engine.values import Values
from velroload.journal import Delta, Rows
from velroload.sample import SAMPLE


class Node:
    """Drains the rings of this machine's workers into one merger.

    A damaged ring is left alone from then on and named in `damaged` (worker's index → why); the
    others go on. The last `addresses` of the endpoints are rows of the target's addresses. `values`
    are those of the second rings, where there are any; `windows` those in which users are counted,
    see Merger. Not thread-safe. close() frees the merger;
    the readers belong to their segments.
    """

    def __init__(
        self,
        readers: Sequence[RingReader],
        *,
        phases: int,
        endpoints: int,
        addresses: int = 0,
        seed: int = 0,
        values: Values | None = None,
        windows: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.readers = list(readers)
        self.damaged: dict[int, str] = {}
        self.values = values
        self._merger = Merger(phases, endpoints, addresses=addresses, seed=seed, windows=windows)

    def drain(self) -> int:
        """Merge what waits in all rings (bounded per call); returns how many samples that were."""
        drained = 0
        for index, reader in enumerate(self.readers):
            if index in self.damaged:
                continue
            try:
                drained += reader.drain(self._merger)
                if self.values is not None:
                    drained += self.values.drain(index)
            except ValueError as error:
                self.damaged[index] = str(error)
        return drained

    def drain_all(self) -> int:
        """Merge until every ring is empty. Only for workers that push no more."""
        total = drained = self.drain()
        while drained:
            drained = self.drain()
            total += drained
        return total

    def take(self) -> Delta:
        """Everything merged since the last take."""
        delta = Delta.from_parts(self._merger.take())
        if self.values is not None:
            hist, stats = self.values.take()
            delta.hist = np.concatenate([delta.hist, hist])
            delta.stats = np.concatenate([delta.stats, stats])
        return delta

    def reservoir(self) -> Rows:
        """Up to 20,000 requests, uniform over all merged so far."""
        return np.frombuffer(self._merger.reservoir(), dtype=SAMPLE)

    def close(self) -> None:
        self._merger.close()
