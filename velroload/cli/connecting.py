"""Flags that say how connections are made: --no-keepalive, --connect-to, --source and the like."""

import re
from typing import TYPE_CHECKING

from velroload.cli.values import Values, more_than_nothing, refusal
from velroload.errors import ConfigError
from velroload.units import parse_count

if TYPE_CHECKING:
    from velroload.plan.connecting import Connecting, ConnectTo

CONNECT_TO = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*):([0-9]*):(\[[^\[\]]*\]|[^:\[\]]*):([0-9]*)")


def make_connecting(values: Values) -> "Connecting":
    """What the flags ask of connections. ConfigError, one line, for every mistake."""
    from velroload.plan.connecting import Connecting

    if not values.has("target"):
        for flag in ("connect_to", "ipv4", "ipv6"):
            if values.has(flag):
                raise ConfigError(f"{values.noun(flag)}: the embedded target has an address of its "
                                  "own; name a URL")  # fmt: skip
    keep_alive = not values.yes("no_keepalive")
    if not keep_alive:
        for flag, given in (
            ("requests_per_connection", values.has("requests_per_connection")),
            ("warm_connections", values.yes("warm_connections")),
        ):
            if given:
                raise ConfigError(
                    f"{values.noun('no_keepalive')} and {values.noun(flag)} exclude each other: "
                    "each connection carries one request"
                )
    return Connecting(
        keep_alive=keep_alive,
        requests_max=values.one("requests_per_connection", more_than_nothing(parse_count)),
        warm=values.yes("warm_connections"),
        retry=not values.yes("no_retry"),
        reset_at_end=values.yes("reset_at_end"),
        family=family_of(values),
        connect_to=tuple(values.each("connect_to", read_connect_to)),
        sources=values.one("source", read_sources) or (),
    )


def family_of(values: Values) -> int | None:
    """4, 6, or None for both."""
    if values.yes("ipv4") and values.yes("ipv6"):
        raise ConfigError(
            f"{values.noun('ipv4')} and {values.noun('ipv6')} exclude each other: "
            "without them both are used"
        )
    return 4 if values.yes("ipv4") else 6 if values.yes("ipv6") else None


def read_connect_to(text: str, noun: str) -> "ConnectTo":
    """ "HOST:PORT:ADDR:PORT", curl's; any of the four may be empty, IPv6 stands in brackets."""
    from velroload.plan.connecting import ConnectTo

    match = CONNECT_TO.fullmatch(text)
    if match is None:
        raise refusal(noun, text, "write HOST:PORT:ADDR:PORT, such as h:80:127.0.0.1:8080")
    host, port, to_host, to_port = match.groups()
    for number in (port, to_port):
        if number and not 0 < int(number) < 65_536:
            raise refusal(noun, text, f"{number} is no port; write 1 to 65535")
    return ConnectTo(
        host.strip("[]").lower() or None,
        int(port) if port else None,
        to_host.strip("[]") or None,
        int(to_port) if to_port else None,
    )


def read_sources(text: str, noun: str) -> tuple[str, ...]:
    """ "127.0.0.2,127.0.0.3" or "127.0.1.0/24": local addresses, each once."""
    import ipaddress

    from velroload.plan.connecting import SOURCES_MAX

    found: dict[str, None] = {}
    for part in text.split(","):
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            why = "write addresses or a network, such as 127.0.0.2,127.0.0.3 or 127.0.1.0/24"
            if "host bits" in str(error):
                why = f"{part} is no network; write {ipaddress.ip_network(part, strict=False)}"
            raise refusal(noun, text, why) from None
        if len(found) + network.num_addresses > SOURCES_MAX + 2:
            raise refusal(noun, text, f"at most {SOURCES_MAX:,} addresses are possible")
        found |= dict.fromkeys(str(address) for address in network.hosts())
    return tuple(found)
