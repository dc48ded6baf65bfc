"""runner/accounts.py: tokens that a service takes, and answers that make no sense."""

import base64
import json
import time

import jwt
import pytest

from velroload.errors import PreflightError
from velroload.plan.session import Accounts
from velroload.runner.accounts import (
    Account,
    Keys,
    read_account,
    service_key_of,
    sign,
    table_of,
)
from velroload.target.tokens import Tokens

SECRET = "a-secret-of-32-bytes-or-more-it-is"
ROW = {
    "user": {"id": "u1", "email": "u1@example.com"},
    "access_token": "a",
    "refresh_token": "r",
    "generation_ids": ["g1", "g2"],
}


def test_minted_tokens_pass_the_services_own_check() -> None:
    one, other = sign(SECRET, [("u1", "u1@example.com"), ("u2", "u2@example.com")], 60)
    claims = Tokens(SECRET).check(one)
    assert (claims.subject, claims.role) == ("u1", "authenticated")
    assert claims.expires_at_s - time.time() == pytest.approx(60, abs=5)
    assert Tokens(SECRET).check(other).subject == "u2"
    said = jwt.decode(one, SECRET, algorithms=["HS256"], audience="authenticated")
    assert set(said) == {"sub", "email", "role", "aud", "iat", "exp", "jti"}


@pytest.mark.timing
def test_15_000_tokens_in_a_second() -> None:
    users = [(f"u{n}", f"u{n}@example.com") for n in range(15_000)]
    begun_s = time.process_time()
    assert len(set(sign(SECRET, users, 3600))) == 15_000
    assert time.process_time() - begun_s < 1.0


def test_a_service_key_is_the_plans_or_signed_with_its_secret() -> None:
    assert service_key_of(Accounts(1, secret=SECRET, service_key="k")) == "k"
    assert Tokens(SECRET).check(service_key_of(Accounts(1, secret=SECRET))).role == "service_role"
    with pytest.raises(PreflightError) as caught:
        service_key_of(Accounts(1, token="login"))
    assert str(caught.value) == (
        "accounts: making them needs service_key, the key of the service role"
    )


def test_the_embedded_targets_keys_replace_the_plans() -> None:
    keys = Keys("own", "service")
    assert keys.into(None) is None
    minted = keys.into(Accounts(1, secret="other"))
    assert minted is not None
    assert (minted.secret, minted.service_key) == ("own", "service")
    login = keys.into(Accounts(1, token="login"))
    assert login is not None
    assert (login.secret, login.service_key) == (None, "service")
    accounts = Accounts(1, secret="other")
    assert Keys().into(accounts) is accounts


def test_rows_have_the_columns_of_accounts() -> None:
    found = [Account(f"u{n}", f"u{n}@e.test", f"t{n}", f"r{n}", f"g{n}") for n in range(3)]
    table = table_of(Accounts(3, token="login"), found, "pass word")
    assert (table.name, table.rows, table.pick, table.per) == ("accounts", 3, "unique", "user")
    assert table.columns == ("id", "email", "password", "token", "refresh", "generation")
    table.close()
    table = table_of(Accounts(3, secret=SECRET), found, "pass word")
    assert table.columns[-1] == "expired"
    table.close()


def test_a_token_that_was_good_an_hour_ago() -> None:
    (late,) = sign(SECRET, [("u1", "u1@example.com")], 60, ago_s=3660)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(late, SECRET, algorithms=["HS256"], audience="authenticated")
    said = json.loads(base64.urlsafe_b64decode(late.split(".")[1] + "=="))
    assert said["exp"] - time.time() == pytest.approx(-3600, abs=5)


def test_an_account_of_an_answer() -> None:
    assert read_account(ROW) == Account("u1", "u1@example.com", "a", "r", "g1")
    assert read_account({**ROW, "generation_ids": []}) == Account(
        "u1", "u1@example.com", "a", "r", ""
    )


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "text",
        {},
        {**ROW, "user": None},
        {**ROW, "user": {"id": 5, "email": "x"}},
        {**ROW, "access_token": None},
        {**ROW, "refresh_token": 1},
        {**ROW, "generation_ids": [5]},
    ],
)
def test_what_is_no_account(row: object) -> None:
    assert read_account(row) is None
