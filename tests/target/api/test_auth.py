"""Sessions over real sockets."""

import uuid

import pytest

from tests.servers.target_client import Client, assert_error

USER_KEYS = [
    "id", "email", "full_name", "credits_balance", "created_at", "updated_at", "role",
]  # fmt: skip


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
    ["/api/v1/auth/me", "/api/v1/generations", f"/api/v1/generations/{uuid.UUID(int=1 << 100)}"],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dTpw"}])
def test_no_token(client: Client, path: str, headers: dict[str, str]) -> None:
    answer = client.ask("GET", path, headers=headers)
    assert_error(answer, 401, "Not authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_logged_out_token_is_refused(client: Client) -> None:
    token = client.login(6).body["access_token"]
    other = client.login(6).body["access_token"]
    answer = client.ask("POST", "/api/v1/auth/logout", token=token)
    assert (answer.status, answer.body) == (200, {"message": "Logged out"})
    assert_error(client.ask("GET", "/api/v1/auth/me", token=token), 401, "Invalid token")
    assert client.ask("GET", "/api/v1/auth/me", token=other).status == 200


def test_the_first_look_at_a_token_is_a_miss_and_the_next_a_hit(client: Client) -> None:
    token = client.login(7).body["access_token"]
    first, second = (client.ask("GET", "/api/v1/auth/me", token=token) for _ in range(2))
    assert (first.headers["X-Cache-Status"], first.headers["X-Cache-Layer"]) == ("MISS", "L3")
    assert (second.headers["X-Cache-Status"], second.headers["X-Cache-Layer"]) == ("HIT", "L1")
    assert 'cache;desc="L3";dur=' in first.headers["Server-Timing"]
    assert 'cache;desc="L1";dur=' in second.headers["Server-Timing"]
    assert "db;dur=" not in second.headers["Server-Timing"]
