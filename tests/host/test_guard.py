"""Which addresses are free, which need consent, which are never loaded. No network."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.host.guard import (
    Decision,
    Standing,
    decide,
    judge,
    memory_path,
    recall,
    remember,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
    ],
)  # fmt: skip
def test_loopback_and_private_are_free(address: str) -> None:
    assert judge(address) == (Standing.FREE, "")


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.7", "198.51.100.1", "192.0.2.1", "8.8.8.8", "172.15.0.1", "172.32.0.1",
        "192.169.0.1", "11.0.0.1", "100.64.0.1", "198.18.0.1", "2001:db8::1", "::ffff:203.0.113.7",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1",
    ],
)  # fmt: skip
def test_everything_else_is_asked_for(address: str) -> None:
    assert judge(address) == (Standing.ASK, "")


UNSPECIFIED = "is unspecified; write 127.0.0.1 for this machine"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("0.0.0.0", UNSPECIFIED),
        ("0.1.2.3", UNSPECIFIED),
        ("::", UNSPECIFIED),
        ("::ffff:0.0.0.0", UNSPECIFIED),
        ("169.254.169.254", "is link-local"),
        ("::ffff:169.254.169.254", "is link-local"),
        ("fe80::1%eth0", "is link-local"),
        ("224.0.0.1", "is multicast"),
        ("239.255.255.250", "is multicast"),
        ("ff02::1", "is multicast"),
        ("255.255.255.255", "is reserved or broadcast"),
        ("240.0.0.1", "is reserved or broadcast"),
    ],
)
def test_no_single_machine_is_never_loaded(address: str, why: str) -> None:
    assert judge(address) == (Standing.NEVER, why)
    assert decide("h", [address], ["h", address], [("h", address)]).standing is Standing.NEVER


def test_no_address() -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        judge("example.com")


def test_a_name_is_as_strict_as_its_strictest_address() -> None:
    assert decide("h", ["127.0.0.1", "::1"]) == Decision(Standing.FREE)
    assert decide("h", ["127.0.0.1", "203.0.113.7"]) == Decision(Standing.ASK, ("203.0.113.7",))
    assert decide("h", ["203.0.113.7", "fe80::1"]) == Decision(
        Standing.NEVER, ("fe80::1",), "is link-local"
    )


@pytest.mark.parametrize("allowed", ["Example.com", "example.com.", "203.0.113.7"])
def test_consent_by_name_or_address(allowed: str) -> None:
    decision = decide("example.COM", ["203.0.113.7"], [allowed])
    assert decision == Decision(Standing.CONSENTED, ("203.0.113.7",))


def test_consent_for_another_host_is_none() -> None:
    assert decide("example.com", ["203.0.113.7"], ["ple.com", "*"]).standing is Standing.ASK


def test_consent_for_one_of_two_addresses_is_not_enough() -> None:
    both = ["203.0.113.7", "203.0.113.8"]
    remembered = [("h", "203.0.113.7")]
    assert decide("h", both, ["203.0.113.7"]) == Decision(Standing.ASK, ("203.0.113.8",))
    assert decide("h", both, (), remembered) == Decision(Standing.ASK, ("203.0.113.8",))
    assert decide("other", ["203.0.113.7"], (), remembered).standing is Standing.ASK


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=4))
def test_free_only_when_every_address_is(addresses: list[str]) -> None:
    standings = {judge(address)[0] for address in addresses}
    assert (decide("h", addresses).standing is Standing.FREE) == (standings == {Standing.FREE})
    never = Standing.NEVER in standings
    assert (decide("h", addresses, ["h"]).standing is Standing.NEVER) == never


def test_memory(tmp_path: Path) -> None:
    path = memory_path({"XDG_STATE_HOME": str(tmp_path / "state")})
    assert path == tmp_path / "state/velroload/consented_hosts"
    assert recall(path) == frozenset()
    remember(path, "Example.com.", ["203.0.113.7", "2001:db8::1"])
    remember(path, "[2001:db8::1]", ["2001:db8::1"])
    assert path.read_text() == (
        "example.com 203.0.113.7\nexample.com 2001:db8::1\n2001:db8::1 2001:db8::1\n"
    )
    assert ("example.com", "203.0.113.7") in recall(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_lines_that_are_no_pair_count_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "consented_hosts"
    path.write_bytes(b"\xff\xfe\n\na b c\nalone\nh 203.0.113.7\n")
    assert recall(path) == {("h", "203.0.113.7")}


def test_where_the_memory_is() -> None:
    home = {"HOME": "/somewhere"}
    expected = Path("/somewhere/.local/state/velroload/consented_hosts")
    assert memory_path(home) == expected
    assert memory_path({**home, "XDG_STATE_HOME": "relative"}) == expected
