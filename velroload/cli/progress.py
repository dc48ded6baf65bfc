"""What the user sees while a run goes on: a live picture on a terminal, a line a second elsewhere.

Progress goes to stderr, the result to stdout. The runner calls `progress` as often as it likes.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

LIVE_INTERVAL_S = 0.5
LINE_INTERVAL_S = 1.0
BAR_CELLS = 12

ROLES = {"pass": "1;32", "fail": "1;31", "warn": "33", "dim": "2", "strong": "1"}
"""What a piece of the result says → how a terminal shows it (SGR)."""

Figures = Mapping[str, Any]
"""elapsed_s, duration_s (or None), phase, users, users_planned, rate_per_s, rate_planned_per_s
(or None), in_flight, unsent, failed_share, window_ms and phase_ms ([p50, p95, p99], empty before
the first response), worker_cpu (shares), generator_lag_p99_ms, ring_share, lost, state; watched:
what probes tell, as runner/glance.py's figures(); in a suite phase_elapsed_s and phase_duration_s
beside."""


Style = Callable[[str, str], str]
"""(role, text) → text in the role's colour."""


class Ui(Protocol):
    """What a run may say and ask. `style` colours the result's pieces: (role, text) → text."""

    style: Style

    def say(self, line: str) -> None:
        """One line, at once."""

    def progress(self, figures: Figures) -> None:
        """How the run stands."""

    def done(self, text: str) -> None:
        """The result; the last thing said."""

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; False without one."""


class PlainUi:
    """Lines without colour, for pipes, logs and NO_COLOR; `quiet` leaves the result only."""

    def __init__(self, quiet: bool = False, out: TextIO | None = None, err: TextIO | None = None):
        self._quiet = quiet
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._next_s = 0.0
        self.style: Style = plain

    def say(self, line: str) -> None:
        """One line on stderr."""
        if not self._quiet:
            print(line, file=self._err, flush=True)

    def progress(self, figures: Figures) -> None:
        """One line a second."""
        if self._quiet or figures["elapsed_s"] < self._next_s:
            return
        self._next_s = figures["elapsed_s"] + LINE_INTERVAL_S * 0.95
        self.say(one_line(figures))

    def done(self, text: str) -> None:
        """The result on stdout."""
        print(text.removesuffix("\n"), file=self._out, flush=True)

    def confirm(self, question: str) -> bool:
        """Ask when both ends are a terminal."""
        return ask(question, self._err)

    def close(self) -> None:
        """Nothing is held."""


class LiveUi:
    """A picture that is redrawn twice a second below the lines said; for a terminal."""

    def __init__(self, color: bool = True) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, no_color=not color, highlight=False)
        self._live: Live | None = None  # open from the first progress until done
        self.style: Style = style_for(color)
        self._next_s = 0.0

    def say(self, line: str) -> None:
        """One line above the picture."""
        self._console.print(line, markup=False, soft_wrap=True)

    def progress(self, figures: Figures) -> None:
        """Redraw, at most twice a second. No thread of rich's own is started."""
        from rich.live import Live
        from rich.text import Text

        if figures["elapsed_s"] < self._next_s:
            return
        self._next_s = figures["elapsed_s"] + LIVE_INTERVAL_S * 0.9
        picture = Text("\n".join(picture_lines(figures)), no_wrap=True, overflow="ellipsis")
        for word in ("lost", "unsent"):
            if figures[word]:
                picture.highlight_words([f"{word} {figures[word]:,}"], "bold red")
        if self._live is None:
            self._live = Live(picture, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(picture, refresh=True)

    def done(self, text: str) -> None:
        """Close the picture; the result on stdout."""
        self.close()
        print(text.removesuffix("\n"), flush=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal."""
        self.close()
        return ask(question, sys.stderr)

    def close(self) -> None:
        """Give the terminal back; may be called twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def make_ui(quiet: bool, color: bool, environ: Mapping[str, str]) -> PlainUi | LiveUi:
    """The live picture on a capable terminal, else lines. CI, TERM=dumb and -q mean lines."""
    plain = quiet or not sys.stderr.isatty() or environ.get("TERM", "dumb") == "dumb"
    if plain or environ.get("CI"):
        return PlainUi(quiet)
    return LiveUi(color and not environ.get("NO_COLOR"))


def plain(role: str, text: str) -> str:
    """No colour."""
    return text


def coloured(role: str, text: str) -> str:
    """The text in its role's colour."""
    return f"\x1b[{ROLES[role]}m{text}\x1b[0m" if role in ROLES else text


def style_for(color: bool) -> Style:
    """Colour when it is wanted and the result goes to a terminal."""
    return coloured if color and sys.stdout.isatty() else plain


def ask(question: str, err: TextIO) -> bool:
    """True after a yes. Without a terminal on both ends nothing is asked and it is a no."""
    if not (sys.stdin.isatty() and err.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=err, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=err)
    return answer.strip().lower() in ("y", "yes")


def one_line(figures: Figures) -> str:
    """The run in one line."""
    state = figures["phase"] if "phase_duration_s" in figures else figures["state"]
    parts = [
        f"{clock(figures['elapsed_s'])} {state}",
        f"{figures['users']:,}/{figures['users_planned']:,} users",
        rate(figures),
        f"in flight {figures['in_flight']:,}",
        f"unsent {figures['unsent']:,}",
        f"failed {share(figures['failed_share'])}",
        f"response ms {triple(figures['window_ms'])}",
        *watched(figures),
        generator(figures),
    ]
    return "  ".join(parts)


def picture_lines(figures: Figures) -> list[str]:
    """The run in four lines."""
    left = "" if figures["duration_s"] is None else f" {clock(remaining_s(figures))} left"
    return [
        f"{figures['phase']} {bar(figures)}{left}   {figures['state']}   "
        f"{figures['users']:,}/{figures['users_planned']:,} users",
        f"{rate(figures)}   in flight {figures['in_flight']:,}   unsent {figures['unsent']:,}   "
        f"failed {share(figures['failed_share'])}",
        f"response ms   last 10 s {triple(figures['window_ms'])}   "
        f"phase {triple(figures['phase_ms'])} (p50/p95/p99)",
        "   ".join([*watched(figures), generator(figures)]),
    ]


def remaining_s(figures: Figures) -> float:
    """Seconds until the planned end, of the phase in a suite; never below 0."""
    elapsed_s, duration_s = timed(figures)
    return max(0.0, float(duration_s or 0) - elapsed_s)


def timed(figures: Figures) -> tuple[float, float | None]:
    """How long it has gone and how long it is planned to: the phase of a suite, else the run."""
    part = "phase_" if "phase_duration_s" in figures else ""
    return float(figures[f"{part}elapsed_s"]), figures[f"{part}duration_s"]


def bar(figures: Figures) -> str:
    """How much of the planned time has gone; empty when there is no planned time."""
    elapsed_s, duration_s = timed(figures)
    if not duration_s:
        return clock(elapsed_s)
    full = round(BAR_CELLS * min(1.0, elapsed_s / duration_s))
    return f"▕{'█' * full}{'░' * (BAR_CELLS - full)}▏"


def rate(figures: Figures) -> str:
    """The rate reached, and the one planned where there is one."""
    planned = figures["rate_planned_per_s"]
    return f"{figures['rate_per_s']:,.1f}/s" + ("" if planned is None else f" of {planned:,.1f}")


def generator(figures: Figures) -> str:
    """How the generator itself fares."""
    cpu = " ".join(f"{100 * used:.0f} %" for used in figures["worker_cpu"])
    return (
        f"generator {cpu or '–'}{lag(figures)} · "
        f"ring {100 * figures['ring_share']:.1f} % · lost {figures['lost']:,}"
    )


def watched(figures: Figures) -> list[str]:
    """What probes tell of the target: cache, database, CPU; nothing of what they do not."""
    seen = figures.get("watched") or {}
    parts = []
    if "cache" in seen:
        rates = (f"{layer} {rate:.0%}" for layer, rate in seen["cache"].items())
        parts.append("cache " + " ".join(rates).replace("%", " %"))
    if "db" in seen:
        used, most, waiting = seen["db"]
        limit = "" if most is None else f"/{most:,.0f}"
        parts.append(f"db {used:,.0f}{limit}" + (f" ({waiting:,.0f} wait)" if waiting else ""))
    if "cpu_share" in seen:
        parts.append(f"CPU {100 * seen['cpu_share']:.0f} %")
    return parts


def lag(figures: Figures) -> str:
    """The generator's lag, where starts are scheduled and it means something."""
    value_ms = figures["generator_lag_p99_ms"]
    return "" if value_ms is None else f" · lag p99 {value_ms:.1f} ms"


def triple(values_ms: list[float]) -> str:
    """p50/p95/p99 with three significant digits; dashes before the first response."""
    return " / ".join(short(value) for value in values_ms) if values_ms else "– / – / –"


def short(value_ms: float) -> str:
    """A duration in ms, three digits at least where it is small."""
    return f"{value_ms:,.0f}" if value_ms >= 100 else f"{value_ms:.3g}"


def share(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:.2f} %"


def clock(elapsed_s: float) -> str:
    """ "42s", "4m12s"."""
    minutes, seconds = divmod(round(elapsed_s), 60)
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"
