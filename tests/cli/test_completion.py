"""Completion scripts, made from the parser and understood by the shell."""

import subprocess

import pytest

from velroload.cli.main import main


def test_bash_understands_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    words = 'COMP_WORDS=(velroload run --req); COMP_CWORD=2; COMP_LINE="velroload run --req"'
    ask = f"{script}\n{words}; _shtab_velroload; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == [
        "--request-rate",
        "--requests",
        "--requests-per-connection",
    ]


def test_zsh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("#compdef velroload\n")
    assert "--request-rate" in script
