"""What one requirement looks at: a phase of the run, what counts of it, and its figures."""

from dataclasses import dataclass
from typing import Any

from velroload.analysis.cells import counter_values
from velroload.analysis.hold import hold_window, in_hold, of_phase
from velroload.analysis.result import PhaseResult, Summary, Validity
from velroload.analysis.summary import is_flow
from velroload.index import Kept
from velroload.journal import Counter
from velroload.load.phases import HOLD, RAMP
from velroload.rundata import RunData

CYCLES_LEAST = 3.0
"""A scaled run says nothing of caches and drift before every user came round so often."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One phase (name None: the whole run). whole: everything of it."""

    name: str | None
    whole: RunData
    summary: Summary
    validity: Validity

    @property
    def held(self) -> RunData:
        """What counts of it; found once."""
        index = self.whole.index("hist")
        key = ("held", id(index), self.name)
        if key not in self.whole.memo:
            self.whole.memo[key] = (index, in_hold(self.whole))
        found: RunData = self.whole.memo[key][1]
        return found

    @property
    def window_ns(self) -> tuple[int, int]:
        """Start and end of its hold."""
        return hold_window(self.whole)

    @property
    def hold(self) -> dict[str, Any]:
        """The row of its hold in the manifest; empty where there is none."""
        rows: list[dict[str, Any]] = self.whole.manifest.get("phases") or []
        return next((row for row in rows if row.get("kind") == HOLD), {})

    @property
    def users(self) -> float | None:
        """Users that it declares."""
        for row in self.whole.manifest.get("suite") or []:
            if row.get("name") == self.name:
                return float(row["users"])
        found = (self.whole.manifest.get("model") or {}).get("users")
        return None if found is None else float(found)

    @property
    def cycles(self) -> float | None:
        """How often every user came round in the hold."""
        return self._rounds(self.held) if self.users else None

    @property
    def cycles_before(self) -> float:
        """How often every user came round before the hold: what a cache has seen it can hit."""
        rows = self.whole.manifest.get("phases") or []
        ramps = frozenset(row["id"] for row in rows if row.get("kind") == RAMP)
        ramp = self.whole.view(kept=Kept(ramps))
        return self._rounds(ramp) if self.users else 0.0

    def _rounds(self, data: RunData) -> float:
        endpoints = self.whole.manifest.get("endpoints") or []
        passes = [row["id"] for row in endpoints if row.get("kind") == "iteration"]
        ids = passes or [row["id"] for row in endpoints if is_flow(row)]
        values = counter_values(data, ids)
        done = values.get(Counter.OK, 0) + values.get(Counter.FAILED, 0)
        return done / float(self.users or 1)

    def flow(self) -> list[dict[str, Any]]:
        """The endpoints that count in totals."""
        return [row for row in self.whole.manifest.get("endpoints") or [] if is_flow(row)]

    def unready(self) -> str | None:
        """Why a scaled run says nothing of its caches; None where it does."""
        if self.cycles_before < 1.0:
            return "a scaled run whose users had not all come by before the hold: cold caches"
        if (self.cycles or 0.0) < CYCLES_LEAST:
            return "a scaled run whose users came round less than 3 times in the hold"
        return None


def run_scope(data: RunData, summary: Summary, validity: Validity) -> Scope:
    """The whole run."""
    return Scope(None, data, summary, validity)


def phase_scope(data: RunData, phase: PhaseResult) -> Scope:
    """One phase of a suite."""
    rows = {row.get("name"): row for row in data.manifest.get("suite") or []}
    view = of_phase(data, phase.name)
    model = rows.get(phase.name, {}).get("model")
    if model is not None:
        view = view.view(view.manifest | {"model": model})
    return Scope(phase.name, view, phase.summary, phase.validity)
