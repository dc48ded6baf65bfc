"""Targets as users type them, and what they are told when they mistype."""

import pytest

from velroload.cli.address import Address, read_url
from velroload.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address", "base"),
    [
        ("http://h", Address("http", "h", 80, "/"), "http://h"),
        ("HTTP://Host:8080/a?b=c", Address("http", "host", 8080, "/a?b=c"), "http://host:8080"),
        ("http://h:80/", Address("http", "h", 80, "/"), "http://h"),
        ("http://[::1]:8080/x", Address("http", "::1", 8080, "/x"), "http://[::1]:8080"),
        ("http://h?q", Address("http", "h", 80, "/?q"), "http://h"),
        ("http://h/?", Address("http", "h", 80, "/?"), "http://h"),
        ("unix:/run/a.sock", Address("unix", "/run/a.sock", 0, "/"), "unix:/run/a.sock"),
        ("unix:a:b.s:/x?y=:/z", Address("unix", "a:b.s", 0, "/x?y=:/z"), "unix:a:b.s"),
        ("http://h/%7Ea@b", Address("http", "h", 80, "/%7Ea@b"), "http://h"),
    ],
)
def test_urls(text: str, address: Address, base: str) -> None:
    assert read_url(text, "target") == address
    assert address.base == base


MALFORMED = "its host or port is malformed; write http://host:8080/"
SOCKET = "write unix:/run/app.sock, or unix:/run/app.sock:/path"
ASCII = "only visible ASCII can stand in a URL; %-encode the rest"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("localhost:8080", "'localhost:8080': not a URL; write http://localhost:8080"),
        ("", "'': not a URL; write http://host:8080/"),
        ("reprot", "'reprot': not a URL; write http://reprot"),
        ("ftp://h/", "'ftp://h/': ftp:// is not spoken here; write http:// or https://"),
        ("http://", "'http://': the host is missing; write http://host:8080/"),
        ("http:///x", "'http:///x': the host is missing; write http://host:8080/"),
        ("http://h:x/", f"'http://h:x/': {MALFORMED}"),
        ("http://h:70000/", f"'http://h:70000/': {MALFORMED}"),
        ("http://h:0/", f"'http://h:0/': {MALFORMED}"),
        ("http://h:/", f"'http://h:/': {MALFORMED}"),
        ("http://[::1", f"'http://[::1': {MALFORMED}"),
        ("http://[fe80::1%25eth0]/", f"'http://[fe80::1%25eth0]/': {MALFORMED}"),
        (
            "http://user:secret@h/",
            "'http://…@h/': credentials do not belong in a URL; send them with "
            "-H 'Authorization: …'",
        ),
        ("http://h/#top", "'http://h/#top': a fragment (#…) is never sent; leave it out"),
        ("http://h/a b", f"'http://h/a b': {ASCII}"),
        ("http://h/\r\nX: y", f"'http://h/\\r\\nX: y': {ASCII}"),
        ("unix:", f"'unix:': {SOCKET}"),
        ("unix:/run/a.sock:", f"'unix:/run/a.sock:': {SOCKET}"),
        ("unix://run/a.sock", f"'unix://run/a.sock': {SOCKET}"),
        ("unix:/a.sock:/#x", "'unix:/a.sock:/#x': a fragment (#…) is never sent; leave it out"),
        (
            "unix:/" + "a" * 107,
            f"'unix:/{'a' * 51}…': a socket's path has at most 107 bytes",
        ),
        ("http://h/é", f"'http://h/é': {ASCII}"),
    ],
)
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_url(text, "target")
    assert str(caught.value) == f"target {line}"
