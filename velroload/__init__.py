"""velroload: an HTTP load-testing engine that says how sure it is.

Importing the package costs nothing: the public names are loaded on first use (PEP 562).
"""

from typing import Any

__version__ = "0.1.0"

PUBLIC = {
    "load_plan": ("velroload.plan.loader", "load_plan"),
    "run": ("velroload.runner.run", "execute"),
    "analyse": ("velroload.analysis.analyse", "analyse"),
}
"""Public name → its module, and its name there."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for; a missing core is said in one line."""
    from importlib import import_module

    if name not in PUBLIC:
        raise AttributeError(f"module 'velroload' has no attribute {name!r}")
    try:
        module, inside = PUBLIC[name]
        return getattr(import_module(module), inside)
    except ModuleNotFoundError as error:
        if error.name != "velroload._core":
            raise
        raise ImportError("core not built: run `pip install -e .`", name=error.name) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
