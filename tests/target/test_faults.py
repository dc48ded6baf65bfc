"""Faults: their words, their draws, and that each does what it says, over real sockets."""

import contextlib
import os
import select
import socket
import statistics
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.servers.target_client import Client, assert_error
from velroload.errors import ConfigError
from velroload.target.faults import KINDS, NEEDED, read
from velroload.target.process import TargetProcess

ME = "GET /api/v1/auth/me"


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    """A target whose breakers recover at once."""
    with TargetProcess().start(users=12, options=["--breaker-recovery", "50ms"]) as target:
        yield Client(target)
        said = target.stderr()
    assert said == ""


@pytest.fixture
def client(shared: Client) -> Iterator[Client]:
    """Without faults before and after."""
    shared.token()
    yield shared
    assert shared.end_faults().status == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, f"fault '': unknown; there are {', '.join(KINDS)}"),
        ({"fault": "gremlins"}, f"fault 'gremlins': unknown; there are {', '.join(KINDS)}"),
        ({"fault": "hang", "rate": "1"},
         "hang: 'rate' is unknown; its settings are endpoint, toxicity, for"),
        ({"fault": "latency"}, "latency: latency is missing"),
        ({"fault": "latency", "latency": "5"},
         "latency: latency '5': write a number with a unit, such as 30s, 1m30s or 250ms"),
        ({"fault": "latency", "latency": "5ms", "distribution": "pareto"},
         "latency: distribution 'pareto': one of fixed, lognormal, bimodal is needed"),
        ({"fault": "latency", "latency": "5ms", "sigma": "-1"},
         "latency: sigma '-1': a number from 0 to 10 is needed"),
        ({"fault": "latency", "latency": "5ms", "sigma": "x"},
         "latency: sigma 'x': a number from 0 to 10 is needed"),
        ({"fault": "error", "status": "200"},
         "error: status '200': one of 400, 401, 402, 403, 404, 405, 408, 409, 411, 413, 414, 417, "
         "422, 429, 431, 500, 501, 502, 503, 504, 505 is needed"),
        ({"fault": "error", "toxicity": "2"},
         "error: toxicity '2': write a percentage from 0% to 100%, such as 1% or 99.9%"),
        ({"fault": "error", "endpoint": "GET /nowhere"},
         "error: endpoint 'GET /nowhere' is unknown; such as 'GET /health'"),
        ({"fault": "error", "endpoint": "database"},
         "error: endpoint 'database' is unknown; such as 'GET /health'"),
        ({"fault": "stall", "stall": "2s", "every": "1s"},
         "stall: stall must be shorter than every, and longer than nothing"),
        ({"fault": "exhaust_pool", "pool": "x"},
         "exhaust_pool: pool 'x': one of auth, read, write, analytics, admin, batch is needed"),
        ({"fault": "hang", "for": "soon"},
         "hang: for 'soon': write a number with a unit, such as 30s, 1m30s or 250ms"),
    ],
)  # fmt: skip
def test_bad_words(client: Client, words: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(words, {"GET /health": None})
    assert str(caught.value) == message
    assert_error(client.fault(**words), 422, message)


def test_tables_agree() -> None:
    for kind, needed in NEEDED.items():
        assert set(needed) <= set(KINDS[kind])


def draws(**words: str) -> list[float]:
    fault = read({"fault": "latency", "latency": "10ms", **words})
    return [fault.draw_s() for _ in range(4000)]


def test_the_three_distributions() -> None:
    assert set(draws()) == {0.01}
    lognormal = draws(distribution="lognormal", sigma="0.5")
    assert statistics.median(lognormal) == pytest.approx(0.01, rel=0.1)
    assert statistics.mean(lognormal) == pytest.approx(0.01 * 1.133, rel=0.1)  # exp(0.5²/2)
    bimodal = draws(distribution="bimodal", slow="100ms", slow_share="20%")
    assert set(bimodal) == {0.01, 0.1}
    assert bimodal.count(0.1) == pytest.approx(800, abs=150)


def test_toxicity_is_a_share() -> None:
    fault = read({"fault": "error", "toxicity": "25%", "endpoint": ME}, {ME: None})
    assert sum(fault.concerns(ME) for _ in range(4000)) == pytest.approx(1000, abs=150)
    assert not any(fault.concerns("GET /health") for _ in range(100))


def test_only_who_has_the_token_starts_faults(client: Client) -> None:
    for headers in ({}, {"X-Fault-Token": "x"}, {"X-Fault-Token": "\xe9"}):
        for method, path in (
            ("POST", "/__faults"),
            ("GET", "/__faults"),
            ("DELETE", "/__faults/x"),
        ):
            answer = client.ask(method, path, {"fault": "hang"}, headers=headers)
            assert_error(answer, 403, "X-Fault-Token: the token printed at start is needed")


def test_it_is_written_down_from_start_to_end(client: Client) -> None:
    before_ns = time.monotonic_ns()
    started = client.fault(fault="error", status="502", endpoint=ME)
    assert started.status == 200
    assert client.ask("GET", "/api/v1/auth/me", token=client.token()).status == 502
    assert client.ask("GET", "/health").status == 200
    told = client.ask("DELETE", f"/__faults/{started.body['id']}", headers=client.fault_header())
    assert told.status == 200
    again = client.ask("DELETE", f"/__faults/{started.body['id']}", headers=client.fault_header())
    assert_error(again, 404, "No such fault lasts")
    assert client.ask("GET", "/api/v1/auth/me", token=client.token()).status == 200
    written = next(f for f in client.target.truth()["faults"] if f["id"] == started.body["id"])
    assert written == told.body
    assert {key: written[key] for key in ("fault", "status", "endpoint")} == {
        "fault": "error", "status": "502", "endpoint": ME,
    }  # fmt: skip
    assert before_ns < written["started_ns"] < written["ended_ns"] < time.monotonic_ns()


def test_one_that_ends_by_itself(client: Client) -> None:
    started = client.fault(**{"fault": "error", "for": "50ms"})
    while client.ask("GET", "/health").status == 500:
        pass
    faults = client.ask("GET", "/__faults", headers=client.fault_header()).body["faults"]
    mine = next(fault for fault in faults if fault["id"] == started.body["id"])
    assert mine["ended_ns"] - mine["started_ns"] >= 45e6


def test_latency_lies_in_the_time_of_the_answer(client: Client) -> None:
    client.fault(fault="latency", latency="30ms", endpoint="GET /health")
    began_s = time.monotonic()
    answer = client.ask("GET", "/health")
    assert time.monotonic() - began_s >= 0.03
    assert float(answer.headers["X-Response-Time"].removesuffix("ms")) >= 30


def test_latency_of_the_database_lies_in_its_time(client: Client) -> None:
    client.fault(fault="latency", latency="30ms", endpoint="database")
    answer = client.ask("GET", "/api/v1/generations", token=client.token())
    spent_ms = float(answer.headers["Server-Timing"].partition("db;dur=")[2].partition(",")[0])
    assert spent_ms >= 30
    client.end_faults()
    answer = client.ask("GET", "/api/v1/generations", token=client.token())
    assert answer.status == 200


def test_a_reset_connection(client: Client) -> None:
    before = client.target.truth()
    client.fault(fault="reset_peer", endpoint="GET /health")
    with pytest.raises(ConnectionResetError):
        client.ask("GET", "/health")
    after = client.target.truth()
    assert after["reset"] == before["reset"] + 1
    assert after["requests"] == before["requests"]
    assert after["in_flight"] == 0


def test_a_hang_lasts_until_the_client_leaves(client: Client) -> None:
    before = client.target.truth()["aborted"]
    client.fault(fault="hang", endpoint="GET /health")
    with socket.create_connection(("127.0.0.1", client.target.port), timeout=10) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
        while client.target.truth()["in_flight"] == 0:
            pass
        assert not select.select([sock], [], [], 0.05)[0]
    while client.target.truth()["in_flight"] == 1:
        pass
    assert client.target.truth()["aborted"] == before + 1


def test_a_slow_body_arrives_whole(client: Client) -> None:
    whole = client.ask("GET", "/api/v1/models").body
    client.fault(fault="slow_body", rate="2kB", endpoint="GET /api/v1/models")
    began_s = time.monotonic()
    slow = client.ask("GET", "/api/v1/models")
    assert slow.body == whole
    assert time.monotonic() - began_s >= int(slow.headers["Content-Length"]) / 2000


def test_burnt_cpu_is_used(client: Client) -> None:
    process = psutil.Process(client.target.pid)
    before_s = sum(process.cpu_times()[:2])
    client.fault(fault="burn_cpu", time="50ms", endpoint="GET /health")
    for _ in range(6):
        client.ask("GET", "/health")
    assert sum(process.cpu_times()[:2]) - before_s >= 0.25


def test_leaked_memory_is_gone(client: Client) -> None:
    process = psutil.Process(client.target.pid)
    before = process.memory_info().rss
    client.fault(fault="leak_memory", bytes="1MiB", endpoint="GET /health")
    for _ in range(20):
        client.ask("GET", "/health")
    assert process.memory_info().rss - before >= 15 << 20


def test_a_stall_stops_everything(client: Client) -> None:
    client.fault(fault="stall", stall="150ms", every="200ms")
    longest_s = 0.0
    until_s = time.monotonic() + 10
    while longest_s < 0.1 and time.monotonic() < until_s:
        began_s = time.monotonic()
        assert client.ask("GET", "/health").status == 200
        longest_s = time.monotonic() - began_s
    assert longest_s >= 0.1


def test_a_database_that_is_down_opens_the_breaker_and_recovers(client: Client) -> None:
    client.fault(fault="database_down")
    statuses = [
        client.ask("GET", "/api/v1/generations", token=client.token()).status for _ in range(12)
    ]
    assert set(statuses) == {503}
    breaker = client.ask("GET", "/monitoring/circuit-breakers").body["circuit_breakers"]["database"]
    assert breaker["failures"] >= 5  # of ten calls within a minute
    assert client.target.truth()["pools"]["total"]["size"] == 0
    me = client.ask("GET", "/api/v1/auth/me", token=client.token())
    assert me.status == 200  # from L1
    client.end_faults()
    while client.ask("GET", "/api/v1/generations", token=client.token()).status == 503:
        pass
    for _ in range(3):
        client.ask("GET", "/api/v1/generations", token=client.token())
    truth = client.target.truth()
    assert truth["breakers"]["database"]["state"] == "closed"
    assert truth["pools"]["total"]["size"] == truth["pools"]["total"]["min"]
    changes = [
        (event["before"], event["after"])
        for event in truth["events"]
        if event["breaker"] == "database"
    ]
    assert changes[0] == ("closed", "open")
    assert changes[-1] == ("half_open", "closed")


def test_a_provider_that_is_down_opens_the_generation_breaker(client: Client) -> None:
    token = client.account("unlucky@example.com")
    client.fault(fault="provider_down")
    details = [client.order(token).body["detail"] for _ in range(6)]
    assert details[:5] == ["the generation provider does not answer"] * 5
    me = client.ask("GET", "/api/v1/auth/me", token=token).body
    assert me["credits_balance"] == 1000  # nothing was paid for
    client.end_faults()
    while client.order(token).status == 503:
        pass
    assert client.order(token).status == 200


def test_an_exhausted_pool_lets_others_wait(client: Client) -> None:
    client.fault(fault="exhaust_pool", pool="read")
    pool = client.target.truth()["pools"]["pools"]["read"]
    assert (pool["in_use"], pool["state"]) == (pool["max"], "exhausted")
    answers: list[int] = []
    wanting = threading.Thread(
        target=lambda: answers.append(
            client.ask("GET", "/api/v1/generations", token=client.token()).status
        )
    )
    wanting.start()
    while client.target.truth()["pools"]["pools"]["read"]["waiting"] == 0:
        pass
    client.end_faults()
    wanting.join()
    assert answers == [200]


def test_a_tripped_breaker_refuses_at_once_and_recovers(client: Client) -> None:
    started = client.fault(fault="trip_breaker", breaker="generation")
    assert started.body["ended_ns"] is not None
    token = client.account("patient@example.com")
    seen = {client.order(token).status}
    while 200 not in seen:
        seen.add(client.order(token).status)
    assert client.target.truth()["breakers"]["generation"]["opened_at"] is not None


def test_a_flushed_cache_is_empty(client: Client) -> None:
    client.ask("GET", "/api/v1/auth/me", token=client.token())
    client.fault(fault="flush_cache")
    answer = client.ask("GET", "/api/v1/auth/me", token=client.token())
    assert answer.headers["X-Cache-Layer"] == "L3"


def test_crossed_users_are_seen_by_the_audit(client: Client) -> None:
    private = client.ask("GET", "/api/v1/generations", token=client.token(0)).body[-1]
    path = f"/api/v1/generations/{private['id']}"
    assert client.ask("GET", path, token=client.token(11)).status == 403
    assert client.target.truth()["crossed"] == 0
    client.fault(fault="cross_users")
    assert client.ask("GET", path, token=client.token(11)).body == private
    assert client.target.truth()["crossed"] == 1
    client.end_faults()
    assert client.ask("GET", path, token=client.token(11)).status == 403


def test_a_redis_that_is_not_there_cannot_go_down(client: Client) -> None:
    answer = client.fault(fault="redis_down")
    assert answer.status == 422
    assert answer.body["detail"] == "redis_down: there is no Redis here; name one with --redis"
    assert client.target.truth()["redis"] == "off"


def test_faults_from_the_start() -> None:
    words = "error,status=504,endpoint=GET /health,for=1h"
    with TargetProcess().start(users=0, options=["--fault", words]) as target:
        assert Client(target).ask("GET", "/health").status == 504
        assert target.truth()["faults"][0]["ended_ns"] is None


def test_it_stops_though_requests_hang() -> None:
    with (
        TargetProcess().start(users=0, options=["--fault", "hang"]) as target,
        socket.create_connection(("127.0.0.1", target.port), timeout=10) as sock,
    ):
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
        while target.truth()["in_flight"] == 0:
            pass
        os.kill(target.pid, 15)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(100) == b""
    assert target.stop() == 0
