"""The steps of a flow: requests, think times, and what they take from a response.

Values of a request (path, header values, body) may contain ${slot}: the text that an earlier step
of the same virtual user captured, or a built-in one. Everything here is frozen and checked when it
is made.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.body import Body, texts_of
from velroload.units import format_duration, parse_duration

Headers = tuple[tuple[str, str], ...]
Ranges = tuple[tuple[int, int], ...]

SUCCESS: Ranges = ((200, 399),)
THINK_WORDS = {"constant": 1, "uniform": 2, "exponential": 1}
"""Distribution → how many durations it takes."""

REDIRECTS_MAX = 50

BUILT_IN_SLOTS = ("user",)
"""Slots that every virtual user has from the start: its number, from 0."""

_THINK_HINT = "write constant 1s, uniform 1s 3s or exponential 500ms"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SLOT = re.compile(r"\$\{([^}]*)\}")
_SLOT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_JSON_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_-]+|\[[0-9]{1,9}\])+")
_JSON_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[([0-9]+)\]")


def references(value: str | bytes) -> tuple[str, ...]:
    """Names of the ${slots} in a value, in order. ConfigError when one is not a name."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    names = tuple(_SLOT.findall(text))
    for name in names:
        if not _SLOT_NAME.fullmatch(name):
            raise ConfigError(f"${{{name}}} is not a slot: write ${{name}} with letters, digits, _")
    return names


@dataclass(frozen=True, slots=True)
class Think:
    """A pause. constant (value) · uniform (least, most) · exponential (mean); nanoseconds."""

    distribution: str
    parameters_ns: tuple[int, ...]

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

    @classmethod
    def parse(cls, text: str) -> "Think":
        """'exponential 200ms', 'uniform 1s 3s', 'constant 1s' or just '1s'."""
        words = text.split()
        if len(words) == 1 and words[0] not in THINK_WORDS:
            words.insert(0, "constant")
        if not words or words[0] not in THINK_WORDS:
            raise ConfigError(f"think {text!r}: {_THINK_HINT}")
        return cls(words[0], tuple(parse_duration(word, "think") for word in words[1:]))

    @property
    def mean_ns(self) -> Fraction:
        """What it takes on average."""
        return Fraction(sum(self.parameters_ns), len(self.parameters_ns))

    def __str__(self) -> str:
        return " ".join([self.distribution, *map(format_duration, self.parameters_ns)])


@dataclass(frozen=True, slots=True)
class Capture:
    """Keep a value of the JSON response body in a slot: source '$.a.b[0]'."""

    slot: str
    source: str

    def __post_init__(self) -> None:
        if not _SLOT_NAME.fullmatch(self.slot):
            raise ConfigError(
                f"capture {self.slot!r}: a slot's name is letters, digits and _, no digit first"
            )
        if not _JSON_PATH.fullmatch(self.source):
            raise ConfigError(
                f"capture {self.slot}: {self.source!r} is not a path such as $.user.id or $[0].id"
            )

    @property
    def path(self) -> tuple[str | int, ...]:
        """The keys and indexes to follow from the document's root."""
        return tuple(key or int(index) for key, index in _JSON_STEP.findall(self.source))


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `endpoint` is the name of its figures (default: METHOD path, no query).

    `expect` are the status ranges, both ends included, that count as success. `timeout_ns` None
    means the plan's. A body is sent with Content-Length, or in chunks when it is to `stream`; these
    headers are the engine's to write. `redirects`: how many are followed, one after the other.
    `compressed`: asked for compressed; decoded only where the body is read.
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

    def __post_init__(self) -> None:
        if not self.endpoint:
            object.__setattr__(self, "endpoint", f"{self.method} {self.path.partition('?')[0]}")
        if not _TOKEN.fullmatch(self.method):
            raise ConfigError(f"method {self.method!r}: write a token such as GET or POST")
        if self.method == "CONNECT":
            raise ConfigError("method CONNECT: it asks for a tunnel, which is not built here")
        if self.method == "TRACE" and self.body is not None:
            raise ConfigError("method TRACE: a body does not go with it (RFC 9110 section 9.3.8)")
        if not re.fullmatch(r"/[!-~]*", _SLOT.sub("", self.path)) or "#" in self.path:
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
        for low, high in self.expect:
            if not 100 <= low <= high <= 999:
                raise ConfigError(
                    f"expect {low}-{high} of {self.endpoint}: statuses run from 100 to 999"
                )
        if not self.expect:
            raise ConfigError(f"expect of {self.endpoint}: at least one status is needed")
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
        """Every slot that this request reads, in order of appearance."""
        values = [self.path, *(value for _, value in self.headers), *texts_of(self.body)]
        return tuple(name for value in values for name in references(value))


Step = Request | Think

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
