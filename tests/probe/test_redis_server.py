"""Redis as a source: a real server, one that is stopped, one that hangs, one that is none."""

import socket
import threading

from redis import Redis

from tests.probe.asking import ask, outcomes, refusal
from tests.servers.scripted import ScriptedServer
from tests.servers.services import Services, free_port
from velroload.plan.probe import Probe
from velroload.probe.redis_server import FIELDS, ROLES, RedisSource
from velroload.probe.source import Reading


def source(url: str, timeout_ns: int = 20 * 10**9) -> RedisSource:
    return RedisSource(Probe("cache", "redis", url, timeout_ns=timeout_ns))


def test_what_it_tells(services: Services) -> None:
    client = Redis.from_url(services.redis_url)

    def use() -> None:
        client.set("probed", "x")
        for key in ("probed", "probed", "never"):
            client.get(key)
        client.delete("probed")

    before, after = ask(source(services.redis_url), 2, use)
    client.close()
    assert set(before.values) == set(after.values) == set(FIELDS)
    grown = {name: after.values[name] - before.values[name] for name in FIELDS}
    assert (grown["hits"], grown["misses"]) == (2, 1)
    assert grown["commands"] >= 5
    assert grown["sent_bytes"] > 0
    assert after.values["memory_bytes"] > 0
    assert after.values["clients"] >= 2
    assert set(ROLES.values()) <= set(FIELDS)


def test_a_wrong_password(services: Services) -> None:
    said = refusal(source(f"redis://:wrong@127.0.0.1:{services.redis.port}/0"))
    assert "invalid username-password pair" in said
    assert "wrong" not in said


def test_stopped_and_back(services: Services) -> None:
    watched = source(services.redis_url)
    first, gone, back = outcomes(watched, services.redis.stop, services.redis.start)
    assert isinstance(first, Reading)
    assert isinstance(gone, str)
    assert isinstance(back, Reading)


def test_nobody_there() -> None:
    said = refusal(source(f"redis://127.0.0.1:{free_port()}/0"))
    assert "Connection refused" in said or "Connect call failed" in said


def test_one_that_hangs_and_one_that_is_no_redis() -> None:
    gone = threading.Event()

    def hang(connection: socket.socket, number: int) -> None:
        gone.wait()

    with ScriptedServer(hang) as server:
        said = refusal(source(f"redis://127.0.0.1:{server.port}/0", 100_000_000))
        gone.set()
    assert said == "no answer within 0.1 s"
    with ScriptedServer(lambda connection, _: connection.sendall(b"HTTP/1.1 200\r\n\r\n")) as web:
        said = refusal(source(f"redis://127.0.0.1:{web.port}/0"))
    assert said
    assert "\n" not in said
