"""`load`: users or a rate, how long, and when iterations start."""

from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.document.kinds import At, Given, Key, Made, Many, Named, Table, Value, words
from velroload.plan.document.node import Node
from velroload.plan.document.readers import COUNT, DURATION, NUMBER_VALUE, PAUSE, RATE
from velroload.plan.load import Load, Stage
from velroload.units import parse_count, parse_duration, parse_rate

StageRead = tuple[Stage, bool]


def _level(text: str) -> tuple[Fraction, bool]:
    """100 users, or 100/s."""
    if "/" in text:
        return parse_rate(text, "value"), True
    return Fraction(parse_count(text, "value")), False


_LEVEL = Value(_level, {"type": ["integer", "string"], "examples": [100, "100/s"]})


def _stage(pairs: tuple[tuple[str, tuple[Fraction, bool]], ...], node: Node, at: At) -> StageRead:
    if len(pairs) != 1:
        raise ConfigError("a stage is one TIME: LEVEL, such as 30s: 100 or 30s: 100/s")
    (lasting, (level, is_rate)) = pairs[0]
    return Stage(parse_duration(lasting, "value"), level), is_rate


def _build(given: Given) -> Load:
    kind = given.one_of("rate", "request_rate", "stages")
    common = given.picked(
        users="users", ramp_ns="ramp", duration_ns="hold", iterations="iterations", think="think",
        pacing_ns="pacing", max_vus="max_vus", late="late", arrival="arrival",
        start_after_ns="start_after", warm_up_ns="warm_up", rate="rate",
        request_rate="request_rate", stage_unit="stage_unit", start="start",
    )  # fmt: skip
    if kind == "stages":
        stages: tuple[StageRead, ...] = given["stages"]
        rates = {is_rate for _, is_rate in stages}
        if len(rates) > 1:
            raise given.refuse("stages", "some are users (30s: 100), some rates (30s: 100/s)")
        model = "ramping-arrival-rate" if rates.pop() else "ramping-vus"
        return Load(model, stages=tuple(stage for stage, _ in stages), **common)
    if kind is None and "users" not in given:
        raise ConfigError("write users, rate, request_rate or stages")
    if not {"hold", "iterations"} & set(given):
        raise ConfigError("hold is missing: say how long, or how many iterations")
    return Load("constant-vus" if kind is None else "constant-arrival-rate", **common)


LOAD = Table(
    {
        "users": Key(COUNT, "Virtual users; with a rate: N connected users who take the starts."),
        "rate": Key(RATE, "Iterations started per second, the total over all workers."),
        "request_rate": Key(RATE, "The same in requests per second."),
        "hold": Key(DURATION, "How long, after the ramp."),
        "iterations": Key(COUNT, "End after so many iterations in total (or after hold)."),
        "ramp": Key(DURATION, "Users or rate rise from 0 within this time, before hold."),
        "stages": Key(
            Many(Made(Named(_LEVEL), _stage)),
            "Go to each level in turn: [30s: 100] users, [30s: 100/s] starts per second.",
        ),
        "start": Key(NUMBER_VALUE, "The level before the first stage (0)."),
        "stage_unit": Key(words("iterations", "requests"), "What stages in /s count (iterations)."),
        "arrival": Key(words("uniform", "poisson"), "How starts are spaced at a rate (uniform)."),
        "think": Key(PAUSE, "A pause between iterations, as in the step of that name."),
        "pacing": Key(DURATION, "A user starts an iteration every so long, instead of think."),
        "max_vus": Key(COUNT, "At a rate without users: at most so many are made."),
        "late": Key(words("late", "drop"), "A start that no user is free for: late, or drop it."),
        "start_after": Key(DURATION, "Begin so long after the run's start."),
        "warm_up": Key(DURATION, "The first part of hold, which no figure counts."),
    },
    _build,
    name="load",
    renamed={"duration": "hold"},
)
