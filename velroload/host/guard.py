"""May this host be loaded? A pure decision over the addresses that will really be connected to.

Loopback and private addresses are free. A public one needs consent: given by name (--allow-host,
a plan's allow_hosts), or given before and remembered with its address, as ssh does. Addresses that
name no single machine (link-local, multicast, unspecified, broadcast, reserved) are never loaded.
An IPv4-mapped IPv6 address is judged as the IPv4 address that it is.
"""

import ipaddress
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FREE = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7"),
    )
)
"""Loopback (RFC 1122, 4291) and private use (RFC 1918, 4193)."""

NEVER: dict[str, tuple[Network, ...]] = {
    "is unspecified; write 127.0.0.1 for this machine": (
        ipaddress.ip_network("0.0.0.0/8"),
        ipaddress.ip_network("::/128"),
    ),
    "is link-local": (
        ipaddress.ip_network("169.254.0.0/16"),
        ipaddress.ip_network("fe80::/10"),
    ),
    "is multicast": (
        ipaddress.ip_network("224.0.0.0/4"),
        ipaddress.ip_network("ff00::/8"),
    ),
    "is reserved or broadcast": (ipaddress.ip_network("240.0.0.0/4"),),
}
"""Why → the networks that are never loaded, consent or not."""


class Standing(Enum):
    """What holds for one address, or for a host with all its addresses."""

    FREE = "free"
    CONSENTED = "consented"
    ASK = "ask"
    NEVER = "never"


@dataclass(frozen=True)
class Decision:
    """The standing of a host; `addresses` are those it is due to, `why` is set for NEVER."""

    standing: Standing
    addresses: tuple[str, ...] = ()
    why: str = ""


def bare(address: str) -> Address:
    """The machine an address means: IPv4-mapped unwrapped (the kernel does), scope cut off.

    ValueError when the text is no address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return inner or found


def judge(address: str) -> tuple[Standing, str]:
    """FREE, ASK, or NEVER with why, for one address. ValueError when the text is no address."""
    found = bare(address)
    for why, networks in NEVER.items():
        if any(found in network for network in networks):
            return Standing.NEVER, why
    if any(found in network for network in FREE):
        return Standing.FREE, ""
    return Standing.ASK, ""


def decide(
    host: str,
    addresses: Sequence[str],
    allowed: Iterable[str] = (),
    remembered: Collection[tuple[str, str]] = (),
) -> Decision:
    """The standing of `host` whose name resolved to `addresses`: that of its strictest address.

    `allowed` are hosts consented to by name or address; `remembered` pairs of host and address.
    """
    judged = {address: judge(address) for address in addresses}
    for address, (standing, why) in judged.items():
        if standing is Standing.NEVER:
            return Decision(Standing.NEVER, (address,), why)
    public = tuple(a for a, (standing, _) in judged.items() if standing is Standing.ASK)
    if not public:
        return Decision(Standing.FREE)
    names = {folded(name) for name in allowed}
    pairs = {(folded(name), address) for name, address in remembered}
    unknown = tuple(
        address
        for address in public
        if folded(host) not in names
        and folded(address) not in names
        and (folded(host), address) not in pairs
    )
    return Decision(Standing.ASK, unknown) if unknown else Decision(Standing.CONSENTED, public)


def folded(host: str) -> str:
    """A host as it is compared: case, brackets and a last dot do not matter."""
    return host.strip("[]").rstrip(".").lower()


def memory_path(environ: Mapping[str, str]) -> Path:
    """The file of remembered consents, one "host address" a line."""
    state = environ.get("XDG_STATE_HOME", "")
    root = Path(state) if state.startswith("/") else Path(environ.get("HOME", "~"), ".local/state")
    return root.expanduser() / "velroload" / "consented_hosts"


def recall(path: Path) -> frozenset[tuple[str, str]]:
    """The remembered pairs; lines that are no pair count for nothing, a missing file is empty."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    words = (line.split() for line in lines)
    return frozenset((pair[0], pair[1]) for pair in words if len(pair) == 2)


def remember(path: Path, host: str, addresses: Iterable[str]) -> None:
    """Append the pairs to the file, which only its owner may read. OSError when that fails."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(f"{folded(host)} {address}\n" for address in addresses))
