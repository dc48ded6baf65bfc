"""Where redirects lead: RFC 3986's examples, other hosts, and what a hostile server may try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.protocol.address import Target
from velroload.protocol.redirect import HOSTS_NAMED, Redirects, base_url, other_targets
from velroload.sample import ErrorKind

ORIGINS = [
    ("http", "a", 80),
    ("https", "a", 443),
    ("http", "b.example", 8080),
    ("http", "::1", 80),
]


@pytest.mark.parametrize(
    ("location", "path"),
    [  # RFC 3986 section 5.4, base http://a/b/c/d?q
        (b"g", b"/b/c/g"),
        (b"./g", b"/b/c/g"),
        (b"g/", b"/b/c/g/"),
        (b"/g", b"/g"),
        (b"?y", b"/b/c/d?y"),
        (b"g?y", b"/b/c/g?y"),
        (b"g#s", b"/b/c/g"),
        (b"..", b"/b/"),
        (b"../g", b"/b/g"),
        (b"../../g", b"/g"),
        (b"../../../g", b"/g"),
        (b"http://a", b"/"),
        (b"http://A.:80/x", b"/x"),
        (b"//a/x", b"/x"),
        (b"http://user:secret@a/x", b"/x"),
        (b" /sp ace ", b"/sp%20ace"),
        ("/é".encode(), b"/%C3%A9"),
        (b"/%41?%20", b"/%41?%20"),
    ],
)
def test_within_the_origin(location: bytes, path: bytes) -> None:
    assert Redirects(ORIGINS)(0, b"/b/c/d?q", location) == (0, path)


@pytest.mark.parametrize(
    ("origin", "location", "found"),
    [
        (0, b"https://a/x", (1, b"/x")),
        (0, b"//B.example:8080/x?y", (2, b"/x?y")),
        (2, b"http://[::1]", (3, b"/")),
        (1, b"x", (1, b"/x")),
    ],
)
def test_other_origins(origin: int, location: bytes, found: tuple[int, bytes]) -> None:
    redirects = Redirects(ORIGINS)
    assert redirects(origin, b"/", location) == found
    assert redirects.refused == {}


@pytest.mark.parametrize(
    ("origin", "location", "place"),
    [
        (0, b"http://a:81/", "http://a:81"),
        (0, b"//evil.example/x", "http://evil.example:80"),
        (0, b"https://b.example:8080", "https://b.example:8080"),
        (1, b"http://a/", "http://a:80"),  # a downgrade, although that origin is known
        (0, b"http://[::2]:7/", "http://[::2]:7"),
    ],
)
def test_refused_and_named(origin: int, location: bytes, place: str) -> None:
    redirects = Redirects(ORIGINS)
    for _ in range(3):
        assert redirects(origin, b"/", location) == ErrorKind.REDIRECT_REFUSED
    assert redirects.refused == {place: 3}


@pytest.mark.parametrize(
    "location",
    [b"javascript:alert(1)", b"ftp://a/", b"http://[::1", b"http://a:99999/",
     b"http://a:x/", b"mailto:x@y"],
)  # fmt: skip
def test_bad(location: bytes) -> None:
    assert Redirects(ORIGINS)(0, b"/", location) == ErrorKind.BAD_REDIRECT


@given(st.binary(max_size=60).filter(lambda text: not any(byte < 32 for byte in text)))
def test_nothing_that_a_server_sends_raises_or_breaks_a_request_line(location: bytes) -> None:
    found = Redirects(ORIGINS)(0, b"/b?c", location)
    if isinstance(found, int):
        assert found in (ErrorKind.BAD_REDIRECT, ErrorKind.REDIRECT_REFUSED)
    else:
        assert found[1].startswith(b"/")
        assert all(0x21 <= byte < 0x7F for byte in found[1])


def test_the_names_of_refused_hosts_are_bounded() -> None:
    redirects = Redirects(ORIGINS)
    for number in range(100):
        assert redirects(0, b"/", b"http://h%d/" % number) == ErrorKind.REDIRECT_REFUSED
    assert len(redirects.refused) == HOSTS_NAMED


@pytest.mark.parametrize(
    ("target", "allowed", "found"),
    [
        ("http://a:81", (), ["https://a"]),
        ("https://a", (), []),
        ("http://[::1]:81", ("::2",), ["https://[::1]", "http://[::2]", "https://[::2]"]),
        ("http://a", ("a", "b", "b"), ["https://a", "http://b", "https://b"]),
        ("http://a", ("b:81", "https://c:82"), ["https://a", "http://b:81", "https://c:82"]),
        ("https://a", ("b:81", "http://a"), ["https://b:81", "http://a"]),
    ],
)
def test_where_redirects_may_lead(target: str, allowed: tuple[str, ...], found: list[str]) -> None:
    assert [base_url(t) for t in other_targets(Target.of(target), allowed)] == found
