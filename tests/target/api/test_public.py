"""Health and models, which need no token."""

import re

import pytest

from tests.servers.target_client import Client


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_health_is_public(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 200
    assert answer.body["status"] == "healthy"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.body["timestamp"])


def test_models_are_public(client: Client) -> None:
    answer = client.ask("GET", "/api/v1/models")
    assert answer.status == 200
    assert [set(each) for each in answer.body["models"]] == [
        {"id", "name", "generation_type", "credits_cost"}
    ] * 4
