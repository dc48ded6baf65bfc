"""Every operation and every error of the target, over real sockets."""

import re
import uuid

import pytest

from tests.servers.target_client import Answer, Client
from velroload.target.api import is_loopback

USER_KEYS = [
    "id", "email", "full_name", "credits_balance", "created_at", "updated_at", "role",
]  # fmt: skip
GENERATION_KEYS = {
    "id", "user_id", "project_id", "media_url", "media_type", "prompt", "status", "cost",
    "created_at", "model_id", "parameters", "output_urls", "credits_used", "is_favorite",
    "updated_at", "completed_at",
}  # fmt: skip


def assert_error(answer: Answer, status: int, detail: str) -> None:
    assert answer.status == status
    assert answer.body == {
        "detail": detail,
        "request_id": answer.headers["X-Request-ID"],
        "status_code": status,
    }


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_health_is_public(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 200
    assert answer.body["status"] == "healthy"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.body["timestamp"])


def test_login_gives_a_session(client: Client) -> None:
    answer = client.login(3)
    assert answer.status == 200
    assert list(answer.body) == [
        "access_token", "refresh_token", "token_type", "expires_in", "user",
    ]  # fmt: skip
    assert answer.body["token_type"] == "bearer"
    assert answer.body["expires_in"] == 3600
    assert list(answer.body["user"]) == USER_KEYS
    assert answer.body["user"]["email"] == "user3@example.com"


def test_login_ignores_the_case_of_the_address(client: Client) -> None:
    _, password = client.target.account(4)
    body = {"email": "USER4@Example.com", "password": password}
    assert client.ask("POST", "/api/v1/auth/login", body).status == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [("user0@example.com", "wrong"), ("nobody@example.com", "velroload-target")],
)
def test_login_with_wrong_ones(client: Client, email: str, password: str) -> None:
    answer = client.ask("POST", "/api/v1/auth/login", {"email": email, "password": password})
    assert_error(answer, 401, "Invalid email or password")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


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
    assert_error(answer, 413, "Request Entity Too Large")


def test_login_waits_to_be_told_to_continue(client: Client) -> None:
    email, password = client.target.account(0)
    body = {"email": email, "password": password}
    answer = client.ask("POST", "/api/v1/auth/login", body, headers={"Expect": "100-continue"})
    assert answer.status == 200


def test_register_then_login(client: Client) -> None:
    email = f"{uuid.uuid4()}@Example.com"
    body = {"email": email, "password": "long enough", "full_name": "A Newcomer"}
    answer = client.ask("POST", "/api/v1/auth/register", body)
    assert answer.status == 200
    assert answer.body["user"] == {
        "id": answer.body["user"]["id"],
        "email": email.lower(),
        "full_name": "A Newcomer",
        "credits_balance": 1000,
        "created_at": answer.body["user"]["created_at"],
        "updated_at": answer.body["user"]["created_at"],
        "role": "authenticated",
    }
    me = client.ask("GET", "/api/v1/auth/me", token=answer.body["access_token"])
    assert me.body == answer.body["user"]
    assert client.ask("POST", "/api/v1/auth/login", body).status == 200
    mine = client.ask("GET", "/api/v1/generations", token=answer.body["access_token"])
    assert (mine.status, mine.body) == (200, [])
    assert_error(client.ask("POST", "/api/v1/auth/register", body), 409, "Email already registered")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"email": "a@b", "password": "short"}, "password: 8 to 1024 characters are needed"),
        ({"email": "nowhere", "password": "long enough"}, "email: not an e-mail address"),
        (
            {"email": "a@b", "password": "long enough", "full_name": 7},
            "full_name: a string is needed",
        ),
    ],
)
def test_register_with_a_bad_body(client: Client, body: object, detail: str) -> None:
    assert_error(client.ask("POST", "/api/v1/auth/register", body), 422, detail)


