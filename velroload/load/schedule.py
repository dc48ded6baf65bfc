"""A Schedule: when iterations and virtual users start, as data, exact before the run begins.

Two streams, each a tuple of Segments on one time axis (ns since the run's epoch): `arrivals`
(starts per second) and `vus` (how many virtual users). A closed model has only vus, an open one
has arrivals, and N connected users at a total rate have both. Lambda(t), the integral of the
rate, is kept in Fractions, so no remainder is lost at a segment's border or between workers:
start k (from 0) is due when Lambda(t) = k, worker w of n owns the k with k % n == w, and the VUs
with j % n == w. For Poisson arrivals the counts are drawn from the seed beforehand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import blake2b
from itertools import pairwise
from math import ceil, floor, sqrt

import numpy as np

from velroload.errors import ConfigError

SECOND_NS = 1_000_000_000

ROW = np.dtype(
    [
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("from_value", "<f8"),  # starts per second of the whole stream, or VUs, at start_ns
        ("to_value", "<f8"),
        ("offset", "<f8"),  # position of the first own start within the row, in starts or VUs
        ("count", "<i8"),  # own starts in this row
        ("first_id", "<i8"),  # global id of the first own start, or VU
        ("stride", "<u4"),  # from one own id to the next
        ("kind", "u1"),  # UNIFORM, POISSON, VUS_UP, VUS_DOWN
        ("pad", "u1"),
        ("pad2", "<u2"),
    ]
)
"""What a worker's pacer walks: 64 bytes, core/pacer.pxi has the twin (vl_row)."""

UNIFORM, POISSON, VUS_UP, VUS_DOWN = range(4)


@dataclass(frozen=True, slots=True)
class Segment:
    """From one value to another, linearly. start_ns == end_ns is a jump."""

    start_ns: int
    end_ns: int
    from_value: Fraction
    to_value: Fraction

    @property
    def starts(self) -> Fraction:
        """The integral over it, when the values are starts per second."""
        return (self.from_value + self.to_value) / 2 * (self.end_ns - self.start_ns) / SECOND_NS


