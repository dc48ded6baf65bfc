"""`probes`: what is watched beside the load."""

import re
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.document.kinds import (
    SECRET,
    Either,
    Given,
    Key,
    Named,
    Table,
    Value,
    words,
)
from velroload.plan.document.readers import COUNT, DURATION
from velroload.plan.probe import CACHE_WORDS, KINDS, WITH_VALUES, Probe


def _process(given: Given) -> str:
    which = given.one_of("pid", "port")
    if which is None:
        raise ConfigError("write pid or port")
    return f"{which}:{given[which]}"


def _pid(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise ConfigError(f"{text!r}: write a process id, or {{port: 8000}}")
    return f"pid:{text}"


def _build(given: Given) -> Probe | None:
    """None where the environment does not name the place: redis: ${REDIS_URL:-}."""
    name = given.at.key.rpartition(".")[2]
    kind = given.one_of(*KINDS)
    if kind is None:
        raise ConfigError(f"write what it is: one of {', '.join(KINDS)}")
    for key in WITH_VALUES.values():
        if key in given and WITH_VALUES.get(kind) != key:
            raise given.refuse(key, f"does not go with {kind}")
    if given[kind] == "":
        return None
    more: dict[str, Any] = given.picked(token="token", timeout_ns="timeout", roles="roles")
    if kind in WITH_VALUES:
        more["values"] = given.get(WITH_VALUES[kind], ())
    return Probe(name, kind, given[kind], **more)


PROBE = Table(
    {
        "prometheus": Key(SECRET, "URL of a Prometheus text exposition."),
        "metrics": Key(Named(Value()), 'Of prometheus: name → metric, up{job="a"}.'),
        "json": Key(SECRET, "URL of a JSON document."),
        "values": Key(Named(Value()), "Of json: name → JSON path of a number."),
        "postgres": Key(SECRET, "Connection URL of a PostgreSQL server."),
        "redis": Key(SECRET, "Connection URL of a Redis server."),
        "process": Key(
            Either(
                value=Value(_pid, {"type": ["integer", "string"]}),
                pairs=Table(
                    {
                        "pid": Key(COUNT, "Its process id."),
                        "port": Key(COUNT, "The TCP port that it listens on."),
                    },
                    _process,
                ),
            ),
            "A process of this machine, by pid or port.",
        ),
        "agent": Key(SECRET, "URL of a `velroload agent` on another machine."),
        "token": Key(SECRET, "Of agent: what it asks for."),
        "cache_header": Key(Value(), "A response header that tells cache hits."),
        "map": Key(Named(words(*CACHE_WORDS)), "Of cache_header: value → hit, miss, L1, L2, L3."),
        "roles": Key(
            Named(Value()), "Of prometheus and json: role → name of the value that fills it."
        ),
        "timeout": Key(DURATION, "How long one answer may take (1s)."),
    },
    _build,
    name="probe",
)
