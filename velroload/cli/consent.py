"""The host guard as a conversation: decide, ask once on a terminal, remember."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from velroload.errors import ConfigError


class Asker(Protocol):
    """The part of the Ui that is needed here."""

    def say(self, line: str) -> None: ...
    def confirm(self, question: str) -> bool: ...


def require_consent(
    host: str,
    addresses: Sequence[str],
    load: str,
    ui: Asker,
    *,
    allowed: Iterable[str] = (),
    environ: Mapping[str, str],
) -> None:
    """Return when `host` at exactly these addresses may be loaded, else ConfigError.

    `load` says how much in the question ("5,000/s for 30 s"). A yes is remembered.
    """
    from velroload.host import guard

    path = guard.memory_path(environ)
    decision = guard.decide(host, addresses, allowed, guard.recall(path))
    place = named(host, decision.addresses)
    if decision.standing is guard.Standing.NEVER:
        raise ConfigError(f"{place} {decision.why}: it is never loaded")
    if decision.standing is not guard.Standing.ASK:
        return
    if not ui.confirm(f"{place} is public: {load}?"):
        raise ConfigError(
            f"{place} is public and there is no consent to load it: "
            f"nothing was sent; give it with --allow-host {host}"
        )
    try:
        guard.remember(path, host, decision.addresses)
    except OSError as error:
        ui.say(f"not remembered: {path}: {(error.strerror or str(error)).lower()}")


def named(host: str, addresses: Sequence[str]) -> str:
    """ "example.com (203.0.113.7)", or the address alone when that is what was typed."""
    listed = ", ".join(addresses)
    return listed if host.strip("[]") == listed else f"{host} ({listed})"
