"""How a run is carried out, as asked on the command line; what it does stands in the Plan."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """One run's options, all checked.

    `workers` is "auto", a number, or "cpus:" and a list; `idle` sleep, spin or auto; `out` the
    run folder, None for the default; `reports` files whose ending says their kind; `addresses`
    the checked (address, port) pairs, the only ones that may be connected to (none for the
    embedded target); `others` the same for each base URL that redirects may lead to beside the
    target; `called` of those that the plan's events call; `command` what the user typed.
    """

    workers: str = "auto"
    out: str | None = None
    reports: tuple[str, ...] = ()
    idle: str = "auto"
    verbose: bool = False
    quiet: bool = False
    strict: bool = False
    inconclusive_pass: bool = False
    allow_debug_core: bool = False
    command: str = "velroload"
    addresses: tuple[tuple[str, int], ...] = ()
    others: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    called: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
