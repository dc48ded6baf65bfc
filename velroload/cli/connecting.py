"""Flags that say how connections are made: --no-keepalive, --connect-to, --source and the like."""

from typing import TYPE_CHECKING

from velroload.cli.values import Values, more_than_nothing, refusal
from velroload.errors import ConfigError
from velroload.units import parse_count

if TYPE_CHECKING:
    from velroload.plan.connecting import Connecting, ConnectTo
    from velroload.plan.model import Plan


def make_connecting(values: Values, plan: "Plan") -> "Connecting":
    """What the flags ask of connections, the plan's own otherwise. ConfigError, one line."""
    from dataclasses import replace

    from velroload.plan.model import EMBEDDED

    known = plan.connecting
    if plan.target == EMBEDDED:
        for flag in ("connect_to", "ipv4", "ipv6"):
            if values.has(flag):
                raise ConfigError(f"{values.noun(flag)}: the embedded target has an address of its "
                                  "own; name a URL")  # fmt: skip
    keep_alive = known.keep_alive and not values.yes("no_keepalive")
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
    requests_max = values.one("requests_per_connection", more_than_nothing(parse_count))
    return replace(
        known,
        keep_alive=keep_alive,
        requests_max=requests_max or known.requests_max,
        warm=known.warm or values.yes("warm_connections"),
        retry=known.retry and not values.yes("no_retry"),
        reset_at_end=known.reset_at_end or values.yes("reset_at_end"),
        family=family_of(values) or known.family,
        connect_to=(*values.each("connect_to", read_connect_to), *known.connect_to),
        sources=values.one("source", read_sources) or known.sources,
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

    try:
        return ConnectTo.parse(text)
    except ConfigError as error:
        raise refusal(noun, text, str(error)) from None


def read_sources(text: str, noun: str) -> tuple[str, ...]:
    """ "127.0.0.2,127.0.0.3" or "127.0.1.0/24": local addresses, each once."""
    from velroload.plan.connecting import parse_sources

    try:
        return parse_sources(text)
    except ConfigError as error:
        raise refusal(noun, text, str(error)) from None
