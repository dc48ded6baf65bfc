"""host/resolve.py: names to addresses, with a limit, and the line that each failure gets."""

import socket
import threading

import pytest

from velroload.errors import PreflightError
from velroload.host.resolve import resolve


def failing(text: str) -> str:
    with pytest.raises(PreflightError) as caught:
        resolve(text, 80)
    return str(caught.value)


def test_numbers() -> None:
    assert resolve("127.0.0.1", 80) == [("127.0.0.1", 80)]
    assert resolve("::1", 80) == [("::1", 80)]
    assert ("127.0.0.1", 80) in resolve("localhost", 80)


def test_each_address_once_and_its_scope() -> None:
    def lookup(host: str, port: int, type: int, family: int) -> object:
        tcp = (socket.AF_INET, type, 6, "")
        six = (socket.AF_INET6, type, 6, "", ("fe80::1", port, 0, 2))
        return [(*tcp, ("10.0.0.1", port)), (*tcp, ("10.0.0.1", port)), six]

    assert resolve("h", 80, lookup=lookup) == [("10.0.0.1", 80), ("fe80::1%2", 80)]


@pytest.mark.parametrize(
    ("family", "asked"), [(None, socket.AF_UNSPEC), (4, socket.AF_INET), (6, socket.AF_INET6)]
)
def test_the_family_is_asked_for(family: int | None, asked: int) -> None:
    seen = []

    def lookup(host: str, port: int, type: int, family: int) -> object:
        seen.append(family)
        return []

    assert resolve("h", 80, family=family, lookup=lookup) == []
    assert seen == [asked]


def test_addresses_of_one_family() -> None:
    assert resolve("127.0.0.1", 80, family=4) == [("127.0.0.1", 80)]
    with pytest.raises(PreflightError) as caught:
        resolve("127.0.0.1", 80, family=6)
    said = str(caught.value)
    assert said.startswith("cannot resolve 127.0.0.1 to an IPv6 address: ")  # the resolver's words
    assert said.endswith("; leave -6 out to use the others")


def test_an_unknown_name() -> None:
    def lookup(host: str, port: int, type: int, family: int) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(PreflightError) as caught:
        resolve("nowhere.example", 80, lookup=lookup)
    assert str(caught.value) == (
        "cannot resolve nowhere.example: name or service not known; is the name right?"
    )


def test_what_is_no_name() -> None:
    assert failing(f"{'x' * 64}.example") == (f"cannot resolve {'x' * 64}.example: not a host name")


def test_a_name_server_that_is_silent() -> None:
    asked, over = threading.Event(), threading.Event()

    def lookup(host: str, port: int, type: int, family: int) -> object:
        asked.set()
        over.wait(20)
        return []

    with pytest.raises(PreflightError) as caught:
        resolve("h.example", 80, lookup=lookup, limit_s=0.05)
    assert asked.is_set()
    over.set()
    assert str(caught.value) == (
        "cannot resolve h.example: no answer within 0.05 s; is the name server up?"
    )
