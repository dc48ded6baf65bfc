"""Load: when iterations start, as one of four models; and the stages of the ramping ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.steps import Think
from velroload.units import format_duration, format_rate

USERS_MAX = 2**24 - 1
"""A sample carries a user's number in 24 bits."""

CLOSED = ("constant-vus", "ramping-vus")
OPEN = ("constant-arrival-rate", "ramping-arrival-rate")
CONSTANT = ("constant-vus", "constant-arrival-rate")


@dataclass(frozen=True, slots=True)
class Stage:
    """Go from the value before to `target` (VUs, or starts per second) within `duration_ns`.

    A duration of 0 is a jump.
    """

    duration_ns: int
    target: Fraction

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", Fraction(self.target))
        if self.duration_ns < 0:
            raise ConfigError(f"load: a stage's duration is {self.duration_ns} ns: 0 or more")
        if self.target < 0:
            raise ConfigError(f"load: a stage's target is {self.target}: 0 or more is needed")


@dataclass(frozen=True, slots=True)
class Load:
    """When iterations start. Which fields a model reads:

    constant-vus            users, duration_ns, ramp_ns, think | pacing_ns, iterations
    ramping-vus             start (VUs), stages (VUs), think | pacing_ns, iterations
    constant-arrival-rate   rate | request_rate, duration_ns, ramp_ns, arrival, users | max_vus,
                            late, iterations
    ramping-arrival-rate    start and stages (per second, of `stage_unit`), arrival,
                            users | max_vus, ramp_ns (of the users), late, iterations

    duration_ns is the hold, after the ramp; None only with `iterations`, a fixed number in total
    over all users and workers. rate counts iterations, request_rate requests of the flow. users in
    an arrival model: N connected users, who ramp in over ramp_ns and take the starts in turn; a
    constant rate ramps with them in proportion. Without users VUs are made on demand up to max_vus
    (None: as the schedule computes). late says what happens to a start that no VU is free for.
    think is the pause between iterations; pacing_ns instead: a user starts one every so long, or at
    once when the last one took longer. Every model: start_after_ns from the start of the run;
    warm_up_ns, the first part of the hold, which no figure counts.
    """

    model: str
    users: int | None = None
    rate: Fraction | None = None
    request_rate: Fraction | None = None
    duration_ns: int | None = None
    ramp_ns: int = 0
    stages: tuple[Stage, ...] = ()
    start: Fraction = Fraction(0)
    stage_unit: str = "iterations"
    arrival: str = "uniform"
    think: Think | None = None
    iterations: int | None = None
    max_vus: int | None = None
    late: str = "late"
    pacing_ns: int | None = None
    start_after_ns: int = 0
    warm_up_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("rate", "request_rate", "start"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, Fraction(value))
        _check_words(self)
        _check_amounts(self)
        if self.is_open:
            _check_open(self)
        else:
            _check_closed(self)
        if self.model in CONSTANT:
            _check_constant(self)
        else:
            _check_ramping(self)

    @property
    def is_open(self) -> bool:
        """True when starts are scheduled, whatever the target does."""
        return self.model in OPEN

    @property
    def users_most(self) -> int:
        """The most users at one time, as far as this says; 0 when they are made on demand."""
        if self.is_open or not self.stages:
            return self.users or self.max_vus or 0
        return int(max(self.start, *(stage.target for stage in self.stages)))

    @property
    def lasting_ns(self) -> int | None:
        """From the start of the run to the last start; None when only iterations end it."""
        if not self.stages and self.duration_ns is None:
            return None
        ramp_ns = 0 if self.stages else self.ramp_ns
        return self.start_after_ns + ramp_ns + hold_of(self)


def _one_of(name: str, value: str, words: Sequence[str]) -> None:
    if value not in words:
        raise ConfigError(f"load: {name} is {value!r}: write one of {', '.join(words)}")


def _check_words(load: Load) -> None:
    _one_of("model", load.model, CLOSED + OPEN)
    _one_of("arrival", load.arrival, ("uniform", "poisson"))
    _one_of("late", load.late, ("late", "drop"))
    _one_of("stage_unit", load.stage_unit, ("iterations", "requests"))


