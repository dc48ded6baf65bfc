"""L2 is really in Redis, and what happens when Redis goes away."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.servers.services import Services, free_port
from tests.servers.target_client import Client
from velroload.errors import Exit, VelroloadError
from velroload.target.process import TargetProcess
from velroload.target.store.l2 import check

ME = "/api/v1/auth/me"


@pytest.fixture
def client(services: Services) -> Iterator[Client]:
    options = ["--redis", services.redis_url, "--breaker-recovery", "50ms"]
    with TargetProcess().start(users=3, options=options) as target:
        yield Client(target)
        said = target.stderr()
    assert said == ""


@pytest.fixture
def store(services: Services) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(services.redis_url, decode_responses=True) as store:
        store.flushall()
        yield store


def read(client: Client) -> tuple[dict[str, Any], str]:
    answer = client.ask("GET", "/api/v1/generations?limit=1", token=client.token())
    path = f"/api/v1/generations/{answer.body[0]['id']}"
    found = client.ask("GET", path, token=client.token())
    assert found.status == 200
    return found.body, found.headers["X-Cache-Layer"]


def test_hits_of_l2_come_from_redis(client: Client, store: "redis.Redis") -> None:
    body, layer = read(client)
    assert layer == "L3"
    kinds = {key.split(":")[2] for key in store.scan_iter()}
    assert kinds == {"user", "auth", "gen"}
    assert all(key.startswith("velro:l2:") for key in store.scan_iter())
    lives = {key.split(":")[2]: store.ttl(key) for key in store.scan_iter()}
    assert 890 < lives["user"] <= 900
    assert 890 < lives["auth"] <= 900
    assert 590 < lives["gen"] <= 600
    before = store.info("stats")["keyspace_hits"]
    client.fault(fault="flush_cache", layer="L1")
    client.ask("GET", ME, token=client.token())  # the token is checked anew: the source
    again, layer = read(client)
    assert (again, layer) == (body, "L2")
    assert store.info("stats")["keyspace_hits"] == before + 3
    assert read(client)[1] == "L1"
    lookups = client.target.truth()["lookups"]
    for kind in ("user", "permission", "generation"):
        counts = lookups[kind]
        assert (counts["L2 hits"], counts["L2 misses"], counts["L3 hits"]) == (1, 1, 1)


def test_what_changes_is_changed_in_redis(client: Client, store: "redis.Redis") -> None:
    made = client.order(client.token()).body
    path = f"/api/v1/generations/{made['id']}"
    assert client.ask("GET", path, token=client.token()).status == 200
    key = f"velro:l2:user:{made['user_id']}"
    assert "950" in str(store.get(key))
    assert client.ask("DELETE", path, token=client.token()).status == 200
    assert store.exists(f"velro:l2:gen:{made['id']}") == 0
    client.fault(fault="flush_cache", layer="L2")
    assert store.dbsize() == 0


def test_keys_of_others_are_left_alone(client: Client, store: "redis.Redis") -> None:
    store.set("somebody:else", "1")
    client.ask("GET", ME, token=client.token())
    client.fault(fault="flush_cache")
    assert list(store.scan_iter()) == ["somebody:else"]


def test_a_start_forgets_what_another_start_left(services: Services, store: "redis.Redis") -> None:
    store.set("velro:l2:user:old", "1")
    with TargetProcess().start(users=1, options=["--redis", services.redis_url]):
        assert store.dbsize() == 0


def test_warming_fills_both_layers(services: Services, store: "redis.Redis") -> None:
    with TargetProcess().start(
        users=3, options=["--redis", services.redis_url, "--warm"]
    ) as target:
        client = Client(target)
        assert store.dbsize() == 3 + 2 * 3 * 4  # accounts, hot generations and their permissions
        client.ask("GET", ME, token=client.token())
        rows = client.ask("GET", "/api/v1/generations", token=client.token()).body
        hot = next(row for row in rows if row["is_favorite"])
        found = client.ask("GET", f"/api/v1/generations/{hot['id']}", token=client.token())
        assert found.headers["X-Cache-Layer"] == "L1"


def test_a_redis_that_is_down_is_passed_by_and_comes_back(client: Client) -> None:
    read(client)
    client.fault(fault="redis_down")
    for _ in range(6):
        client.fault(fault="flush_cache", layer="L1")
        assert read(client)[1] == "L3"
    truth = client.target.truth()
    assert truth["redis"] == "down"
    assert truth["breakers"]["redis"]["failures"] >= 5
    assert truth["breakers"]["redis"]["rejected"] > 0
    client.end_faults()
    layers = set[str]()
    while "L2" not in layers:
        client.fault(fault="flush_cache", layer="L1")
        client.ask("GET", ME, token=client.token())
        layers.add(read(client)[1])


def test_a_redis_that_dies_is_missed_but_not_needed(services: Services, client: Client) -> None:
    read(client)
    services.redis.stop()
    try:
        client.fault(fault="flush_cache", layer="L1")
        assert read(client)[1] == "L3"
        assert client.target.truth()["breakers"]["redis"]["failures"] > 0
    finally:
        services.redis.start()


def test_latency_of_redis_lies_in_the_look_up(client: Client) -> None:
    read(client)
    client.fault(fault="latency", latency="30ms", endpoint="redis")
    client.fault(fault="flush_cache", layer="L1")
    answer = client.ask("GET", ME, token=client.token())
    timing = answer.headers["Server-Timing"]
    assert float(timing.partition("dur=")[2].partition(",")[0]) >= 30
    assert "db;" not in timing


def test_a_redis_that_cannot_be_used(services: Services) -> None:
    port = free_port()
    for url, code, message in (
        (f"redis://127.0.0.1:{port}/0", Exit.PREFLIGHT,
         f"--redis redis://127.0.0.1:{port}/0: nothing answers there; start Redis or leave the "
         "flag out"),
        (f"redis://:secret@127.0.0.1:{services.redis.port}/0", Exit.USAGE,
         f"--redis redis://:***@127.0.0.1:{services.redis.port}/0: the server refuses this "
         "password"),
        ("http://127.0.0.1/", Exit.USAGE,
         "--redis http://127.0.0.1/: not a Redis URL; redis://HOST:PORT/0"),
    ):  # fmt: skip
        with pytest.raises(VelroloadError) as caught:
            check(url)
        assert (str(caught.value), caught.value.exit_code) == (message, code)
