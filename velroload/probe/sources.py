"""From a plan's probes to what is asked once a second."""

import ssl
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from velroload.errors import ConfigError
from velroload.plan.probe import Probe
from velroload.probe.postgres import PostgresSource
from velroload.probe.processes import ProcessSource
from velroload.probe.redis_server import RedisSource
from velroload.probe.source import Source
from velroload.probe.web import AgentSource, JsonSource, PrometheusSource

WEB: dict[str, Callable[[Probe, ssl.SSLContext | None], Source]] = {
    "prometheus": PrometheusSource,
    "json": JsonSource,
    "agent": AgentSource,
}
OTHERS: dict[str, Callable[[Probe], Source]] = {
    "postgres": PostgresSource,
    "redis": RedisSource,
    "process": ProcessSource,
}
NEEDS = {"postgres": "asyncpg", "redis": "redis"}
"""Kinds whose packages are not in the base install (extra `probes`)."""


def make_sources(
    probes: Sequence[Probe], context: Callable[[], ssl.SSLContext] | None = None
) -> list[Source]:
    """What the probes ask, in their order; a cache_header is no source: answers tell it.

    ConfigError when a package is missing. `context` makes the TLS context of https URLs.
    """
    require_packages(probes)
    return [make_source(probe, context) for probe in probes if probe.kind in {**WEB, **OTHERS}]


def make_source(probe: Probe, context: Callable[[], ssl.SSLContext] | None) -> Source:
    """One of them."""
    if probe.kind in WEB:
        tls = context() if context is not None and probe.where.startswith("https:") else None
        return WEB[probe.kind](probe, tls)
    return OTHERS[probe.kind](probe)


def require_packages(probes: Sequence[Probe]) -> None:
    """ConfigError for a probe whose package is not installed."""
    for probe in probes:
        package = NEEDS.get(probe.kind)
        if package is not None and find_spec(package) is None:
            raise ConfigError(
                f"probe {probe.name}: {probe.kind} needs the package {package}: "
                "pip install 'velroload[probes]'"
            )
