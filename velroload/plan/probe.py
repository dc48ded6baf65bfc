"""Probes: what is watched beside the load, named and checked here, carried out by probe/."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from velroload.errors import ConfigError
from velroload.plan.jsonpath import check_path
from velroload.plan.metric import parse_metric
from velroload.plan.slots import check_name

CACHE_HEADER = "cache_header"
KINDS = (
    "prometheus",
    "json",
    "postgres",
    "redis",
    "process",
    "agent",
    CACHE_HEADER,
)
WITH_VALUES = {"prometheus": "metrics", "json": "values", "cache_header": "map"}
"""Kinds that need pairs → the pairs' key in a plan."""
CACHE_WORDS = ("hit", "miss", "L1", "L2", "L3")
CACHE_LETTERS = 64
"""A header's value may be this long."""
GENERATOR = "generator"
"""The probe that is always there: this machine."""
ROLES = (
    "cpu_share", "memory_share", "memory_bytes", "open_connections", "db_connections", "db_in_use",
    "db_waiting", "db_max", "l1_hits", "l1_misses", "l2_hits", "l2_misses", "l3_hits",
    "authz_hits", "authz_misses", "redis_hits", "redis_misses", "rate_limited",
    "process_cpu_share",
)  # fmt: skip
"""What analysis looks for, whatever a service calls it."""
BREAKER = "breaker_"
"""A role too, with the breaker's name behind it: 0 closed, 1 half-open, 2 open."""
WITH_ROLES = ("prometheus", "json")
"""Kinds whose values have the roles that a plan gives them; the others' have their own."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_URLS = {
    "prometheus": ("http://", "https://"),
    "json": ("http://", "https://"),
    "agent": ("http://", "https://"),
    "postgres": ("postgres://", "postgresql://"),
    "redis": ("redis://", "rediss://"),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to watch, once a second.

    kind           where                     values: name →
    prometheus     URL of a text exposition  metric, with labels where wanted: up{job="a"}
    json           URL of a document         JSON path of a number
    postgres       connection URL            –
    redis          connection URL            –
    process        pid:N or port:N           – (a process of this machine)
    agent          URL of velroload agent    –
    cache_header   name of a header          its value → hit | miss | L1 | L2 | L3
    token: what an agent asks for. timeout_ns: how long one answer may take. roles: which of the
    values analysis takes for what, (role, name).
    """

    name: str
    kind: str
    where: str = field(default="", repr=False)
    values: tuple[tuple[str, str], ...] = ()
    token: str | None = field(default=None, repr=False)
    timeout_ns: int = 1_000_000_000
    roles: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_name("probe", self.name)
        noun = f"probe {self.name}"
        if self.name == GENERATOR:
            raise ConfigError(f"{noun}: that is this machine's own; give it another name")
        if self.kind not in KINDS:
            raise ConfigError(f"{noun}: {self.kind!r} is not one of {', '.join(KINDS)}")
        starts = _URLS.get(self.kind)
        if starts is not None and not self.where.startswith(starts):
            raise ConfigError(f"{noun}: a URL is needed that begins with {' or '.join(starts)}")
        if (self.kind in WITH_VALUES) != bool(self.values):
            raise ConfigError(
                f"{noun}: {self.kind} needs {WITH_VALUES[self.kind]}: what to read"
                if self.kind in WITH_VALUES
                else f"{noun}: {self.kind} takes no values"
            )
        if self.token is not None and self.kind != "agent":
            raise ConfigError(f"{noun}: token: only an agent asks for one")
        if self.timeout_ns <= 0:
            raise ConfigError(f"{noun}: timeout: more than 0 is needed")
        for name, value in self.values:
            self._check_value(noun, name, value)
        if self.kind == CACHE_HEADER and not _HEADER.fullmatch(self.where):
            raise ConfigError(f"{noun}: {self.where!r} is no name of a header")
        self._check_roles(noun)

    def _check_value(self, noun: str, name: str, value: str) -> None:
        if self.kind == CACHE_HEADER:
            if value not in CACHE_WORDS:
                raise ConfigError(f"{noun}: {value!r} is not one of {', '.join(CACHE_WORDS)}")
            if not (name.isascii() and name.isprintable() and 0 < len(name) <= CACHE_LETTERS):
                raise ConfigError(
                    f"{noun}: {name!r}: a value of up to {CACHE_LETTERS} ASCII letters is needed"
                )
            return
        check_name(f"{noun}: value", name)
        if self.kind == "json":
            check_path(f"{noun}: {name}", value)
            return
        try:
            parse_metric(value)
        except ConfigError as error:
            raise ConfigError(f"{noun}: {name}: {error}") from None

    def _check_roles(self, noun: str) -> None:
        if self.roles and self.kind not in WITH_ROLES:
            raise ConfigError(f"{noun}: roles: go with {' and '.join(WITH_ROLES)} only")
        names = [name for name, _ in self.values]
        for role, name in self.roles:
            if role not in ROLES and not (role.startswith(BREAKER) and len(role) > len(BREAKER)):
                raise ConfigError(
                    f"{noun}: roles: {role!r} is not one of {', '.join(ROLES)}, {BREAKER}NAME"
                )
            if name not in names:
                raise ConfigError(
                    f"{noun}: roles: {role}: there is no value {name!r}; it has {', '.join(names)}"
                )


def cache_headers(probes: Sequence[Probe]) -> tuple[str, ...]:
    """Names of the headers that tell of the cache, in lower case."""
    found = (probe.where.lower() for probe in probes if probe.kind == CACHE_HEADER)
    return tuple(dict.fromkeys(found))
