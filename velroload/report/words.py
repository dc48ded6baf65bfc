"""Numbers and foreign text as people read them: three digits that count, a dash for the unknown."""

from collections.abc import Callable

from velroload.plan.mask import clean as clean  # foreign text, safe on a terminal

DASH = "–"
UNITS = {"ns": " ms", "per_s": "/s", "per_hour": " per hour", "share": "", "bytes": "", "count": ""}
KIB = 1024


def cut(text: str, width: int) -> str:
    """At most `width` characters, an ellipsis where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def digits(value: float) -> str:
    """Three significant digits, never more than three decimals: 0.141 5.83 38.0 143 2,001."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.9995 else f"{value:.3f}"


def ms(value_ns: float | None) -> str:
    """Nanoseconds as milliseconds without the unit."""
    return DASH if value_ns is None else digits(value_ns / 1e6)


def percent(share: float | None) -> str:
    """A share as percent; what is not 0 never looks like 0, what is not all never like 100."""
    if share is None:
        return DASH
    if share < 0.0:
        return "−" + percent(-share)
    value = 100.0 * share
    if share in (0.0, 1.0) or value >= 100.0:
        return f"{value:,.0f} %"
    if value < 0.005:
        return "< 0.01 %"
    if value >= 99.995:
        return "> 99.99 %"
    if value >= 99.5:
        return f"{value:.2f} %"
    if value >= 9.95:
        return f"{value:.0f} %"
    return f"{value:.2g} %" if value >= 0.095 else f"{value:.2f} %"


def per_second(rate: float | None) -> str:
    """A rate without the unit: one decimal below 10,000."""
    if rate is None:
        return DASH
    return f"{rate:,.0f}" if rate >= 9_999.5 else f"{rate:,.1f}"


def number(count: int | None) -> str:
    """A count with separators."""
    return DASH if count is None else f"{count:,}"


def seconds(value: float) -> str:
    """A time span that people chose: 0.5 s, 15 s, 120 s; more digits only where it has them."""
    return f"{value:,.3g} s" if value < 1_000 else f"{value:,.0f} s"


def duration(seconds: float) -> str:
    """Seconds as a flag of ours takes them: 90.0 → 1m30s; rounded up to whole seconds."""
    whole = -int(-seconds // 1)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [f"{hours}h" * (hours > 0), f"{minutes}m" * (minutes > 0), f"{rest}s" * (rest > 0)]
    return "".join(parts) or "0s"


def chance(p_value: float) -> str:
    """A p-value with its sign: = 0.041, < 0.001."""
    return "< 0.001" if p_value < 0.001 else f"= {digits(p_value)}"


def size(value: float) -> str:
    """Bytes in the largest binary unit of which there is one."""
    for unit in ("bytes", "KiB", "MiB"):
        if abs(value) < KIB:
            return f"{digits(value) if unit != 'bytes' else f'{value:.0f}'} {unit}"
        value /= KIB
    return f"{digits(value)} GiB"


def count(value: float) -> str:
    """A number of things, which may be a mean."""
    return f"{value:,.0f}"


WRITTEN: dict[str, Callable[[float], str]] = {
    "ns": ms,
    "share": percent,
    "per_s": per_second,
    "per_hour": percent,
    "bytes": size,
    "count": count,
}


def amount(value: float | None, unit: str) -> str:
    """A value with its unit: of one of ours (UNITS) as people read it, any other behind it."""
    if value is None:
        return DASH
    return f"{WRITTEN.get(unit, digits)(value)}{UNITS.get(unit, f' {unit}')}"


def signed(value: float, unit: str) -> str:
    """A change with its sign."""
    return f"{'−' if value < 0 else '+'}{amount(abs(value), unit)}"
