"""Cookies of users: what is kept, for whom, for how long, and what a hostile server cannot do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.protocol.cookies import COOKIE_BYTES_MAX, COOKIES_MAX, Cookies, Scope

ORIGINS = [("http", "a.example", 80), ("https", "a.example", 443), ("http", "b.example", 80)]
SCOPES = [Scope(3, 0, "/"), Scope(4, 0, "/app/x"), Scope(5, 1, "/"), Scope(6, 2, "/")]


def jars(room: int = 4092) -> Cookies:
    return Cookies(ORIGINS, SCOPES, room)


def lines(cookies: Cookies, *said: bytes, path: bytes = b"/app/page") -> list[str]:
    """The lines of the four scopes after an answer of the first origin."""
    found = cookies.take(0, 0, path, b"\n".join(said), False)
    assert found is not None
    return [line.decode().removeprefix("Cookie: ").rstrip("\r\n") for _, line in found[0]]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (b"s=1", ["", "s=1", "", ""]),  # the path's own folder, RFC 6265 section 5.1.4
        (b"s=1; Path=/", ["s=1", "s=1", "s=1", ""]),
        (b"s=1; Path=/app", ["", "s=1", "", ""]),
        (b"s=1; Path=/ap", ["", "", "", ""]),
        (b"s=1; Path=/; Secure", ["", "", "s=1", ""]),
        (b"s=1; Path=/; Domain=a.example", ["s=1", "s=1", "s=1", ""]),
        (b"s=1; Path=/; Domain=.a.example; HttpOnly; SameSite=Lax", ["s=1", "s=1", "s=1", ""]),
        (b"s=1; Path=/; Domain=b.example", ["", "", "", ""]),
        (b"s=1; Path=/; Domain=example", ["", "", "", ""]),
        (b"s=1; Path=/; Max-Age=0", ["", "", "", ""]),
        (b"s=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ["", "", "", ""]),
        (b"s=1; Path=/; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
         ["s=1", "s=1", "s=1", ""]),
        (b's="a b"; Path=/', ['s="a b"', 's="a b"', 's="a b"', ""]),
        (b"s=a=b==; Path=/", ["s=a=b==", "s=a=b==", "s=a=b==", ""]),
        (b"s=\xe9; Path=/", ["", "", "", ""]),
    ],
)  # fmt: skip
def test_what_is_sent(said: bytes, sent: list[str]) -> None:
    if said.startswith(b"s=\xe9"):
        found = jars().take(0, 0, b"/", said, False)
        assert found is not None
        assert found[0][0][1] == b"Cookie: s=\xe9\r\n"
        return
    assert lines(jars(), said) == sent


def test_several_at_once_and_one_after_the_other() -> None:
    cookies = jars()
    assert lines(cookies, b"a=1; Path=/", b"b=2; Path=/")[0] == "a=1; b=2"
    assert lines(cookies, b"a=3; Path=/")[0] in ("a=3; b=2", "b=2; a=3")
    assert cookies.take(0, 0, b"/app/page", b"a=3; Path=/", False) is None  # nothing new
    assert lines(cookies, b"a=; Path=/; Max-Age=0")[0] == "b=2"
    assert cookies.take(1, 0, b"/", b"c=1", False) is not None
    assert cookies.line(1, 0, b"/x") == b"Cookie: c=1\r\n"
    assert cookies.line(2, 0, b"/x") == b""
    assert cookies.line(0, 2, b"/") == b""  # another host
    assert cookies.ignored == 0


def test_expiry() -> None:
    cookies = jars()
    found = cookies.take(0, 0, b"/", b"a=1; Path=/; Max-Age=1\nb=2; Path=/", False)
    assert found is not None
    left_ns = found[1]
    assert left_ns is not None
    assert 0 < left_ns < 1_100_000_000
    until = time.time() + 1.1
    while time.time() < until:
        renewed, left_ns = cookies.expire(0)
    assert renewed[0][1] == b"Cookie: b=2\r\n"
    assert left_ns is None


def test_bounds() -> None:
    cookies = jars()
    many = [b"c%d=v; Path=/" % i for i in range(COOKIES_MAX + 30)]
    assert len(lines(cookies, *many)[0].split("; ")) == COOKIES_MAX
    assert cookies.ignored == 30
    assert lines(cookies, b"c0=new; Path=/")[0].count("c0=new") == 1  # known ones may change
    assert cookies.take(0, 0, b"/", b"x=" + b"y" * COOKIE_BYTES_MAX, False) is not None
    assert cookies.ignored == 31
    narrow = jars(room=60)
    assert lines(narrow, b"a=1234567890; Path=/", b"b=" + b"x" * 40 + b"; Path=/")[0] == (
        "a=1234567890"
    )
    assert narrow.ignored > 0


def test_a_cut_off_header_loses_its_last_cookie_only() -> None:
    cookies = jars()
    found = cookies.take(0, 0, b"/", b"a=1; Path=/\nb=2; Pa", True)
    assert found is not None
    assert found[0][0][1] == b"Cookie: a=1\r\n"
    assert cookies.ignored == 1


@pytest.mark.parametrize(
    "said", [b"a=1\r; Path=/", b"a=\x00; Path=/", b"a=1\t2; Path=/", b"\x7f=1"]
)
def test_control_characters(said: bytes) -> None:
    cookies = jars()
    assert lines(cookies, said)[0] == ""
    assert cookies.ignored == 1


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_nothing_that_a_server_sends_raises_or_breaks_a_head(said: list[bytes]) -> None:
    cookies = jars(room=200)
    found = cookies.take(0, 0, b"/", b"\n".join(said), False)
    assert found is not None
    for _, line in found[0]:
        assert len(line) <= 200
        assert line == b"" or (line.startswith(b"Cookie: ") and line.endswith(b"\r\n"))
        assert not set(line[:-2]) & set(b"\r\n\0")
