"""Expressions that workers evaluate: conditions, and computed values."""

from collections.abc import Callable
from typing import Any

Computed = tuple[tuple[int, ...], Callable[..., object]]


def make_computed(settings: dict[str, Any]) -> list[Computed]:
    """For the engine: per expression the slots that it reads and a function of their texts. It
    raises ValueError where a value cannot be computed, which the engine counts."""
    if not settings["computed"]:
        return []  # nothing is imported
    from velroload.plan.expression import compile_expression, text_of

    def function(row: dict[str, Any]) -> Callable[..., object]:
        names = row["names"]
        evaluate = compile_expression(row["source"], row["constants"])
        if row["condition"]:
            return lambda *texts: bool(evaluate(dict(zip(names, texts, strict=True))))
        return lambda *texts: text_of(evaluate(dict(zip(names, texts, strict=True))))

    return [(tuple(row["slots"]), function(row)) for row in settings["computed"]]
