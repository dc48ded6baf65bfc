"""Probes: what is watched beside the load, named and checked here, carried out by probe/."""

from dataclasses import dataclass, field

from velroload.errors import ConfigError
from velroload.plan.jsonpath import check_path
from velroload.plan.slots import check_name

KINDS = (
    "prometheus",
    "json",
    "postgres",
    "redis",
    "process",
    "agent",
    "cache_header",
)
WITH_VALUES = {"prometheus": "metrics", "json": "values", "cache_header": "map"}
"""Kinds that need pairs → the pairs' key in a plan."""
CACHE_WORDS = ("hit", "miss", "L1", "L2", "L3")
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
    token: what an agent asks for. timeout_ns: how long one answer may take.
    """

    name: str
    kind: str
    where: str = field(default="", repr=False)
    values: tuple[tuple[str, str], ...] = ()
    token: str | None = field(default=None, repr=False)
    timeout_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        check_name("probe", self.name)
        noun = f"probe {self.name}"
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
        for name, value in self.values:
            if self.kind == "json":
                check_path(f"{noun}: {name}", value)
            if self.kind == "cache_header" and value not in CACHE_WORDS:
                raise ConfigError(f"{noun}: {value!r} is not one of {', '.join(CACHE_WORDS)}")
        if self.timeout_ns <= 0:
            raise ConfigError(f"{noun}: timeout: more than 0 is needed")
