"""What a run says of a document of requirements: one result per requirement, and a score.

Frozen values only; requirements.py computes them. None = unknown, never 0 or NaN.
"""

from dataclasses import dataclass

PASS_SUSPECT = "PASS (suspect)"
"""The verdict of a requirement that holds in a run whose generator cannot vouch for everything."""
BANDS = (
    (95.0, "excellent", "production ready"),
    (85.0, "good", "minor optimisation"),
    (70.0, "acceptable", "moderate improvement"),
    (0.0, "needs work", ""),
)
"""Least score, its band, what that means."""


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """One requirement, judged. observed, low, high and limit are in `unit`.

    id: "R6"; "R9.L1" where a requirement has parts. verdict: PASS | PASS (suspect) | FAIL |
    INCONCLUSIVE | NOT MEASURED. unit: "ns" | "share" | "per_s" | "count" | "per_hour" (a share of
    the mean per hour). op: one of < <= > >=. low and high: 95 % bounds. infinite: so many failed
    that the percentile is one of them (observed is None). count: samples behind it, in the unit of
    `what`. needed: how many would settle it. headroom: distance of observed from the limit over
    the limit, positive when inside. phase: which answers it. evidence: where the figure stands in
    the run folder. why: what it rests on or lacks; suspect: why the PASS is one. critical: without
    it the run does not pass. weight: its part of the score.
    """

    id: str
    title: str
    verdict: str
    observed: float | None
    low: float | None
    high: float | None
    op: str
    limit: float
    unit: str
    count: int
    what: str
    needed: int | None
    headroom: float | None
    phase: str | None
    evidence: str
    why: str | None
    infinite: bool = False
    suspect: str | None = None
    critical: bool = True
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Compliance:
    """A document, judged.

    verdict: FAIL when a critical requirement fails, else INCONCLUSIVE or NOT MEASURED when one is
    not settled, else PASS; the verdict outranks the score. score: 0 to 100 over what was measured
    (PASS or FAIL), None when nothing was; measured of total requirements are its coverage, by
    number, and coverage their share by weight. band: None below full coverage. scale: which part of
    the document's "users" and "rate" the run was; None where it was all of it.
    """

    document: str
    phase: str | None
    verdict: str
    why: str
    score: float | None
    measured: int
    total: int
    coverage: float
    band: str | None
    requirements: tuple[RequirementResult, ...]
    scale: dict[str, float] | None = None

    @property
    def part(self) -> str:
        """ "1 % of the users and 25 % of the rate"; empty where the run was all of the load."""
        parts = [f"{100 * share:g} % of the {name}" for name, share in (self.scale or {}).items()]
        return " and ".join(parts)

    def count(self, *verdicts: str) -> int:
        """How many requirements have one of these verdicts."""
        return sum(each.verdict in verdicts for each in self.requirements)
