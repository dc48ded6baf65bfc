"""Accounts in bulk, for the service role only."""

import pytest

from tests.servers.target_client import Answer, Client, assert_error

ACCOUNTS = "/api/v1/admin/accounts"


def make(client: Client, body: object, token: str | None = None) -> Answer:
    return client.ask("POST", ACCOUNTS, body, token=token or client.target.service_key)


def test_as_many_as_asked_for_with_sessions_and_generations(client: Client) -> None:
    body = {"count": 250, "credits": 2000, "generations": 3, "password": "together", "name": "A1"}
    answer = make(client, body)
    assert answer.status == 200
    accounts = answer.body["accounts"]
    assert (answer.body["name"], len(accounts)) == ("a1", 250)
    assert len({account["user"]["id"] for account in accounts}) == 250
    for account in (accounts[0], accounts[249]):
        me = client.ask("GET", "/api/v1/auth/me", token=account["access_token"])
        assert me.body == account["user"]
        assert me.body["credits_balance"] == 2000
        page = client.ask("GET", "/api/v1/generations", token=account["access_token"]).body
        assert [each["id"] for each in page] == account["generation_ids"]
        assert {each["status"] for each in page} == {"completed"}
        refreshed = {"refresh_token": account["refresh_token"]}
        assert client.ask("POST", "/api/v1/auth/refresh", refreshed).status == 200
    assert accounts[7]["user"]["email"] == "a1-7@example.com"
    login = {"email": "a1-7@example.com", "password": "together"}
    assert client.ask("POST", "/api/v1/auth/login", login).status == 200
    assert_error(make(client, body), 409, "a1: a batch of this name is there already")


def test_what_is_removed_is_gone(client: Client) -> None:
    account = make(client, {"generations": 2}).body["accounts"][0]
    token = account["access_token"]
    assert client.ask("GET", "/api/v1/auth/me", token=token).status == 200
    gone = client.ask(
        "DELETE", ACCOUNTS, {"ids": [account["user"]["id"]]}, token=client.target.service_key
    )
    assert (gone.status, gone.body) == (200, {"removed": 1})
    assert_error(client.ask("GET", "/api/v1/auth/me", token=token), 401, "Invalid token")


def test_it_is_for_the_service_role_only(client: Client) -> None:
    for method in ("POST", "DELETE"):
        answer = client.ask(method, ACCOUNTS, {}, token=client.token())
        assert_error(answer, 403, "The service role is needed")
        assert_error(client.ask(method, ACCOUNTS, {}), 401, "Not authenticated")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"count": 0}, "count: a whole number from 1 to 5000 is needed"),
        ({"count": "7"}, "count: a whole number from 1 to 5000 is needed"),
        ({"count": True}, "count: a whole number from 1 to 5000 is needed"),
        ({"generations": 101}, "generations: a whole number from 0 to 100 is needed"),
        ({"credits": -1}, "credits: a whole number from 0 to 1000000000 is needed"),
        ({"name": ""}, "name: 1 to 50 characters are needed"),
        ({"password": "short"}, "password: 8 to 1024 characters are needed"),
    ],
)
def test_a_bad_wish(client: Client, body: object, detail: str) -> None:
    assert_error(make(client, body), 422, detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "ids: a list of account ids is needed"),
        ({"ids": [7]}, "ids: a list of account ids is needed"),
        ({"ids": ["x"] * 5001}, "ids: at most 5000 at once"),
    ],
)
def test_a_bad_removal(client: Client, body: object, detail: str) -> None:
    answer = client.ask("DELETE", ACCOUNTS, body, token=client.target.service_key)
    assert_error(answer, 422, detail)
