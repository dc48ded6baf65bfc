"""Data sets over real workers: every row once, its bytes once, and what the end of them means."""

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.launch import CPUS, Launch
from tests.rig import iterations, plan_for
from tests.servers.counting import CountingServer
from tests.servers.scripted import ScriptedServer, read_request, respond
from velroload.engine.workers import Workers
from velroload.plan.data import Data
from velroload.plan.model import Request
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import Program, compile_program
from velroload.runner.jobs import Work, make_jobs

ROWS = 200_000
PLAN = """
target: {url}
data: {{people: {{csv: people.csv, pick: once, at_end: {at_end}}}}}
load: {{users: 4, hold: {hold}}}
flow:
  - GET /a/${{people.id}}: {{name: a, headers: {{X-Mail: "${{people.mail}}"}}}}
"""


def mapped(pid: int, name: str) -> Counter[str]:
    """KiB of a process's mappings of this name, by kind."""
    found: Counter[str] = Counter()
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, _, rest = line.partition(":")
        if "-" in key.split(" ")[0]:
            inside = name in line
        elif inside and rest.endswith(" kB"):
            found[key] += int(rest.split()[0])
    return found


def shared_program(url: str) -> tuple[Program, Work]:
    rows = tuple((str(i), f"user{i}@example.com") for i in range(ROWS))
    data = Data("d", "inline", ("id", "mail"), rows=rows)
    plan = plan_for(url, iterations(20, users=3), (Request("GET", "/${d.id}"),), data=(data,))
    target = Target.of(url)
    return compile_program(plan, target, pack_address(target.host, target.port)), Work.of(plan)


def test_a_row_costs_its_bytes_once_however_many_workers() -> None:
    """The workers map one memory: what they have of it together is its size, and none is theirs."""

    async def live(program: Program, work: Work) -> list[Counter[str]]:
        jobs = make_jobs(work, program, [CPUS[0]] * 3, spin=False)
        workers = Workers(jobs, program.files, program.tables)
        try:
            await workers.start()
            assert all(table.memory.fd < 0 for table in program.tables)
            return [mapped(worker.pid, "velroload-data") for worker in workers.processes]
        finally:
            workers.close()

    with ScriptedServer(respond()) as server:
        program, work = shared_program(server.url)
        (table,) = program.tables
        size = table.size / 1024
        found = asyncio.run(live(program, work))
    assert [abs(each["Rss"] - size) < 8 for each in found] == [True] * 3  # all of it is at hand
    assert abs(sum(each["Pss"] for each in found) - size) < 12
    assert sum(each["Private_Dirty"] + each["Private_Clean"] for each in found) == 0


class Asked:
    """A server that counts what it was asked for."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()

    def __call__(self, connection: Any, number: int) -> None:
        while data := read_request(connection):
            self.paths[data.decode().split(" ")[1]] += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def launched(
    folder: Path, url: str, rows: int, at_end: str, hold: str, workers: int, *words: str
) -> Launch:
    lines = (f"{i},user{i}@example.com\n" for i in range(rows))
    (folder / "people.csv").write_text("id,mail\n" + "".join(lines))
    (folder / "p.yaml").write_text(PLAN.format(url=url.rstrip("/"), at_end=at_end, hold=hold))
    cpus = ",".join(str(CPUS[n % len(CPUS)]) for n in range(workers))
    return Launch(folder, os.fspath(folder / "p.yaml"), "-w", f"cpus:{cpus}", *words)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_row_once_and_then_the_run_ends(tmp_path: Path, workers: int) -> None:
    asked = Asked()
    with (
        ScriptedServer(asked) as server,
        launched(tmp_path, server.url, 501, "stop", "10m", workers) as run,
    ):
        code = run.finish()
    assert asked.paths == {f"/a/{n}": 1 for n in range(501)}
    assert code in (0, 4, 97), run.stderr  # what a busy machine makes of so short a run
    assert run.ledger()["ok"] == 501
    used_up = run.run["end"]["evidence"]["rows_used_up"]
    assert list(used_up) == ["people"]
    assert run.run["plan"]["data"][0]["path"].endswith("people.csv")


def test_the_end_of_rows_makes_a_run_incomplete(tmp_path: Path) -> None:
    with (
        ScriptedServer(respond()) as server,
        launched(tmp_path, server.url, 300, "fail", "10m", 1) as run,
    ):
        assert run.finish() == 4
    assert "INCOMPLETE" in run.stdout
    assert "data people: its 300 rows were used up at " in run.stdout
    assert run.ledger()["ok"] == 300


def test_the_end_of_one_workers_rows_stops_the_other_too(tmp_path: Path) -> None:
    """Who is faster comes to the end of its half, and nobody knows how far the other is then."""
    asked = Asked()
    with (
        ScriptedServer(asked) as server,
        launched(tmp_path, server.url, 300, "fail", "10m", 2) as run,
    ):
        assert run.finish() == 4
    assert "INCOMPLETE" in run.stdout
    (why,) = run.run["end"]["incomplete"]
    said = re.fullmatch(
        r"data people: worker ([01]) \(pid \d+\)'s part of its 300 rows were used up "
        r"at [0-9.]+ s, and at_end is fail",
        why,
    )
    assert said is not None, why
    assert set(asked.paths.values()) == {1}
    assert {f"/a/{n}" for n in range(int(said[1]), 300, 2)} <= set(asked.paths)
    assert run.ledger()["ok"] == len(asked.paths)


def test_too_few_rows_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with CountingServer(tmp_path) as server:
        words = ("--set", "data.people.pick=unique")
        with launched(tmp_path, server.url, 3, "fail", "1s", 1, *words) as run:
            assert run.finish() == 2
        assert "data people: it has 3 row(s), and the run needs 4, for" in run.stderr
        assert server.settled().requests == 0


@pytest.mark.slow
@pytest.mark.timing
def test_the_shipped_plan(tmp_path: Path) -> None:
    """Against the embedded target: every user logs in with an account of its own."""
    plan = Path(__file__).parents[2] / "configs" / "data-driven.yaml"
    words = ("--set", "load.hold=2s", "--set", "load.ramp=1s", "--set", "load.users=8")
    with Launch(tmp_path, os.fspath(plan), *words) as run:
        code = run.finish()
    assert code in (0, 4, 97, 99), run.stderr  # a busy machine is slow, and makes a run SUSPECT
    ledger = run.ledger()
    assert ledger["ok"] == ledger["started"] > 8
