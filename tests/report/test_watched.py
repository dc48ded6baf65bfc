"""What was watched, as lines and as JSON."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema

from tests.reference.rundata import build, steady
from velroload.analysis.analyse import analyse
from velroload.analysis.result import Result
from velroload.analysis.watching import (
    BreakerChange,
    CacheUse,
    HitRate,
    Level,
    ProbeHealth,
    Watched,
)
from velroload.report.as_json import SCHEMA, document
from velroload.report.table import plain
from velroload.report.watched import watched_lines

FULL = Watched(
    levels={
        "cpu_share": Level("box.cpu_share", 60, 0.5, 0.7, 0.71, 0.94),
        "memory_share": Level("box.memory_share", 60, 0.4, 0.4, 0.4, 0.4),
        "db_connections": Level("db.connections", 60, 47, 180, 170.0, 204),
        "open_connections": Level("m.open", 60, 1312, 1312, 1312, 1312),
    },
    over={"cpu_share": 0.25, "memory_share": 0.0},
    cache=CacheUse(unknown=3, miss=0, hit=0, l1=960, l2=30, l3=10),
    counted={"authorization": HitRate("m", 99, 100)},
    breakers=(BreakerChange("db\x1b", 3 * 10**9, "open"), BreakerChange("db", 4, "closed")),
    probes=(ProbeHealth("gone", "json", 0, "connection refused\x1b"),
            ProbeHealth("well", "json", 60, None)),
    why={"access": "nobody told"},
)  # fmt: skip


def result(watched: Watched | None) -> Result:
    return replace(analyse(build([steady(10, 2.0)], 2.0)), watched=watched)


def test_all_of_it() -> None:
    lines = watched_lines(result(FULL), True, plain)
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(" ".join(lines).split()) == (
        "target CPU 71 %, at most 94 %, 25 % of the time over 80 % · memory 40 %, at most 40 %, "
        "0 % of the time over 85 % · database connections 180 to 204 · open connections of the "
        "target 1,312 "
        "cache 99 % of 1,000 answers hit, 3 unknown · L1 96 % · L2 75 % · authorization by its "
        "counters 99 % of 100 breakers 1 × opened: db\\x1b at 3 s probe gone was read 0 times: "
        "connection refused\\x1b"
    )


def test_without_v_only_what_is_wrong() -> None:
    assert [line.split()[0] for line in watched_lines(result(FULL), False, plain)] == [
        "breakers", "probe",
    ]  # fmt: skip
    assert watched_lines(result(Watched()), True, plain) == []
    assert watched_lines(result(None), True, plain) == []


def test_the_document_keeps_to_its_schema() -> None:
    schema = json.loads(Path(SCHEMA).read_text())
    for watched in (FULL, Watched(), None):
        found = document(result(watched))
        jsonschema.validate(found, schema)
        json.dumps(found, allow_nan=False)
    told = document(result(FULL))["watched"]
    assert told["cache"]["hit_rate"] == 0.99
    assert told["cache"]["layers"]["L2"] == {
        "source": "answers", "hits": 30, "asked": 40, "hit_rate": 0.75,
    }  # fmt: skip
    assert told["levels"]["db_connections"]["maximum"] == 204
    assert told["why"] == {"access": "nobody told"}