Stream = tuple[Segment, ...]
Row = tuple[int, int, float, float, float, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker gets: rows (ROW records in bytes) for a pacer per stream, and its parts of
    the totals. `iterations` None: no fixed number. VU ids run w, w + n, … below max_vus."""

    arrivals: bytes
    vus: bytes
    pacer_seed: int
    iterations: int | None
    max_vus: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When everything of one scenario starts.

    end_ns None: it ends with its last iteration (closed model, fixed number, no duration).
    hold_*: what is judged; ramps lie outside. iterations: fixed number in total, already cut out
    of `arrivals`. max_vus: the most virtual users at one time, made on demand where `vus` is empty.
    users: connected users, None when VUs are made on demand. least_vus: so many are there whenever
    something starts (None: max_vus). partly_free: for some of the time users start by themselves,
    and what that makes is in no count here.
    """

    model: str
    arrivals: Stream
    vus: Stream
    end_ns: int | None
    hold_start_ns: int
    hold_end_ns: int | None
    max_vus: int
    users: int | None = None
    iterations: int | None = None
    arrival: str = "uniform"
    late: str = "late"
    least_vus: int | None = None
    partly_free: bool = False
    _before: tuple[Fraction, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        before = [Fraction(0)]
        for segment in self.arrivals:
            before.append(before[-1] + segment.starts)
        object.__setattr__(self, "_before", tuple(before))

    @property
    def is_open(self) -> bool:
        """True when starts are scheduled, whatever the target does."""
        return bool(self.arrivals)

    @property
    def expected_starts(self) -> Fraction:
        """Lambda(end): exact for uniform arrivals up to rounding up, the mean for Poisson."""
        limit = Fraction(self.iterations) if self.iterations is not None else self._before[-1]
        return min(limit, self._before[-1])

    @property
    def peak_rate_per_s(self) -> Fraction:
        """The highest rate of iterations; 0 in a closed model."""
        return max((max(s.from_value, s.to_value) for s in self.arrivals), default=Fraction(0))

    @property
    def peak_vus(self) -> int:
        """The most VUs at one time: as scheduled, or as allowed on demand."""
        return self.max_vus

    def planned(self, seed: int) -> int | None:
        """Iterations that will be started, exact; None when only the target's pace decides."""
        if not self.is_open or self.partly_free:
            return self.iterations
        return sum(self._counts(seed))

    def planned_between(self, start_ns: int, end_ns: int, seed: int) -> int:
        """Of the arrivals, those due from start_ns to before end_ns, between whole segments."""
        pairs = zip(self.arrivals, self._counts(seed), strict=True)
        return sum(count for segment, count in pairs if start_ns <= segment.start_ns < end_ns)

    def due_by(self, at_ns: int, seed: int) -> int:
        """Of the arrivals, those surely due before an instant: exact but in a segment of Poisson
        arrivals that is not over, of which chance may have put off so many (three deviations)."""
        due = 0
        for segment, count in zip(self.arrivals, self._counts(seed), strict=True):
            share = min(1.0, _passed(segment, at_ns))
            luck = 3.0 * sqrt(count * share * (1.0 - share)) if self.arrival == "poisson" else 0.0
            due += max(0, floor(count * share - luck))
        return due

    @property
    def vus_to_share(self) -> int:
        """How many there are to give each worker one of whenever something starts."""
        return self.max_vus if self.least_vus is None else self.least_vus

    def for_worker(self, worker: int, workers: int, seed: int) -> Share:
        """The part of worker `worker` (from 0) of `workers`; the parts add up to the whole.

        ConfigError when arrivals would go to a worker that has no VU.
        """
        if not 0 <= worker < workers:
            raise ValueError(f"worker {worker} of {workers}")
        if self.is_open and workers > self.vus_to_share:
            raise ConfigError(
                f"{workers} workers cannot share {self.vus_to_share} VUs: "
                f"use at most {self.vus_to_share} workers or allow more VUs"
            )
        if self.arrival == "poisson":
            arrivals = self._poisson_rows(worker, workers, seed)
        else:
            arrivals = self._uniform_rows(worker, workers)
        return Share(
            arrivals=_pack(arrivals),
            vus=_pack(self._vu_rows(worker, workers)),
            pacer_seed=derive_seed(seed, 3, worker),
            iterations=None if self.is_open else self._iterations_of(worker, workers),
            max_vus=_own(0, self.max_vus, worker, workers)[1],
        )

    def _counts(self, seed: int) -> list[int]:
        """Starts per segment of arrivals, all workers together."""
        if self.arrival == "poisson":
            return _draw(self._before, self.iterations, seed)
        limit = self._before[-1] if self.iterations is None else Fraction(self.iterations)
        edges = [min(ceil(before), ceil(limit)) for before in self._before]
        return [after - before for before, after in pairwise(edges)]

    def _uniform_rows(self, worker: int, workers: int) -> list[Row]:
        rows: list[Row] = []
        first = 0
        for segment, before, count in zip(
            self.arrivals, self._before, self._counts(0), strict=False
        ):
            own, n = _own(first, first + count, worker, workers)
            rows.append((*_span(segment), float(own - before), n, own, workers, UNIFORM))
            first += count
        return rows

    def _poisson_rows(self, worker: int, workers: int, seed: int) -> list[Row]:
        """Own starts are a block of ids per row: which worker is next is chance anyway."""
        rows: list[Row] = []
        first = 0
        for index, (segment, count) in enumerate(
            zip(self.arrivals, self._counts(seed), strict=True)
        ):
            generator = np.random.default_rng([derive_seed(seed, 2, index), workers])
            split = generator.multinomial(count, np.full(workers, 1 / workers)).tolist()
            own = first + sum(split[:worker])
            rows.append((*_span(segment), 0.0, split[worker], own, 1, POISSON))
            first += count
        return rows

    def _vu_rows(self, worker: int, workers: int) -> list[Row]:
        rows: list[Row] = []
        for segment in self.vus:
            before, after = int(segment.from_value), int(segment.to_value)
            if after >= before:
                own, n = _own(before, after, worker, workers)
                rows.append((*_span(segment), float(own - before), n, own, workers, VUS_UP))
            else:
                own, n = _own(after, before, worker, workers)
                own += (n - 1) * workers  # the highest stops first
                rows.append((*_span(segment), float(before - own), n, own, workers, VUS_DOWN))
        return rows

    def _iterations_of(self, worker: int, workers: int) -> int | None:
        """Its part of a fixed number, in proportion to its VUs (one without any gets none)."""
        if self.iterations is None:
            return None
        each, more = divmod(self.iterations, self.max_vus)
        vus = _own(0, self.max_vus, worker, workers)[1]
        return each * vus + _own(0, more, worker, workers)[1]


def delayed(schedule: Schedule, start_after_ns: int, warm_up_ns: int) -> Schedule:
    """All of it so much later, and the hold shorter by its warm-up."""

    def later(stream: Stream) -> Stream:
        return tuple(
            replace(each, start_ns=each.start_ns + by_ns, end_ns=each.end_ns + by_ns)
            for each in stream
        )

    by_ns = start_after_ns
    hold_end, end = schedule.hold_end_ns, schedule.end_ns
    return replace(
        schedule,
        arrivals=later(schedule.arrivals),
        vus=later(schedule.vus),
        end_ns=None if end is None else end + by_ns,
        hold_start_ns=schedule.hold_start_ns + by_ns + warm_up_ns,
        hold_end_ns=None if hold_end is None else hold_end + by_ns,
    )


def derive_seed(seed: int, *path: int) -> int:
    """An independent uint64 seed for one use of the run's seed (scenario, worker, …)."""
    drawn = blake2b(repr((seed, *path)).encode(), digest_size=8)  # numpy.random loads slowly
    return int.from_bytes(drawn.digest(), "little")


def steps(start: Fraction, stages: Sequence[tuple[int, Fraction]], start_ns: int = 0) -> Stream:
    """Segments that go from `start` through (duration_ns, target) after (duration_ns, target)."""
    segments = []
    at_ns, value = start_ns, start
    for duration_ns, target in stages:
        if duration_ns or target != value:
            segments.append(Segment(at_ns, at_ns + duration_ns, value, target))
        at_ns, value = at_ns + duration_ns, target
    return tuple(segments)


def cut(arrivals: Stream, limit: int) -> Stream:
    """The stream until its integral reaches `limit`; unchanged when it never does.

    The last segment ends at the first whole nanosecond at which it has.
    """
    kept = []
    before = Fraction(0)
    for segment in arrivals:
        if before + segment.starts < limit:
            kept.append(segment)
            before += segment.starts
            continue
        slope = (segment.to_value - segment.from_value) / max(1, segment.end_ns - segment.start_ns)
        length_ns = _when(segment, limit - before)
        to_value = segment.from_value + slope * length_ns
        kept.append(
            Segment(segment.start_ns, segment.start_ns + length_ns, segment.from_value, to_value)
        )
        break
    return tuple(kept)


def hold_of(stream: Stream) -> tuple[int, int]:
    """(start_ns, end_ns) of the longest time without change above 0; of all when there is none."""
    best = (stream[0].start_ns, stream[0].start_ns)
    begin: int | None = None
    for segment in stream:
        if segment.from_value != segment.to_value or segment.from_value == 0:
            begin = None
            continue
        begin = segment.start_ns if begin is None else begin
        if segment.end_ns - begin > best[1] - best[0]:
            best = (begin, segment.end_ns)
    return best if best[1] > best[0] else (stream[0].start_ns, stream[-1].end_ns)


def _when(segment: Segment, starts: Fraction) -> int:
    """Nanoseconds into a segment until its integral is at least `starts`, rounded up.

    Bisection over whole nanoseconds in exact arithmetic: 60 steps, once per plan.
    """
    duration_ns = segment.end_ns - segment.start_ns
    low, high = 0, duration_ns
    while low < high:
        middle = (low + high) // 2
        value = segment.from_value + (
            (segment.to_value - segment.from_value) * middle / max(1, duration_ns)
        )
        if (segment.from_value + value) / 2 * middle / SECOND_NS >= starts:
            high = middle
        else:
            low = middle + 1
    return low


def _own(begin: int, end: int, worker: int, workers: int) -> tuple[int, int]:
    """(first, count) of the numbers in [begin, end) that are `worker` modulo `workers`."""
    first = begin + (worker - begin) % workers
    return first, max(0, -((first - end) // workers))


def _draw(before: Sequence[Fraction], limit: int | None, seed: int) -> list[int]:
    """Poisson counts per segment. `limit` (a fixed number of starts) is kept exactly if the mean
    reaches it, and never exceeded."""
    generator = np.random.default_rng(derive_seed(seed, 1))
    mean = before[-1]
    if limit is not None and mean >= limit:
        total = limit
    else:
        total = int(generator.poisson(float(mean)))
        total = total if limit is None else min(total, limit)
    shares = [float((b - a) / mean) for a, b in pairwise(before)]
    scaled = np.array(shares) / sum(shares)
    return [int(n) for n in generator.multinomial(total, scaled)]


def _span(segment: Segment) -> tuple[int, int, float, float]:
    return segment.start_ns, segment.end_ns, float(segment.from_value), float(segment.to_value)


def _pack(rows: Sequence[Row]) -> bytes:
    packed = np.array([(*row, 0, 0) for row in rows], dtype=ROW)
    return packed[packed["count"] > 0].tobytes()


def _passed(segment: Segment, at_ns: int) -> float:
    """Which part of a segment's arrivals its rate has due before an instant."""
    span_ns = segment.end_ns - segment.start_ns
    gone_ns = min(max(at_ns - segment.start_ns, 0), span_ns)
    first, last = float(segment.from_value), float(segment.to_value)
    if not gone_ns or first + last <= 0.0:
        return 0.0
    rate = first + (last - first) * gone_ns / span_ns
    return (first + rate) * gone_ns / ((first + last) * span_ns)
