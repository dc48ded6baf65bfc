"""What is shown while a run goes on: lines, and the picture on a real (pseudo) terminal."""

import io
import os
import pty
import re
import select
import sys
from typing import Any

import pytest

from velroload.cli.progress import (
    PlainUi,
    bar,
    clock,
    coloured,
    make_ui,
    one_line,
    picture_lines,
    short,
    style_for,
    watched,
)

FIGURES: dict[str, Any] = {
    "elapsed_s": 12.2,
    "duration_s": 20.0,
    "phase": "main",
    "users": 200,
    "users_planned": 200,
    "rate_per_s": 1049.84,
    "rate_planned_per_s": 1050.0,
    "in_flight": 38,
    "unsent": 0,
    "failed_share": 0.0007,
    "window_ms": [12.04, 44.4, 1071.2],
    "phase_ms": [0.1234, 41.0, 69.0],
    "worker_cpu": [0.41, 0.396],
    "generator_lag_p99_ms": 0.12,
    "ring_share": 0.004,
    "lost": 0,
    "state": "running",
}
LINE = (
    "12s running  200/200 users  1,049.8/s of 1,050.0  in flight 38  unsent 0  failed 0.07 %  "
    "response ms 12 / 44.4 / 1,071  generator 41 % 40 % · lag p99 0.1 ms · ring 0.4 % · lost 0"
)


def test_one_line() -> None:
    assert one_line(FIGURES) == LINE


def test_a_suite_tells_of_its_phase() -> None:
    times = {"phase_elapsed_s": 90.0, "phase_duration_s": 342.0}
    figures = {**FIGURES, "phase": "prd 4/6 peak", **times}
    assert one_line(figures).startswith("12s prd 4/6 peak  200/200 users")
    assert picture_lines(figures)[0].startswith("prd 4/6 peak ▕███░░░░░░░░░▏ 4m12s left")


def test_one_line_before_anything_is_known() -> None:
    empty = {**FIGURES, "window_ms": [], "worker_cpu": [], "rate_planned_per_s": None}
    line = one_line({**empty, "state": "connecting", "elapsed_s": 0.0})
    assert line.startswith("0s connecting  200/200 users  1,049.8/s  in flight 38")
    assert "response ms – / – / –  generator – · lag" in line


def test_the_picture() -> None:
    assert picture_lines(FIGURES) == [
        "main ▕███████░░░░░▏ 8s left   running   200/200 users",
        "1,049.8/s of 1,050.0   in flight 38   unsent 0   failed 0.07 %",
        "response ms   last 10 s 12 / 44.4 / 1,071   phase 0.123 / 41 / 69 (p50/p95/p99)",
        "generator 41 % 40 % · lag p99 0.1 ms · ring 0.4 % · lost 0",
    ]
    assert picture_lines({**FIGURES, "duration_s": None})[0] == (
        "main 12s   running   200/200 users"
    )


WATCHED = {"cache": {"L1": 0.97, "L2": 0.881}, "db": [204, 210, 0], "cpu_share": 0.714}


def test_what_is_watched_stands_beside_the_generator() -> None:
    figures = {**FIGURES, "watched": WATCHED}
    assert picture_lines(figures)[3] == (
        "cache L1 97 % L2 88 %   db 204/210   CPU 71 %   "
        "generator 41 % 40 % · lag p99 0.1 ms · ring 0.4 % · lost 0"
    )
    assert one_line(figures) == LINE.replace(
        "generator", "cache L1 97 % L2 88 %  db 204/210  CPU 71 %  generator"
    )


@pytest.mark.parametrize(
    ("seen", "parts"),
    [
        ({}, []),
        ({"cache": {"L2": 0.0}}, ["cache L2 0 %"]),
        ({"db": [12, None, None]}, ["db 12"]),
        ({"db": [1210, 1210, 3]}, ["db 1,210/1,210 (3 wait)"]),
    ],
)
def test_what_is_not_known_is_not_shown(seen: dict[str, Any], parts: list[str]) -> None:
    assert watched({**FIGURES, "watched": seen}) == parts


def test_a_bar_never_overflows() -> None:
    assert bar({"elapsed_s": 99.0, "duration_s": 10.0}) == "▕████████████▏"
    assert bar({"elapsed_s": 0.0, "duration_s": 10.0}) == "▕░░░░░░░░░░░░▏"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.4, "59s"), (252, "4m12s")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text


def test_lines_come_once_a_second() -> None:
    out, err = io.StringIO(), io.StringIO()
    ui = PlainUi(out=out, err=err)
    for tenth in range(31):
        ui.progress({**FIGURES, "elapsed_s": tenth / 10})
    ui.say("said")
    ui.done("the result")
    lines = err.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0s", "1s", "2s", "3s", "said"]
    assert out.getvalue() == "the result\n"


def test_quiet_leaves_the_result() -> None:
    out, err = io.StringIO(), io.StringIO()
    ui = PlainUi(quiet=True, out=out, err=err)
    ui.say("said")
    ui.progress(FIGURES)
    ui.done("the result")
    assert (out.getvalue(), err.getvalue()) == ("the result\n", "")


def test_lines_without_a_terminal() -> None:
    assert isinstance(make_ui(False, True, {"TERM": "xterm"}), PlainUi)


SCRIPT = """
import os, sys
from velroload.cli.progress import make_ui
figures = eval(sys.argv[1])
ui = make_ui(False, True, os.environ)
print(type(ui).__name__)
ui.say("[bold] is not markup")
for step in range(40):
    ui.progress({**figures, "elapsed_s": step / 10, "lost": step})
ui.done("the result")
"""


def on_a_terminal(**environ: str) -> str:
    child, terminal = pty.fork()
    if child == 0:
        known = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")}
        full = {**known, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **environ}
        os.execve(sys.executable, [sys.executable, "-c", SCRIPT, repr(FIGURES)], full)
    shown = b""
    while select.select([terminal], [], [], 20)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return shown.decode()


def test_the_picture_on_a_terminal() -> None:
    shown = on_a_terminal()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert plain.startswith("LiveUi\r\n[bold] is not markup\r\n")
    assert plain.count("response ms   last 10 s") <= 9  # twice a second, once more at the end
    assert "lost 5" in plain
    assert "\x1b[1;31mlost 5" in shown
    assert shown.endswith("the result\r\n")
    assert shown.index("\x1b[?25h") < shown.index("the result")  # the cursor is given back


def test_no_color_on_a_terminal() -> None:
    shown = on_a_terminal(NO_COLOR="1")
    assert "lost 5" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_lines_on_a_terminal_that_is_none(environ: dict[str, str]) -> None:
    shown = on_a_terminal(**environ)
    assert shown.startswith("PlainUi\r\n")
    assert "\x1b" not in shown
    assert shown.count(" running  ") == 4


def test_the_results_colours() -> None:
    assert coloured("fail", "FAIL") == "\x1b[1;31mFAIL\x1b[0m"
    assert coloured("other", "x") == "x"
    assert style_for(True)("pass", "PASS") == "PASS"  # stdout is no terminal here
