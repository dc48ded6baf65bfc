"""Phases of a suite: one load after another in one run, each with its own targets and events."""

from dataclasses import dataclass, field
from fractions import Fraction
from urllib.parse import urlsplit

from velroload.errors import ConfigError
from velroload.plan.load import Load
from velroload.plan.threshold import Threshold

EVENT_KINDS = ("http", "command", "fault", "spike")
STOP_ON = ("invalid", "fail")
OFFERED_LEAST = Fraction(102, 100)
"""Offered over demanded: at exactly the demanded rate a perfect target fails every second time."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the target at an instant of the phase (from its start, ramp included).

    kind: http (method, url, headers, body; an allowed host) | command (words, never a shell) |
    fault (name and parameters of the reference target's) | spike (the rate times `factor`).
    It is recorded with its start and end and marked in every series. for_ns: how long a fault or a
    spike lasts (0: for good). `name` is what recovery(name) refers to. url: a path of the target's,
    or a whole URL.
    """

    name: str
    at_ns: int
    kind: str
    for_ns: int = 0
    method: str = "POST"
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    words: tuple[str, ...] = ()
    fault: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    factor: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("an event needs a name")
        if self.kind not in EVENT_KINDS:
            raise ConfigError(
                f"event {self.name!r}: {self.kind!r} is not one of {', '.join(EVENT_KINDS)}"
            )
        if self.at_ns < 0 or self.for_ns < 0:
            raise ConfigError(f"event {self.name!r}: times are 0 or more")
        if self.for_ns and self.kind not in ("fault", "spike"):
            raise ConfigError(f"event {self.name!r}: only a fault or a spike lasts; leave out for")
        if self.kind == "http" and not self.url.startswith(("/", "http://", "https://")):
            raise ConfigError(f"event {self.name!r}: {self.url!r} is no path and no URL")
        if self.kind == "http":
            _check_url(self)
        if self.kind == "command" and not self.words:
            raise ConfigError(f"event {self.name!r}: the command has no word")
        if self.kind == "fault" and not self.fault:
            raise ConfigError(f"event {self.name!r}: name the fault")
        if self.kind == "spike" and (self.factor <= 0 or not self.for_ns):
            raise ConfigError(f"event {self.name!r}: a spike has a factor above 0 and lasts")


def _check_url(event: Event) -> None:
    try:
        parts = urlsplit(event.url)
        good = event.url.startswith("/") or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        good = False
    if not good or " " in event.url:
        raise ConfigError(f"event {event.name!r}: {event.url!r} is no URL that can be called")
    if "@" in parts.netloc:
        raise ConfigError(
            f"event {event.name!r}: credentials do not belong in a URL; send them as a header"
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run: users ramp in, hold, and leave in the cool-down.

    rate: requests per second offered in the hold over all scenarios (None: closed). mix: endpoint
    → probability, in place of the flow's own. thresholds are judged over this phase alone. gate: a
    failure here fails the run; other phases inform. judges: requirement ids that this phase
    answers. stop_on: invalid | fail | None: end the run after this phase when that holds.
    """

    name: str
    users: int
    ramp_ns: int
    hold_ns: int
    rate_per_s: Fraction | None = None
    cool_down_ns: int = 5_000_000_000
    mix: tuple[tuple[str, Fraction], ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    events: tuple[Event, ...] = field(default=())
    gate: bool = False
    judges: tuple[str, ...] = ()
    stop_on: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a phase needs a name")
        try:
            _ = self.load
        except ConfigError as error:
            text = str(error).removeprefix("load: ").replace("request_rate", "rate")
            raise ConfigError(f"phase {self.name!r}: {text}") from None
        if self.cool_down_ns < 0:
            raise ConfigError(f"phase {self.name!r}: cool_down: 0 or more is needed")
        for endpoint, probability in self.mix:
            if not 0 <= probability <= 1:
                raise ConfigError(
                    f"phase {self.name!r}: mix of {endpoint} is {float(probability):g}: 0 to 1"
                )
        if self.stop_on is not None and self.stop_on not in STOP_ON:
            raise ConfigError(f"phase {self.name!r}: stop_on is {self.stop_on!r}: invalid or fail")
        self._check_events()
        self._check_rate()

    def _check_events(self) -> None:
        names = [event.name for event in self.events]
        for event in self.events:
            if names.count(event.name) > 1:
                raise ConfigError(f"phase {self.name!r}: event {event.name!r} stands twice")
            if event.at_ns + event.for_ns > self.load_ns:
                raise ConfigError(f"phase {self.name!r}: event {event.name!r} ends after the hold")
            if event.kind == "spike" and self.rate_per_s is None:
                raise ConfigError(f"phase {self.name!r}: a spike needs a rate to multiply")
        for threshold in self.thresholds:
            if threshold.metric == "recovery" and threshold.subject not in names:
                raise ConfigError(
                    f"phase {self.name!r}: {threshold.source!r}: there is no event "
                    f"{threshold.subject!r}"
                )

    def _check_rate(self) -> None:
        """A demand that the offer cannot meet, whatever the target does."""
        if self.rate_per_s is None:
            return
        for threshold in self.thresholds:
            whole = threshold.metric == "rate" and threshold.selector is None
            if whole and threshold.op in (">", ">="):
                needed = Fraction(threshold.limit) * OFFERED_LEAST
                if self.rate_per_s < needed:
                    raise ConfigError(
                        f"phase {self.name!r}: {threshold.source!r} cannot be met by the "
                        f"{float(self.rate_per_s):g}/s offered: offer at least {float(needed):g}/s"
                    )

    @property
    def load(self) -> Load:
        """What all users of this phase do together."""
        if self.rate_per_s is None:
            return Load(
                "constant-vus", users=self.users, ramp_ns=self.ramp_ns, duration_ns=self.hold_ns
            )
        return Load(
            "constant-arrival-rate",
            users=self.users,
            request_rate=self.rate_per_s,
            ramp_ns=self.ramp_ns,
            duration_ns=self.hold_ns,
        )

    @property
    def load_ns(self) -> int:
        """How long it sends load: the ramp and the hold."""
        return self.ramp_ns + self.hold_ns
