"""URLs taken apart, and addresses as rows of the core: used for a real connection."""

import socket
import struct

import pytest

from velroload.protocol.address import Target, pack_address, pack_sources


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h", Target("http", "h", 80, "h", "")),
        ("http://h:8080/a/b", Target("http", "h", 8080, "h:8080", "/a/b")),
        ("http://[::1]:9/", Target("http", "::1", 9, "[::1]:9", "/")),
        ("unix:/run/a.sock", Target("unix", "/run/a.sock", 0, "localhost", "")),
        ("http://H.Example", Target("http", "h.example", 80, "H.Example", "")),
    ],
)
def test_target(url: str, target: Target) -> None:
    assert Target.of(url) == target


def test_ipv4_row() -> None:
    family, length, raw = struct.unpack("=HH124s", pack_address("127.0.0.1", 8080))
    assert (family, length) == (socket.AF_INET, 16)
    assert raw == (
        struct.pack("=H", socket.AF_INET) + b"\x1f\x90" + bytes([127, 0, 0, 1]) + bytes(116)
    )


@pytest.mark.parametrize(("address", "scope"), [("fe80::1", 0), ("fe80::1%7", 7)])
def test_ipv6_row(address: str, scope: int) -> None:
    family, length, raw = struct.unpack("=HH124s", pack_address(address, 80))
    assert (family, length) == (socket.AF_INET6, 28)
    packed = socket.inet_pton(socket.AF_INET6, "fe80::1")
    assert raw == (
        struct.pack("=H", socket.AF_INET6)
        + b"\x00\x50"
        + bytes(4)
        + packed
        + struct.pack("=I", scope)
        + bytes(96)
    )


def test_a_scope_may_be_the_name_of_an_interface() -> None:
    index, name = socket.if_nameindex()[0]
    assert pack_address(f"fe80::1%{name}", 80) == pack_address(f"fe80::1%{index}", 80)
    with pytest.raises(ValueError, match=r"^fe80::1%none: no interface none$"):
        pack_address("fe80::1%none", 80)


def test_unix_row() -> None:
    family, length, raw = struct.unpack("=HH124s", pack_address("unix:/run/a.sock", 0))
    assert (family, length) == (socket.AF_UNIX, 2 + 11 + 1)
    assert raw == struct.pack("=H", socket.AF_UNIX) + b"/run/a.sock" + bytes(111)
    pack_address("unix:" + "a" * 107, 0)
    for path in ("", "a" * 108):
        with pytest.raises(ValueError, match=r"a socket's path has 1 to 107 bytes$"):
            pack_address(f"unix:{path}", 0)


def test_sources_stand_by_family() -> None:
    rows, v4 = pack_sources(("::1", "127.0.0.2", "127.0.0.3"))
    expected = [pack_address(host, 0) for host in ("127.0.0.2", "127.0.0.3", "::1")]
    assert (rows, v4) == (b"".join(expected), 2)


@pytest.mark.parametrize("address", ["localhost", "", "1.2.3", "127.0.0.1:80"])
def test_anything_but_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear to be an IPv4 or IPv6 address$"):
        pack_address(address, 80)
