"""A forecast as data: names and figures, times in nanoseconds, null for what is not known."""

from dataclasses import asdict
from fractions import Fraction
from typing import Any

from velroload.plan.mask import Mask
from velroload.runner.forecast.forecast import Forecast
from velroload.runner.forecast.traffic import Stretch


def as_json(forecast: Forecast) -> dict[str, Any]:
    """Everything in the text, and the numbers behind it."""
    plan = forecast.plan
    made = {
        "name": plan.name,
        "target": plan.target,
        "duration_ns": plan.duration_ns,
        "phases": [_stretch(stretch) for stretch in forecast.stretches],
        "takes": asdict(forecast.needs),
        "has": asdict(forecast.facts),
        "thresholds": [
            {
                "phase": each.stretch,
                "text": each.threshold.source,
                "requests": each.count,
                "requests_least": each.least,
                "violations_most": each.bearing,
                "interval": each.interval,
                "interval_needs": each.carries,
            }
            for each in forecast.supports
        ],
        "cache": [asdict(each) for each in forecast.caches],
        "connections": [asdict(each) for each in forecast.reuses],
        "obstacles": [asdict(each) for each in forecast.obstacles],
        "exit_code": int(forecast.exit_code),
    }
    masked: dict[str, Any] = _plain(made, Mask(plan.secrets))
    return masked


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "name": stretch.name,
        "users": stretch.users,
        "ramp_ns": stretch.ramp_ns,
        "hold_ns": stretch.hold_ns,
        "cool_down_ns": stretch.cool_down_ns,
        "offered_per_s": stretch.offered_per_s,
        "iterations_per_s": stretch.iterations_per_s,
        "requests_hold": stretch.hold_count,
        "requests": stretch.count,
        "endpoints": [asdict(row) for row in stretch.rows],
    }


def _plain(value: Any, mask: Mask) -> Any:
    """Fractions as numbers, secrets blotted out."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, dict):
        return {key: _plain(each, mask) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, mask) for each in value]
    return value
