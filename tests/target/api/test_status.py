"""The status pages say what the counters say, with and without the API's base."""

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.target_client import Client
from velroload.target.process import TargetProcess

BREAKERS = ["token", "database", "redis", "generation"]


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_the_pools_of_sqlite(client: Client, base: str) -> None:
    told = client.ask("GET", f"{base}/enterprise-pools/metrics").body
    assert told["database"] == "sqlite"
    assert list(told["pools"]) == ["read", "write"]
    assert told["pools"]["read"] == {
        "size": 4, "in_use": 0, "idle": 4, "waiting": 0, "min": 4, "max": 4, "state": "healthy",
        "fallback": None, "failovers": 0, "opened": 4, "given_up": 0,
    }  # fmt: skip
    assert told["total"]["size"] == 5


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_the_breakers(client: Client, base: str) -> None:
    told = client.ask("GET", f"{base}/monitoring/circuit-breakers").body["circuit_breakers"]
    assert list(told) == BREAKERS
    assert {each["state"] for each in told.values()} == {"closed"}


def test_the_cache_in_detail_and_for_prometheus() -> None:
    with TargetProcess().start(users=2) as target:
        client = Client(target)
        detailed = client.ask("GET", "/monitoring/metrics/detailed").body
        assert detailed["cache"]["L1"]["hit_rate"] is None
        for _ in range(4):
            client.ask("GET", "/api/v1/auth/me", token=client.token())
        detailed = client.ask("GET", "/api/v1/monitoring/metrics/detailed").body
        metrics = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(
                client.ask("GET", "/metrics").body.decode()
            )
            for sample in family.samples
        }
    layers = detailed["cache"]
    assert (layers["L1"]["hits"], layers["L1"]["misses"]) == (6, 2)
    assert (layers["L3"]["hits"], layers["L3"]["misses"]) == (2, 0)
    assert layers["L1"]["hit_rate"] == 0.75
    assert 0 < layers["L1"]["mean_ms"] < layers["L3"]["mean_ms"]
    assert (layers["L2"]["state"], layers["L2"]["hit_rate"]) == ("off", None)
    assert (layers["L1"]["entries"], layers["L1"]["max_bytes"]) == (1, 200_000_000)
    assert 0 < layers["L1"]["bytes"] < 5000
    assert detailed["kinds"]["user"]["L1 hits"] == 3
    none = {"hits": 0, "misses": 0}
    assert detailed["authorization"] == {  # of the token alone: the user is no authorization
        "hits": 3,
        "misses": 1,
        "layers": {"L1": {"hits": 3, "misses": 1}, "L2": none, "L3": {"hits": 1, "misses": 0}},
    }
    worker = detailed["workers"][0]
    assert worker["pid"] == target.pid
    assert worker["memory_bytes"] > 10 << 20
    assert detailed["uptime_s"] > 0
    endpoint = "GET /api/v1/auth/me"
    assert metrics["velro_http_requests_total", "200", endpoint] == 4
    assert metrics["velro_http_request_duration_seconds_count", endpoint] == 4
    assert metrics["velro_http_request_duration_seconds_bucket", "+Inf", endpoint] == 4
    assert metrics["velro_http_request_duration_seconds_sum", endpoint] > 0
    assert metrics["velro_cache_hits_total", "L1"] == 6
    assert metrics["velro_cache_misses_total", "L1"] == 2
    assert metrics["velro_db_connections_idle", "read"] == 4
    assert metrics["velro_db_connections_active", "read"] == 0
    assert metrics["velro_db_connections_max", "write"] == 1
    assert metrics["velro_http_connections_open",] == 1
    for breaker in BREAKERS:
        assert metrics["velro_circuit_breaker_state", breaker] == 0
    assert metrics["process_cpu_seconds_total",] > 0
    assert metrics["process_resident_memory_bytes",] > 10 << 20


def test_a_process_that_is_gone_has_used_nothing() -> None:
    from velroload.target.metrics import process_facts

    assert process_facts(2**22 + 1) == {"pid": 2**22 + 1, "cpu_s": 0.0, "memory_bytes": 0}
    assert process_facts(os.getpid())["cpu_s"] > 0
