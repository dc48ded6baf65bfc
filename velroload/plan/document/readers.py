"""Single values of plans: quantities with their units, statuses, shares, texts with rules."""

import re
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.document.kinds import At, Made, Many, Value, quantity
from velroload.plan.document.node import Node
from velroload.plan.steps import Think
from velroload.plan.threshold import Threshold, check_abort_rule, parse_threshold
from velroload.units import (
    NUMBER,
    parse_bytes,
    parse_count,
    parse_duration,
    parse_rate,
    parse_share,
)

_STATUS = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?|([1-9])xx")
_DECIMAL = re.compile(NUMBER)


def read_status(text: str) -> tuple[int, int]:
    """200, 200-399 or 2xx → both ends."""
    found = _STATUS.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r}: write a status such as 200, a range 200-399, or 2xx")
    if found[3]:
        return int(found[3]) * 100, int(found[3]) * 100 + 99
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise ConfigError(f"{text!r}: write the smaller status first")
    return low, high


def read_probability(text: str) -> Fraction:
    """0.9 or 90% → 0..1."""
    if text.endswith("%"):
        return parse_share(text, "probability")
    if not _DECIMAL.fullmatch(text) or len(text) > 20 or Fraction(text) > 1:
        raise ConfigError(f"{text!r}: write a probability from 0 to 1, or 90%")
    return Fraction(text)


def read_number(text: str) -> Fraction:
    """A number that is 0 or more."""
    if not _DECIMAL.fullmatch(text) or len(text) > 20:
        raise ConfigError(f"{text!r}: write a number, 0 or more")
    return Fraction(text)


def read_size(text: str) -> tuple[int | None, int | None]:
    """10B..2KiB, ..2KiB, 10.. or 512: bytes, both ends; None: open."""
    low, dots, high = text.partition("..")
    if not dots:
        high = low
    if not (low or high):
        raise ConfigError(f"{text!r}: write a size such as 512, 10..2KiB or ..1MiB")
    return _bytes(low), _bytes(high)


def _bytes(text: str) -> int | None:
    if not text:
        return None
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else parse_bytes(text, "size")


def read_bytes(text: str) -> int:
    """One size."""
    found = _bytes(text)
    if found is None:
        raise ConfigError("write a size such as 2KiB")
    return found


def read_seed(text: str) -> int:
    """A whole number that fits in 64 bits."""
    if not re.fullmatch(r"[0-9]{1,20}", text) or int(text) >= 2**64:
        raise ConfigError(f"{text!r}: write a whole number from 0 to 2^64 - 1")
    return int(text)


def read_name(text: str) -> str:
    """A name: some visible text in one line."""
    if not text.strip() or not text.isprintable() or len(text) > 200:
        raise ConfigError(f"{text!r}: write a name of up to 200 visible characters")
    return text


def threshold(text: str, node: Node, at: At) -> Threshold:
    """A threshold, remembered with its place: what it speaks of is looked up at the end."""
    try:
        made = parse_threshold(text)
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("threshold ")) from None
    if made.abort:
        check_abort_rule(made)
    at.context.thresholds.append((made, node, at))
    return made


def abort_rule(rule: Threshold, node: Node, at: At) -> Threshold:
    """A rule that the running figures can answer."""
    if rule.abort:
        raise ConfigError(f"{rule.source!r}: abort is what it does here; leave the word out")
    check_abort_rule(rule)
    return rule


DURATION = quantity(parse_duration, rf"(?:{NUMBER}(?:d|h|ms|m|s|us|µs|ns))+", "30s", "1m30s")
RATE = quantity(parse_rate, rf"{NUMBER}[kM]?(?:/[smh])?", "100/s", "10k/s", "600/m")
COUNT = quantity(parse_count, rf"{NUMBER}[kMG]?", "100", "10k")
SHARE = quantity(parse_share, rf"{NUMBER}%", "1%", "99.9%")
PROBABILITY = Value(read_probability, {"type": ["number", "string"], "examples": [0.9, "90%"]})
NUMBER_VALUE = Value(read_number, {"type": ["number", "string"], "examples": [1, 2.5]})
SEED = Value(read_seed, {"type": ["integer", "string"]})
NAME = Value(read_name, {"type": "string"})
PAUSE = Value(Think.parse, {"type": "string", "examples": ["1s", "exponential 200ms"]})
SIZE = Value(read_size, {"type": ["string", "integer"], "examples": ["10..2KiB"]})
BYTES = Value(read_bytes, {"type": ["string", "integer"], "examples": ["2KiB", 300]})
STATUSES = Many(
    Value(read_status, {"type": ["integer", "string"], "examples": [200, "200-399", "4xx"]}),
    single=True,
)
THRESHOLD = Made(Value(form={"type": "string", "examples": ["p95(response) < 75ms"]}), threshold)
