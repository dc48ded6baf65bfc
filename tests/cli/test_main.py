"""Exit codes and the one line that every error gets; in processes of its own where that matters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from velroload import __version__
from velroload.cli import main as main_module
from velroload.cli.main import main
from velroload.cli.parser import MEANINGS
from velroload.errors import InvalidRunError


def velroload(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "velroload", *words], capture_output=True, text=True,
        env={**os.environ, **environ}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_help_ends_with_the_exit_codes() -> None:
    done = velroload("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for code, meaning in MEANINGS.items():
        assert f"  {code.value:3d}  {meaning}\n" in done.stdout


@pytest.mark.parametrize("command", ["run", "check", "schema", "report", "target", "completion"])
def test_help_of_each_command(command: str) -> None:
    done = velroload(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: velroload {command} ")


def test_version_names_the_build() -> None:
    done = velroload("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"velroload {__version__} (profile ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["http://h/", "--rat", "5"], "--rat: unknown flag; did you mean --rate?"),
        (["reprot"], "target 'reprot': not a URL; write http://reprot"),
        (["report", "nowhere"], "nowhere: no run folder there; name one: velroload report DIR"),
        (["completion"], "shell is missing (see --help)"),
        (["completion", "fish"], "completion fish: one of bash, zsh is needed"),
        (["--zzz"], "--zzz: unknown flag (see --help)"),
        (["http://h/", "-H", "X: a\nb"], "header X: the value contains a line break or a NUL"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(words: list[str], line: str) -> None:
    done = velroload(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"velroload: {line}\n")


def test_a_traceback_only_on_request() -> None:
    done = velroload("reprot", VELROLOAD_TRACEBACK="1")
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("\nvelroload: target 'reprot': not a URL; write http://reprot\n")


@pytest.mark.parametrize("words", [["--version"], ["completion", "bash"]])
def test_a_closed_pipe_is_no_traceback(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "velroload", *words], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_missing_core_is_said_in_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['velroload._core'] = None\n"
        "from velroload.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "http://127.0.0.1:9/"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "velroload: core not built: run `pip install -e .`\n"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InvalidRunError("worker 1 died"), 4, "worker 1 died"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("x\ny"), 1, "internal error: ValueError: x y (VELROLOAD_TRACEBACK=1 shows "
         "where)"),
        (ModuleNotFoundError("No module named 'z'", name="z"), 1, "internal error: "
         "ModuleNotFoundError: No module named 'z' (VELROLOAD_TRACEBACK=1 shows where)"),
    ],
)  # fmt: skip
def test_errors_become_codes(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(argv: object) -> int:
        raise error

    monkeypatch.setattr(main_module, "dispatch", fail)
    assert main(["x"]) == code
    assert capsys.readouterr() == ("", f"velroload: {line}\n")


def test_entry_leaves_with_the_code_and_all_that_was_printed() -> None:
    code = (
        "from velroload.cli import main\n"
        "main.main = lambda argv: print('last words') or 99\n"
        "main.entry()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (99, "last words\n", "")
