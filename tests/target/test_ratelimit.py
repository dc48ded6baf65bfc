"""Rate limiting, on a clock that only the test moves, and over the wire."""

import pytest

from tests.servers.target_client import Client, assert_error
from velroload.target.failure import Failure
from velroload.target.process import TargetProcess
from velroload.target.ratelimit import Limit, RateLimit


def test_so_many_per_window_and_caller() -> None:
    now_s = 120.0
    limit = RateLimit(Limit(2, 60), lambda: now_s)
    assert limit.take("a") == {
        "X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "180",
    }  # fmt: skip
    assert limit.take("a")["X-RateLimit-Remaining"] == "0"
    assert limit.take("b")["X-RateLimit-Remaining"] == "1"
    now_s = 130.5
    with pytest.raises(Failure) as caught:
        limit.take("a")
    assert (caught.value.status, caught.value.detail) == (429, "Too many requests")
    assert caught.value.headers == {
        "X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "180",
        "Retry-After": "50",
    }  # fmt: skip
    now_s = 180.0
    assert limit.take("a")["X-RateLimit-Remaining"] == "1"


def test_over_the_wire() -> None:
    with TargetProcess().start(users=1, options=["--rate-limit", "3/h"]) as target:
        client = Client(target)
        left = [client.ask("GET", "/health").headers["X-RateLimit-Remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = client.ask("GET", "/health")
        assert_error(refused, 429, "Too many requests")
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert client.ask("GET", "/health", token="x").status == 200  # another caller
        truth = target.truth()
        assert truth["requests"] == {"GET /health": {"200": 4, "429": 1}}
        assert truth["rate_limited"] == 1
