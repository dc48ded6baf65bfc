"""Consent: asked once on a terminal, remembered with the address, refused without one.

Nothing here connects to anything: the addresses are only judged.
"""

import os
import pty
import select
import sys
from pathlib import Path

import pytest

from velroload.cli.consent import require_consent
from velroload.errors import ConfigError

SCRIPT = """
import os, sys
from velroload.cli.consent import require_consent
from velroload.cli.progress import PlainUi
from velroload.errors import ConfigError
try:
    require_consent(sys.argv[1], sys.argv[2:], "5,000/s for 30 s", PlainUi(), environ=os.environ)
    print("consented")
except ConfigError as error:
    print(error)
"""
QUESTION = "203.0.113.7 is public: 5,000/s for 30 s? [y/N] "
REFUSAL = (
    "203.0.113.7 is public and there is no consent to load it: nothing was sent; "
    "give it with --allow-host 203.0.113.7\r\n"
)


def on_a_terminal(state: Path, answer: bytes, *words: str) -> str:
    """What a terminal shows, echo included, when `answer` is typed at the question."""
    child, terminal = pty.fork()
    if child == 0:
        environ = {**os.environ, "XDG_STATE_HOME": str(state)}
        os.execve(sys.executable, [sys.executable, "-c", SCRIPT, *words], environ)
    shown = b""
    answered = False
    try:
        while select.select([terminal], [], [], 20)[0]:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:  # EIO: the other side is closed
                break
            shown += chunk
            if not answered and b"[y/N] " in shown:
                os.write(terminal, answer)
                answered = True
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return shown.decode()


def test_yes_is_remembered_and_not_asked_again(tmp_path: Path) -> None:
    first = on_a_terminal(tmp_path, b"y\n", "203.0.113.7", "203.0.113.7")
    assert first == f"{QUESTION}y\r\nconsented\r\n"
    assert (tmp_path / "velroload/consented_hosts").read_text() == "203.0.113.7 203.0.113.7\n"
    assert on_a_terminal(tmp_path, b"", "203.0.113.7", "203.0.113.7") == "consented\r\n"


def test_another_address_of_the_same_name_is_asked_for_again(tmp_path: Path) -> None:
    on_a_terminal(tmp_path, b"yes\n", "h.example", "203.0.113.7")
    shown = on_a_terminal(tmp_path, b"n\n", "h.example", "203.0.113.7", "203.0.113.8")
    assert shown.startswith("h.example (203.0.113.8) is public: 5,000/s for 30 s? [y/N] n\r\n")


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"yep\n"])
def test_anything_but_yes_is_no(tmp_path: Path, answer: bytes) -> None:
    shown = on_a_terminal(tmp_path, answer, "203.0.113.7", "203.0.113.7")
    assert shown == f"{QUESTION}{answer.decode().strip()}\r\n{REFUSAL}"
    assert not (tmp_path / "velroload").exists()


def test_end_of_input_is_no(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, b"\x04", "203.0.113.7", "203.0.113.7")
    assert shown.replace("^D\b\b", "") == f"{QUESTION}\r\n{REFUSAL}"


class Asker:
    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer


def test_free_addresses_are_not_asked_for(tmp_path: Path) -> None:
    asker = Asker(False)
    hosts = ["127.0.0.1", "::1", "10.1.2.3"]
    require_consent("localhost", hosts, "x", asker, environ={"HOME": str(tmp_path)})
    assert asker.asked == []


def test_a_consent_that_cannot_be_remembered_is_said(tmp_path: Path) -> None:
    blocker = tmp_path / "velroload"
    blocker.touch()
    asker = Asker(True)
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    require_consent("h.example", ["203.0.113.7"], "1/s for 1s", asker, environ=environ)
    assert asker.asked == ["h.example (203.0.113.7) is public: 1/s for 1s?"]
    assert asker.said == [f"not remembered: {blocker}/consented_hosts: file exists"]


def test_never_means_never(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        require_consent(
            "meta.example", ["127.0.0.1", "169.254.169.254"], "x", Asker(True),
            allowed=["meta.example", "169.254.169.254"], environ={"HOME": str(tmp_path)},
        )  # fmt: skip
    assert str(caught.value) == ("meta.example (169.254.169.254) is link-local: it is never loaded")
