"""PostgreSQL as a source: a real server, one that is stopped, one that hangs, one that is none."""

import asyncio

import asyncpg

from tests.probe.asking import outcomes, refusal
from tests.servers.scripted import ScriptedServer
from tests.servers.services import Services, free_port
from velroload.plan.probe import Probe
from velroload.probe.postgres import FIGURES, ROLES, PostgresSource
from velroload.probe.source import Reading

LONG_NS = 20 * 10**9


def source(url: str, timeout_ns: int = LONG_NS) -> PostgresSource:
    return PostgresSource(Probe("db", "postgres", url, timeout_ns=timeout_ns))


def test_what_it_tells(services: Services) -> None:
    """Against sessions of our own: two idle, one in a transaction, one active and waiting."""

    async def run() -> tuple[Reading, Reading]:
        watched = source(services.database_url)
        before = await watched.read()
        own = [await asyncpg.connect(services.database_url) for _ in range(4)]
        await own[0].execute("CREATE TABLE IF NOT EXISTS probed (n int)")
        held = own[0].transaction()
        await held.start()
        await own[0].execute("LOCK TABLE probed")
        waiting = asyncio.create_task(own[1].execute("SELECT * FROM probed"))
        while True:
            after = await watched.read()
            if after.values["waiting_lock"]:
                break
            await asyncio.sleep(0.01)
        await held.rollback()
        await waiting
        await own[0].execute("DROP TABLE probed")
        for session in own:
            await session.close()
        await watched.close()
        return before, after

    before, after = asyncio.run(run())
    assert set(before.values) == set(after.values) == set(FIGURES)
    grown = {name: after.values[name] - before.values[name] for name in FIGURES}
    assert {name: grown[name] for name in ("connections", "connections_all", "active", "idle",
            "idle_in_transaction", "waiting_lock", "locks_waiting")} == {
        "connections": 4, "connections_all": 4, "active": 1, "idle": 2,
        "idle_in_transaction": 1, "waiting_lock": 1, "locks_waiting": 1,
    }  # fmt: skip
    assert before.values["connections_max"] == 300
    assert after.values["connections_share"] == after.values["connections_all"] / 300
    assert grown["locks"] > 0
    assert set(ROLES.values()) <= set(FIGURES)


def test_a_wrong_password_and_a_missing_database(services: Services) -> None:
    at = f"127.0.0.1:{services.postgres.port}"
    said = refusal(source(f"postgresql://velro:wrong@{at}/postgres"))
    assert said == 'password authentication failed for user "velro"'
    said = refusal(source(services.database_url.replace("/postgres", "/nowhere")))
    assert said == 'database "nowhere" does not exist'


def begin_again(services: Services) -> None:
    """Start it and wait until it lets somebody in: it listens before."""

    async def enter() -> None:
        while True:
            try:
                await (await asyncpg.connect(services.database_url)).close()
                return
            except asyncpg.CannotConnectNowError:
                await asyncio.sleep(0.02)

    services.postgres.start()
    asyncio.run(enter())


def test_stopped_and_back(services: Services) -> None:
    watched = source(services.database_url)
    first, gone, still, back = outcomes(
        watched, services.postgres.stop, lambda: None, lambda: begin_again(services)
    )
    assert isinstance(first, Reading)
    assert isinstance(gone, str)
    assert still == "connection refused"
    assert isinstance(back, Reading)


def test_nobody_there() -> None:
    assert refusal(source(f"postgresql://a@127.0.0.1:{free_port()}/b")) == "connection refused"


def test_one_that_hangs_and_one_that_is_no_database() -> None:
    def hang(connection: object, number: int) -> None:
        hung.append(number)
        gone.wait()

    import threading

    hung: list[int] = []
    gone = threading.Event()
    with ScriptedServer(hang) as server:
        said = refusal(source(f"postgresql://a@127.0.0.1:{server.port}/b", 100_000_000))
        gone.set()
    assert (said, hung) == ("no answer within 0.1 s", [0])
    with ScriptedServer(lambda connection, _: connection.sendall(b"HTTP/1.1 200\r\n\r\n")) as web:
        said = refusal(source(f"postgresql://a@127.0.0.1:{web.port}/b"))
    assert said
    assert "\n" not in said


def test_its_url_is_not_told(services: Services) -> None:
    password = services.database_url.partition("velro:")[2].partition("@")[0]
    assert password not in repr(Probe("db", "postgres", services.database_url))
