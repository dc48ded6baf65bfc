"""How connections are opened, used and closed; a part of the plan."""

import ipaddress
import re
from dataclasses import dataclass

from velroload.errors import ConfigError

_CONNECT_TO = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*):([0-9]*):(\[[^\[\]]*\]|[^:\[\]]*):([0-9]*)")

SOURCES_MAX = 4096
"""More local addresses than that are a mistyped network."""


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """Connections to host:port go to to_host:to_port instead; headers stay (curl's --connect-to).

    None for host or port means any, None for to_host or to_port the one that was asked for.
    """

    host: str | None
    port: int | None
    to_host: str | None
    to_port: int | None

    @classmethod
    def parse(cls, text: str) -> "ConnectTo":
        """ "HOST:PORT:ADDR:PORT", curl's; any of the four may be empty, IPv6 stands in brackets."""
        match = _CONNECT_TO.fullmatch(text)
        if match is None:
            raise ConfigError("write HOST:PORT:ADDR:PORT, such as h:80:127.0.0.1:8080")
        host, port, to_host, to_port = match.groups()
        for number in (port, to_port):
            if number and not 0 < int(number) < 65_536:
                raise ConfigError(f"{number} is no port; write 1 to 65535")
        return cls(
            host.strip("[]").lower() or None,
            int(port) if port else None,
            to_host.strip("[]") or None,
            int(to_port) if to_port else None,
        )

    def applies(self, host: str, port: int) -> bool:
        """True when this rule speaks of host:port."""
        return self.host in (None, host.lower()) and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class Connecting:
    """keep_alive False: a connection for each request, which says so (Connection: close).

    requests_max: requests of one connection before it is closed. warm: all connections are open
    before the first request. retry: an idempotent request on a reused connection that the server
    closed before a byte of the answer is sent once more. reset_at_end: connections end by RST and
    leave no TIME_WAIT. family: 4 or 6, the only addresses of names that are used. sources: local
    addresses to connect from, in turn.
    """

    keep_alive: bool = True
    requests_max: int | None = None
    warm: bool = False
    retry: bool = True
    reset_at_end: bool = False
    family: int | None = None
    connect_to: tuple[ConnectTo, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.requests_max is not None and self.requests_max < 1:
            raise ConfigError(
                f"requests per connection is {self.requests_max}: at least 1 is needed"
            )
        if not self.keep_alive:
            for name, given in (("requests per connection", self.requests_max is not None),
                                ("warm connections", self.warm)):  # fmt: skip
                if given:
                    raise ConfigError(
                        f"{name} without keep-alive: each connection carries one request; "
                        "leave one of the two out"
                    )
        if self.family not in (None, 4, 6):
            raise ConfigError(f"family is {self.family}: write 4 or 6")
        if len(self.sources) > SOURCES_MAX:
            raise ConfigError(
                f"{len(self.sources):,} sources: at most {SOURCES_MAX:,} are possible"
            )
        for source in self.sources:
            _check_source(source)

    def place(self, host: str, port: int) -> tuple[str, int]:
        """Where connections to host:port go: the first rule that speaks of it counts."""
        for rule in self.connect_to:
            if rule.applies(host, port):
                return rule.to_host or host, rule.to_port or port
        return host, port


def _check_source(source: str) -> None:
    try:
        ipaddress.ip_address(source)
    except ValueError:
        raise ConfigError(f"source {source!r}: not an IP address") from None


def parse_sources(text: str) -> tuple[str, ...]:
    """ "127.0.0.2,127.0.0.3" or "127.0.1.0/24": local addresses, each once."""
    found: dict[str, None] = {}
    for part in text.split(","):
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            why = "write addresses or a network, such as 127.0.0.2,127.0.0.3 or 127.0.1.0/24"
            if "host bits" in str(error):
                why = f"{part} is no network; write {ipaddress.ip_network(part, strict=False)}"
            raise ConfigError(why) from None
        if len(found) + network.num_addresses > SOURCES_MAX + 2:
            raise ConfigError(f"at most {SOURCES_MAX:,} addresses are possible")
        found |= dict.fromkeys(str(address) for address in network.hosts())
    return tuple(found)
