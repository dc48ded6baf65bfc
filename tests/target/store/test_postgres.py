"""PostgreSQL: pools that are really open, stand in for one another, fall and come back."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.servers.services import Services, free_port
from tests.servers.target_client import Client
from velroload.errors import Exit, VelroloadError
from velroload.target.command import main
from velroload.target.process import TargetProcess
from velroload.target.store.postgres import refused, shown

GENERATIONS = "/api/v1/generations"


@pytest.fixture
def client(services: Services) -> Iterator[Client]:
    options = ["--database", services.database_url, "--breaker-recovery", "100ms"]
    with TargetProcess().start(users=12, options=options) as target:
        yield Client(target)
        said = target.stderr()
    assert said == ""


def sessions(services: Services) -> int:
    """How many connections of a target PostgreSQL itself sees."""

    async def main() -> int:
        connection = await asyncpg.connect(services.database_url)
        try:
            return await count(connection)
        finally:
            await connection.close()

    return asyncio.run(main())


async def count(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'velroload target'"
    return int(await connection.fetchval(sql))


def test_forty_seven_are_open_at_the_start(services: Services, client: Client) -> None:
    total = client.target.truth()["pools"]["total"]
    assert sessions(services) == total["size"] == total["min"] == 47
    assert total["max"] == 210


def test_the_data_is_that_of_sqlite(client: Client) -> None:
    with TargetProcess().start(users=12) as target:
        twin = Client(target)
        for index in (0, 11):
            first, second = (
                each.ask("GET", GENERATIONS, token=each.token(index)).body
                for each in (client, twin)
            )
            assert first == second


def test_every_operation(client: Client) -> None:
    token = client.account("buyer@example.com")
    made = client.order(token)
    assert made.status == 200
    assert client.ask("GET", "/api/v1/auth/me", token=token).body["credits_balance"] == 950
    path = f"{GENERATIONS}/{made.body['id']}"
    while (now := client.ask("GET", path, token=token).body)["status"] != "completed":
        pass
    assert now["media_url"] is not None
    assert client.ask("GET", f"{path}/media-urls", token=token).status == 200
    assert client.ask("GET", f"{GENERATIONS}/stats", token=token).body == {
        "total_generations": 1, "by_status": {"completed": 1}, "credits_used": 50, "favorites": 0,
    }  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: client.order(token).status, range(22)))
    assert sorted(statuses) == [200] * 19 + [402] * 3
    again = {"email": "buyer@example.com", "password": "long enough"}
    assert client.ask("POST", "/api/v1/auth/register", again).status == 409
    assert client.ask("DELETE", path, token=token).status == 200
    assert client.ask("GET", path, token=token).status == 404
    foreign = client.ask("GET", GENERATIONS, token=client.token(0)).body[-1]
    reading = client.ask("GET", f"{GENERATIONS}/{foreign['id']}", token=client.token(11))
    assert reading.status == 403


async def press(url: str, keys: list[str], service_key: str, connection: Any) -> list[int]:
    """350 callers at once until PostgreSQL sees 200 sessions; how many it saw, time by time."""
    seen = [0]

    async def call(number: int) -> None:
        key = {"Authorization": f"Bearer {keys[number % len(keys)]}"}
        service = {"Authorization": f"Bearer {service_key}"}
        while seen[-1] < 200:
            if number % 7 < 4:
                await session.get(f"{url}{GENERATIONS}", headers=key)
            elif number % 7 == 4:
                await session.get(f"{url}{GENERATIONS}/stats", headers=key)
            else:
                accounts = f"{url}/api/v1/admin/accounts"
                await session.delete(accounts, json={"ids": ["x"]}, headers=service)
                await session.post(accounts, json={"count": 1}, headers=service)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        calls = [asyncio.create_task(call(number)) for number in range(350)]
        while seen[-1] < 200:
            seen.append(await count(connection))
            await asyncio.sleep(0.1)
        await asyncio.gather(*calls)
    return seen


def test_more_than_two_hundred_under_load(services: Services, client: Client) -> None:
    """Every connection is held for a while, so that all pools fill up and stand in."""
    keys = [client.token(index) for index in range(12)]
    client.fault(fault="latency", latency="500ms", endpoint="database")

    async def main() -> list[int]:
        connection = await asyncpg.connect(services.database_url)
        try:
            return await press(client.target.url, keys, client.target.service_key, connection)
        finally:
            await connection.close()

    seen = asyncio.run(main())
    assert 200 <= seen[-1] <= 210
    pools = client.target.truth()["pools"]
    assert pools["total"]["size"] >= 200
    assert pools["total"]["failovers"] > 0


def test_another_pool_stands_in_for_an_exhausted_one(client: Client) -> None:
    client.token()
    client.fault(fault="exhaust_pool", pool="read")
    while client.target.truth()["pools"]["pools"]["read"]["in_use"] < 75:
        pass
    answer = client.ask("GET", GENERATIONS, token=client.token())
    assert answer.status == 200
    pools = client.target.truth()["pools"]["pools"]
    assert pools["read"]["failovers"] == 1
    assert pools["read"]["in_use"] == 75
    client.end_faults()
    assert client.target.truth()["pools"]["pools"]["read"]["in_use"] == 0


def test_a_database_that_is_cut_off(services: Services, client: Client) -> None:
    client.token()
    client.fault(fault="database_down")
    assert sessions(services) == 0
    assert client.ask("GET", GENERATIONS, token=client.token()).status == 503
    client.end_faults()
    while client.ask("GET", GENERATIONS, token=client.token()).status == 503:
        pass
    assert sessions(services) >= 47


def test_a_database_that_dies_trips_the_breaker_and_recovers(
    services: Services, client: Client
) -> None:
    client.ask("GET", "/api/v1/auth/me", token=client.token())
    services.postgres.stop()
    try:
        statuses = set[int]()
        while client.target.truth()["breakers"]["database"]["state"] == "closed":
            statuses.add(client.ask("GET", GENERATIONS, token=client.token()).status)
        assert statuses == {503}
        assert client.ask("GET", "/api/v1/auth/me", token=client.token()).status == 200  # L1
    finally:
        services.postgres.start()
    while client.ask("GET", GENERATIONS, token=client.token()).status == 503:
        pass
    while client.target.truth()["breakers"]["database"]["state"] != "closed":
        client.ask("GET", GENERATIONS, token=client.token())


def test_two_targets_on_one_database(
    services: Services, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--database", services.database_url, "--users", "0"]) == Exit.PREFLIGHT
    assert capsys.readouterr().err == (
        f"velroload target: --database {shown(services.database_url)}: another velroload target "
        "is using it; stop that one first\n"
    )


def test_a_database_that_cannot_be_used(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    port, closed = services.postgres.port, free_port()
    url = services.database_url
    for bad, code, message in (
        (f"postgresql://velro@127.0.0.1:{closed}/postgres", 3,
         f"--database postgresql://velro@127.0.0.1:{closed}/postgres: nothing answers there; "
         "start PostgreSQL or leave the flag out"),
        (f"postgresql://velro:wrong@127.0.0.1:{port}/postgres", 2,
         f"--database postgresql://velro:***@127.0.0.1:{port}/postgres: the server refuses this "
         "user and password"),
        (url.replace("/postgres", "/nowhere"), 2,
         f"--database {shown(url).replace('/postgres', '/nowhere')}: there is no such database; "
         "create it with createdb"),
        ("mysql://h/x", 2,
         "--database mysql://h/x: write it like postgresql://USER:PASSWORD@HOST/NAME"),
        ("postgresql://h:port/x", 2,
         "--database postgresql://h:port/x: not a PostgreSQL URL; "
         "postgresql://USER:PASSWORD@HOST/NAME"),
    ):  # fmt: skip
        assert main(["--database", bad, "--users", "0"]) == code
        assert capsys.readouterr().err == f"velroload target: {message}\n"


def test_what_else_the_server_says_is_passed_on() -> None:
    error = refused("postgresql://h/x", asyncpg.TooManyConnectionsError("sorry, too many clients"))
    assert isinstance(error, VelroloadError)
    assert (str(error), error.exit_code) == (
        "--database postgresql://h/x: sorry, too many clients",
        Exit.PREFLIGHT,
    )
    assert shown("postgresql://u:p@h/x") == "postgresql://u:***@h/x"
