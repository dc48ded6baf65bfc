"""Quantities as people write them ↔ numbers with the unit in the name.

Strict: a value that is only partly understood is refused, with what was given and what is accepted.
Standard library only; every room may use it.
"""

import re
from fractions import Fraction

from velroload.errors import ConfigError

NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
TEXT_MAX = 40
"""No quantity is longer; a longer text is refused before any arithmetic."""

DURATION_NS = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}
DURATION_MAX_NS = 365 * DURATION_NS["d"]
PER_S = {"s": 1, "m": 60, "h": 3600}
RATE_MAX_PER_S = 1_000_000_000
MULTIPLES = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
COUNT_MAX = 2**53
BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
BYTES_MAX = 2**53

_DURATION = re.compile(rf"(?:{NUMBER}(?:d|h|ms|m|s|us|µs|ns))+", re.ASCII)
_DURATION_PART = re.compile(rf"({NUMBER})(d|h|ms|m|s|us|µs|ns)")
_RATE = re.compile(rf"({NUMBER})([kM]?)(?:/([smh]))?")
_COUNT = re.compile(rf"({NUMBER})([kMG]?)")
_BYTES = re.compile(rf"({NUMBER})({'|'.join(BYTES)})")
_SHARE = re.compile(rf"({NUMBER})%")

_DURATION_HINT = "write a number with a unit, such as 30s, 1m30s or 250ms"
_RATE_HINT = "write a number per second, such as 500, 1000/s, 10k/s or 600/m"
_COUNT_HINT = "write a whole number, such as 100, 10k or 1M"
_BYTES_HINT = "write a number with a unit, such as 512B, 64KiB or 10MB"
_SHARE_HINT = "write a percentage from 0% to 100%, such as 1% or 99.9%"


def _refuse(noun: str, text: str, hint: str) -> ConfigError:
    shown = text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
    return ConfigError(f"{noun} {shown!r}: {hint}")


def _match(pattern: re.Pattern[str], noun: str, text: str, hint: str) -> re.Match[str]:
    found = pattern.fullmatch(text) if len(text) <= TEXT_MAX else None
    if found is None:
        raise _refuse(noun, text, hint)
    return found


def parse_duration(text: str, noun: str = "duration") -> int:
    """'1h30m', '1.5s', '250ms' → nanoseconds; largest unit first, each once, whole nanoseconds."""
    _match(_DURATION, noun, text, _DURATION_HINT)
    total = Fraction(0)
    before = DURATION_MAX_NS
    for number, unit in _DURATION_PART.findall(text):
        if DURATION_NS[unit] >= before:
            raise _refuse(noun, text, _DURATION_HINT)
        before = DURATION_NS[unit]
        total += Fraction(number) * before
    if total.denominator != 1:
        raise _refuse(noun, text, "nothing finer than a nanosecond is accepted")
    if total > DURATION_MAX_NS:
        raise _refuse(noun, text, "at most 365d are accepted")
    return int(total)


def format_duration(duration_ns: int) -> str:
    """Nanoseconds → the shortest exact text that parse_duration() reads back."""
    if duration_ns < 0:
        raise ValueError(f"a duration is not negative: {duration_ns} ns")
    if duration_ns < DURATION_NS["s"]:
        unit = next((u for u in ("ms", "us", "ns") if duration_ns >= DURATION_NS[u]), "s")
        return _decimal(Fraction(duration_ns, DURATION_NS[unit])) + unit
    parts = []
    rest = duration_ns
    for unit in ("d", "h", "m"):
        whole, rest = divmod(rest, DURATION_NS[unit])
        if whole:
            parts.append(f"{whole}{unit}")
    if rest:
        parts.append(_decimal(Fraction(rest, DURATION_NS["s"])) + "s")
    return "".join(parts)


def parse_rate(text: str, noun: str = "rate") -> Fraction:
    """'1000/s', '10k/s', '600/m', '500' → per second, exact."""
    number, multiple, per = _match(_RATE, noun, text, _RATE_HINT).groups()
    rate_per_s = Fraction(number) * MULTIPLES[multiple] / PER_S[per or "s"]
    if rate_per_s > RATE_MAX_PER_S:
        raise _refuse(noun, text, "at most 1000M/s are accepted")
    return rate_per_s


def format_rate(rate_per_s: Fraction | int) -> str:
    """Per second → '1000/s', '0.5/s', '20/m': exact where a decimal can be, else '333.333/s'."""
    rate = Fraction(rate_per_s)
    for per, seconds in PER_S.items():
        if _is_decimal(rate * seconds):
            return f"{_decimal(rate * seconds)}/{per}"
    return f"{float(rate):.6g}/s"


def parse_count(text: str, noun: str = "count") -> int:
    """'100', '10k', '1.5M' → a whole number."""
    number, multiple = _match(_COUNT, noun, text, _COUNT_HINT).groups()
    count = Fraction(number) * MULTIPLES[multiple]
    if count.denominator != 1 or count > COUNT_MAX:
        raise _refuse(noun, text, _COUNT_HINT)
    return int(count)


def format_count(count: int) -> str:
    """1500000 → '1500k', 10000 → '10k', 1234 → '1234': the exact text parse_count() reads."""
    for suffix in ("G", "M", "k"):
        if count and count % MULTIPLES[suffix] == 0:
            return f"{count // MULTIPLES[suffix]}{suffix}"
    return str(count)


def parse_bytes(text: str, noun: str = "size") -> int:
    """'512B', '64KiB', '10MB' → bytes."""
    number, unit = _match(_BYTES, noun, text, _BYTES_HINT).groups()
    size_bytes = Fraction(number) * BYTES[unit]
    if size_bytes.denominator != 1 or size_bytes > BYTES_MAX:
        raise _refuse(noun, text, _BYTES_HINT)
    return int(size_bytes)


def format_bytes(size_bytes: int) -> str:
    """65536 → '64KiB', 1000 → '1000B': the exact text that parse_bytes() reads back."""
    for unit in ("GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % BYTES[unit] == 0:
            return f"{size_bytes // BYTES[unit]}{unit}"
    return f"{size_bytes}B"


def parse_share(text: str, noun: str = "share") -> Fraction:
    """'1%', '99.9%' → 0..1, exact."""
    (number,) = _match(_SHARE, noun, text, _SHARE_HINT).groups()
    share = Fraction(number) / 100
    if share > 1:
        raise _refuse(noun, text, _SHARE_HINT)
    return share


def format_share(share: Fraction) -> str:
    """1/100 → '1%': exact where a decimal can be, else six digits."""
    percent = share * 100
    return f"{_decimal(percent) if _is_decimal(percent) else f'{float(percent):.6g}'}%"


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator < 10**18


def _decimal(value: Fraction) -> str:
    """A fraction that has a finite decimal form, in that form."""
    digits = 0
    while value.denominator != 1:
        value *= 10
        digits += 1
    text = str(value.numerator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text