def test_refresh_gives_a_new_session(client: Client) -> None:
    session = client.login(5).body
    answer = client.ask("POST", "/api/v1/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert answer.status == 200
    assert answer.body["access_token"] != session["access_token"]
    assert client.ask("GET", "/api/v1/auth/me", token=answer.body["access_token"]).status == 200


def test_refresh_takes_no_access_token(client: Client) -> None:
    answer = client.ask("POST", "/api/v1/auth/refresh", {"refresh_token": client.token()})
    assert_error(answer, 401, "Invalid token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_me(client: Client) -> None:
    answer = client.ask("GET", "/api/v1/auth/me", token=client.token(1))
    assert answer.status == 200
    assert list(answer.body) == USER_KEYS
    assert answer.body["email"] == "user1@example.com"
    assert answer.body["role"] == "authenticated"
    assert answer.body["credits_balance"] == 1000


def test_the_scheme_is_not_case_sensitive(client: Client) -> None:
    headers = {"Authorization": f"bearer {client.token()}"}
    assert client.ask("GET", "/api/v1/auth/me", headers=headers).status == 200


@pytest.mark.parametrize(
    "path",
    ["/api/v1/auth/me", "/api/v1/generations", f"/api/v1/generations/{uuid.uuid4()}"],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dTpw"}])
def test_no_token(client: Client, path: str, headers: dict[str, str]) -> None:
    answer = client.ask("GET", path, headers=headers)
    assert_error(answer, 401, "Not authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_page_of_generations(client: Client) -> None:
    everything = client.ask("GET", "/api/v1/generations", token=client.token()).body
    assert len(everything) == 20
    assert all(set(each) == GENERATION_KEYS for each in everything)
    assert [each["created_at"] for each in everything] == sorted(
        (each["created_at"] for each in everything), reverse=True
    )
    page = client.ask("GET", "/api/v1/generations?skip=5&limit=3", token=client.token())
    assert page.body == everything[5:8]
    beyond = client.ask("GET", "/api/v1/generations?skip=2147483647", token=client.token())
    assert (beyond.status, beyond.body) == (200, [])


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "x", "9" * 5000, "%D9%A3"])
def test_a_bad_limit(client: Client, limit: str) -> None:
    answer = client.ask("GET", f"/api/v1/generations?limit={limit}", token=client.token())
    assert_error(answer, 422, "limit: a whole number from 1 to 100 is needed")


def test_a_bad_skip(client: Client) -> None:
    answer = client.ask("GET", "/api/v1/generations?skip=-1", token=client.token())
    assert_error(answer, 422, "skip: a whole number from 0 to 2147483647 is needed")


def test_reading_by_ownership_team_and_project(client: Client) -> None:
    everything = client.ask("GET", "/api/v1/generations", token=client.token(0)).body
    private, team, public = everything[-1], everything[-9], everything[-10]
    path = "/api/v1/generations/"

    def status(reader: int, generation: dict[str, str]) -> int:
        return client.ask("GET", path + generation["id"], token=client.token(reader)).status

    own = client.ask("GET", path + private["id"], token=client.token(0))
    assert own.body == private
    assert [status(0, each) for each in (private, team, public)] == [200, 200, 200]
    assert [status(9, each) for each in (private, team, public)] == [403, 200, 200]
    assert [status(10, each) for each in (private, team, public)] == [403, 403, 200]
    foreign = client.ask("GET", path + private["id"], token=client.token(10))
    assert_error(foreign, 403, "Access to this generation is denied")


@pytest.mark.parametrize("item", [str(uuid.UUID(int=0)), "not-a-uuid", "%2e%2e"])
def test_reading_what_is_not_there(client: Client, item: str) -> None:
    answer = client.ask("GET", f"/api/v1/generations/{item}", token=client.token())
    assert_error(answer, 404, "Generation not found")


def test_models_are_public(client: Client) -> None:
    answer = client.ask("GET", "/api/v1/models")
    assert answer.status == 200
    assert [set(each) for each in answer.body["models"]] == [
        {"id", "name", "generation_type", "credits_cost"}
    ] * 4


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
