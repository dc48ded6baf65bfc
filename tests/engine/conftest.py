"""Real jobs for real worker processes, against a server of this process."""

from collections.abc import Callable, Iterator

import pytest

from tests.rig import iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from velroload.engine.workers import Job
from velroload.plan.model import Load
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import compile_program
from velroload.runner.jobs import Work, make_jobs

JobsFor = Callable[..., list[Job]]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(respond()) as server:
        yield server


@pytest.fixture
def jobs_for(server: ScriptedServer) -> JobsFor:
    """(load, workers) → a job per worker; none is pinned, the test's own threads need the CPUs."""

    def jobs(load: Load | None = None, workers: int = 1) -> list[Job]:
        plan = plan_for(server.url, load or iterations(20, users=2))
        target = Target.of(server.url)
        program = compile_program(plan, target, pack_address(target.host, target.port))
        made = make_jobs(Work.of(plan), program, [0] * workers, spin=False)
        for job in made:
            job.settings["cpu"] = None
        return made

    return jobs