def _check_amounts(load: Load) -> None:
    for name in ("users", "max_vus", "iterations"):
        value = getattr(load, name)
        if value is not None and value < 1:
            raise ConfigError(f"load: {name} is {value}: at least 1 is needed")
        if name != "iterations" and value is not None and value > USERS_MAX:
            raise ConfigError(f"load: {name} is {value}: at most {USERS_MAX} are possible")
    for name in ("rate", "request_rate"):
        value = getattr(load, name)
        if value is not None and value <= 0:
            raise ConfigError(f"load: {name} is {format_rate(value)}: more than 0 is needed")
    if load.start < 0:
        raise ConfigError(f"load: start is {load.start}: 0 or more is needed")
    for name in ("ramp", "start_after", "warm_up"):
        if getattr(load, f"{name}_ns") < 0:
            raise ConfigError(
                f"load: {name} is {getattr(load, f'{name}_ns')} ns: 0 or more is needed"
            )
    if load.pacing_ns is not None and load.pacing_ns <= 0:
        raise ConfigError(f"load: pacing is {load.pacing_ns} ns: more than 0 is needed")
    if load.warm_up_ns and load.warm_up_ns >= hold_of(load):
        raise ConfigError(
            f"load: warm_up {format_duration(load.warm_up_ns)} leaves nothing of the hold"
        )


def hold_of(load: Load) -> int:
    """How long it lasts after its ramp, in ns; beyond any other when only iterations end it."""
    if load.stages:
        return sum(stage.duration_ns for stage in load.stages)
    return 2**62 if load.duration_ns is None else load.duration_ns


def _refuse(load: Load, names: Sequence[str], why: str) -> None:
    defaults = {"ramp_ns": 0, "stages": (), "start": 0, "stage_unit": "iterations"}
    for name in names:
        if getattr(load, name) != defaults.get(name):
            raise ConfigError(
                f"load: {name.removesuffix('_ns')} does not go with {load.model}: {why}"
            )


def _check_open(load: Load) -> None:
    _refuse(load, ["think", "pacing_ns"], "the rate alone says when an iteration starts")
    if load.users is not None and load.max_vus is not None:
        raise ConfigError("load: users and max_vus exclude each other: N users are all there are")


def _check_closed(load: Load) -> None:
    _refuse(load, ["rate", "request_rate"], "take constant-arrival-rate to start at a rate")
    _refuse(load, ["max_vus"], "the users are the VUs")
    _refuse(load, ["stage_unit"], "its stages count VUs")
    if load.think is not None and load.pacing_ns is not None:
        raise ConfigError("load: think and pacing exclude each other: both say when to start")
    if load.arrival != "uniform":
        raise ConfigError(f"load: arrival does not go with {load.model}: nothing arrives there")
    if load.late != "late":
        raise ConfigError(f"load: late does not go with {load.model}: no start can be late there")


def _check_constant(load: Load) -> None:
    _refuse(load, ["stages", "start"], "take the ramping model for stages")
    _refuse(load, ["stage_unit"], "it has no stages; write rate or request_rate")
    if load.duration_ns is None and load.iterations is None:
        raise ConfigError("load: duration is missing: write how long, or how many iterations")
    if load.duration_ns is not None and load.duration_ns <= 0:
        raise ConfigError(f"load: duration is {load.duration_ns} ns: more than 0 is needed")
    if not load.is_open and load.users is None:
        raise ConfigError("load: users is missing: constant-vus needs to know how many")
    if load.is_open and (load.rate is None) == (load.request_rate is None):
        raise ConfigError("load: constant-arrival-rate needs one of rate and request_rate")


def _check_ramping(load: Load) -> None:
    _refuse(load, ["duration_ns"], "its stages say how long")
    _refuse(load, ["rate", "request_rate"], "its stages say how many")
    if sum(stage.duration_ns for stage in load.stages) <= 0:
        raise ConfigError(
            "load: stages are missing: write at least one that lasts, such as 30s:100"
        )
    values = [load.start, *(stage.target for stage in load.stages)]
    lasting = [
        before + stage.target
        for before, stage in zip(values, load.stages, strict=False)
        if stage.duration_ns
    ]
    if max(lasting) <= 0:
        raise ConfigError("load: all stages are 0: nothing would be started")
    if load.is_open:
        if load.ramp_ns and load.users is None:
            raise ConfigError("load: ramp without users: in ramping-arrival-rate the users ramp in")
        return
    _refuse(load, ["users", "ramp_ns"], "its stages count the users")
    for value in values:
        if value.denominator != 1 or value > USERS_MAX:
            raise ConfigError(f"load: {value} VUs: a whole number up to {USERS_MAX} is needed")
