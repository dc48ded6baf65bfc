"""The steps of a flow: requests, think times, and what they take from a response.

Values of a request (path, header values, body) may contain ${slot}: the text that an earlier step
of the same virtual user captured, or a built-in one. Everything here is frozen and checked when it
is made.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import erf, exp, pi, sqrt

from velroload.errors import ConfigError
from velroload.plan.body import Body, texts_of
from velroload.plan.check import Check, check_pattern, check_ranges
from velroload.plan.jsonpath import check_path, plain_path
from velroload.plan.slots import NAME, SLOT, check_room, references
from velroload.units import NUMBER, format_duration, parse_duration

Headers = tuple[tuple[str, str], ...]
Ranges = tuple[tuple[int, int], ...]

SUCCESS: Ranges = ((200, 399),)
THINK_WORDS = {"constant": 1, "uniform": 2, "exponential": 1, "normal": 2, "lognormal": 1}
"""Distribution → how many durations it takes."""

SIGMA_MAX = 10
CAPTURE_KINDS = ("json", "regex", "header", "cookie", "status")
ON_ERROR = ("continue", "end", "login")
REDIRECTS_MAX = 50

_THINK_HINT = (
    "write constant 1s, uniform 1s 3s, exponential 500ms, normal 2s 500ms or lognormal 2s 0.5"
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Think:
    """A pause; parameters in nanoseconds.

    constant (value) · uniform (least, most) · exponential (mean) · normal (mean, deviation;
    what would be below 0 is 0) · lognormal (median) with `sigma`, the deviation of the logarithm.
    """

    distribution: str
    parameters_ns: tuple[int, ...]
    sigma: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.distribution not in THINK_WORDS:
            raise ConfigError(f"think {self.distribution!r}: {_THINK_HINT}")
        if len(self.parameters_ns) != THINK_WORDS[self.distribution]:
            raise ConfigError(
                f"think {self.distribution}: takes {THINK_WORDS[self.distribution]} "
                f"duration(s), got {len(self.parameters_ns)}; {_THINK_HINT}"
            )
        if min(self.parameters_ns) < 0:
            raise ConfigError(f"think {self.distribution}: a duration is negative; {_THINK_HINT}")
        if self.distribution == "uniform" and self.parameters_ns[0] > self.parameters_ns[1]:
            raise ConfigError(f"think {self}: the first duration must not exceed the second")
        if (self.distribution == "lognormal") != (self.sigma > 0) or self.sigma > SIGMA_MAX:
            raise ConfigError(
                f"think {self}: a sigma (more than 0, at most {SIGMA_MAX}) belongs to lognormal, "
                "and only there"
            )

    @classmethod
    def parse(cls, text: str) -> "Think":
        """'exponential 200ms', 'uniform 1s 3s', 'constant 1s' or just '1s'."""
        words = text.split()
        if len(words) == 1 and words[0] not in THINK_WORDS:
            words.insert(0, "constant")
        if not words or words[0] not in THINK_WORDS:
            raise ConfigError(f"think {text!r}: {_THINK_HINT}")
        sigma = Fraction(0)
        if words[0] == "lognormal" and len(words) == 3:
            number = words.pop()
            if not re.fullmatch(NUMBER, number) or len(number) > 10:
                raise ConfigError(f"think {text!r}: sigma {number!r}: write a number such as 0.5")
            sigma = Fraction(number)
        return cls(words[0], tuple(parse_duration(word, "think") for word in words[1:]), sigma)

    @property
    def mean_ns(self) -> Fraction:
        """What it takes on average."""
        if self.distribution == "lognormal":
            return self.parameters_ns[0] * Fraction(exp(float(self.sigma) ** 2 / 2))
        if self.distribution == "normal":
            return _mean_above_zero(*self.parameters_ns)
        return Fraction(sum(self.parameters_ns), len(self.parameters_ns))

    def __str__(self) -> str:
        words = [self.distribution, *map(format_duration, self.parameters_ns)]
        return " ".join([*words, f"{float(self.sigma):g}"] if self.sigma else words)


def _mean_above_zero(mean_ns: int, deviation_ns: int) -> Fraction:
    """The mean of max(0, X) of a normal X."""
    if not deviation_ns:
        return Fraction(mean_ns)
    z = mean_ns / deviation_ns
    above = mean_ns * (1 + erf(z / sqrt(2))) / 2
    return Fraction(above + deviation_ns * exp(-z * z / 2) / sqrt(2 * pi))


@dataclass(frozen=True, slots=True)
class Capture:
    """Keep something of a response in a slot.

    kind     source
    json     a path into the body: '$.a.b[0]', or any of RFC 9535's, of which the first match counts
    regex    a pattern over the body: its first group where it has one, else the whole match
    header   a header's name; the first one of it
    cookie   the name of a cookie that the response sets
    status   nothing: the status as three digits
    default: what the slot holds when there is no such value; None: that fails the request.
    max_length: bytes that the value may have; None: the engine's (protocol/rooms.py).
    """

    slot: str
    source: str
    kind: str = "json"
    default: str | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.slot):
            raise ConfigError(
                f"capture {self.slot!r}: a slot's name is letters, digits and _, no digit first"
            )
        noun = f"capture {self.slot}"
        check_room(noun, self.max_length)
        if self.kind not in CAPTURE_KINDS:
            raise ConfigError(f"{noun}: {self.kind!r} is not one of {', '.join(CAPTURE_KINDS)}")
        if self.kind == "json":
            check_path(noun, self.source)
        elif self.kind == "regex":
            check_pattern(noun, self.source)
        elif self.kind in ("header", "cookie") and not _TOKEN.fullmatch(self.source):
            raise ConfigError(f"{noun}: {self.source!r} is not the name of a {self.kind}")

    @property
    def path(self) -> tuple[str | int, ...]:
        """The keys and indexes to follow from the document's root; () when that is not all."""
        return (plain_path(self.source) or ()) if self.kind == "json" else ()

    @property
    def needs_body(self) -> bool:
        """True when the response's body has to be kept for it."""
        return self.kind in ("json", "regex")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `endpoint` is the name of its figures (default: METHOD path, no query).

    `expect` are the status ranges, both ends included, that count as success. `timeout_ns` None
    means the plan's. A body is sent with Content-Length, or in chunks when it is to `stream`; these
    headers are the engine's to write. `redirects`: how many are followed, one after the other.
    `compressed`: asked for compressed; decoded only where the body is read.
    on_error, when it fails: continue with the next step, end the iteration, or end it and log in
    again before the next one.
    """

    method: str
    path: str
    headers: Headers = ()
    body: Body | None = None
    stream: bool = False
    endpoint: str = ""
    cls: str | None = None
    expect: Ranges = SUCCESS
    timeout_ns: int | None = None
    redirects: int = 0
    compressed: bool = False
    captures: tuple[Capture, ...] = ()
    checks: tuple[Check, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    on_error: str = "continue"

    def __post_init__(self) -> None:
        if not self.endpoint:
            object.__setattr__(self, "endpoint", f"{self.method} {self.path.partition('?')[0]}")
        if not _TOKEN.fullmatch(self.method):
            raise ConfigError(f"method {self.method!r}: write a token such as GET or POST")
        if self.method == "CONNECT":
            raise ConfigError("method CONNECT: it asks for a tunnel, which is not built here")
        if self.method == "TRACE" and self.body is not None:
            raise ConfigError("method TRACE: a body does not go with it (RFC 9110 section 9.3.8)")
        if not re.fullmatch(r"/[!-~]*", SLOT.sub("", self.path)) or "#" in self.path:
            raise ConfigError(
                f"path {self.path!r}: write / and then ASCII without spaces or #, %-encoded"
            )
        if self.timeout_ns is not None and self.timeout_ns <= 0:
            raise ConfigError(f"timeout of {self.endpoint}: more than 0 is needed")
        if not 0 <= self.redirects <= REDIRECTS_MAX:
            raise ConfigError(
                f"redirects of {self.endpoint}: {self.redirects} is not from 0 to {REDIRECTS_MAX}"
            )
        check_headers(self.headers)
        check_ranges(f"expect of {self.endpoint}", self.expect)
        if self.on_error not in ON_ERROR:
            words = ", ".join(ON_ERROR)
            raise ConfigError(f"on_error of {self.endpoint}: {self.on_error!r} is not in {words}")
        _ = self.slots  # refuses what is not a slot
        self._check_stream()
        captured = [capture.slot for capture in self.captures]
        if len(set(captured)) != len(captured):
            raise ConfigError(f"captures of {self.endpoint}: the same slot twice")

    def _check_stream(self) -> None:
        if not self.stream:
            return
        if self.body is None:
            raise ConfigError(f"stream of {self.endpoint}: there is no body to stream")
        if any(references(text) for text in texts_of(self.body)):
            raise ConfigError(
                f"stream of {self.endpoint}: a body with ${{slots}} has no length of its own that "
                "its chunks could say; send it whole"
            )

    def expects(self, status: int) -> bool:
        """True when a response of this status is a success."""
        return any(low <= status <= high for low, high in self.expect)

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot in what is sent, in order of appearance."""
        values = [self.path, *(value for _, value in self.headers), *texts_of(self.body)]
        return tuple(name for value in values for name in references(value))

    @property
    def checked_slots(self) -> tuple[str, ...]:
        """Slots that its checks read and that it does not capture itself."""
        own = {capture.slot for capture in self.captures}
        return tuple(n for check in self.checks for n in check.slots if n not in own)


_ENGINE_WRITES = ("content-length", "transfer-encoding")


def check_headers(headers: Headers) -> None:
    """ConfigError when a name is no token or a value could end the line or is not Latin-1."""
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ConfigError(f"header {name!r}: write NAME: VALUE, the name without spaces")
        if name.lower() in _ENGINE_WRITES:
            raise ConfigError(f"header {name}: it is written by velroload from the body's size")
        if any(character in value for character in "\r\n\0"):
            raise ConfigError(f"header {name}: the value contains a line break or a NUL")
        if any(ord(character) > 255 for character in value):
            raise ConfigError(f"header {name}: the value has characters outside Latin-1")
