"""Bodies, forms and query numbers that cannot be read, and who counts as this machine."""

from http import HTTPStatus

import pytest

from tests.servers.target_client import Client, assert_error
from velroload.target.api.reading import is_loopback


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "body: not valid JSON"),
        (b"{", "body: not valid JSON"),
        (b'{"email": "\xff"}', "body: not valid JSON"),
        (b'{"email": "\\ud800"}', "body: not valid JSON"),
        ([], "body: a JSON object is needed"),
        ({"password": "x"}, "email: a string is needed"),
        ({"email": "", "password": "x"}, "email: 3 to 320 characters are needed"),
        ({"email": "a@b", "password": 7}, "password: a string is needed"),
        ({"email": "a@b", "password": "x" * 1025}, "password: 1 to 1024 characters are needed"),
    ],
)
def test_login_with_a_bad_body(client: Client, body: object, detail: str) -> None:
    assert_error(client.ask("POST", "/api/v1/auth/login", body), 422, detail)


def test_a_body_too_large(client: Client) -> None:
    answer = client.ask("POST", "/api/v1/auth/login", b" " * ((1 << 20) + 1))
    assert_error(answer, 413, HTTPStatus(413).phrase)


def test_login_waits_to_be_told_to_continue(client: Client) -> None:
    email, password = client.target.account(0)
    body = {"email": email, "password": password}
    answer = client.ask("POST", "/api/v1/auth/login", body, headers={"Expect": "100-continue"})
    assert answer.status == 200


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "x", "9" * 5000, "%D9%A3"])
def test_a_bad_limit(client: Client, limit: str) -> None:
    answer = client.ask("GET", f"/api/v1/generations?limit={limit}", token=client.token())
    assert_error(answer, 422, "limit: a whole number from 1 to 100 is needed")


def test_a_bad_skip(client: Client) -> None:
    answer = client.ask("GET", "/api/v1/generations?skip=-1", token=client.token())
    assert_error(answer, 422, "skip: a whole number from 0 to 2147483647 is needed")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_who_may_ask_for_the_truth(address: str | None, expected: bool) -> None:
    assert is_loopback(address) is expected
