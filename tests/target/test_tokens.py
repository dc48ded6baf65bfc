"""Tokens: what is accepted, and every way to be refused, in the process and over the wire."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from tests.servers.target_client import Client
from velroload.target import tokens as module
from velroload.target.tokens import Claims, Refusal, TokenRefusedError, Tokens

SECRET = "s" * 32


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    now_s = int(time.time())
    made = {
        "sub": "u",
        "email": "u@example.com",
        "role": "authenticated",
        "aud": "authenticated",
        "iat": now_s,
        "exp": now_s + 3600,
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def unsigned(**changes: Any) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims(**changes))}."


def forgeries(secret: str, subject: str) -> list[tuple[Refusal, str]]:
    """One token for each refusal that has nothing to do with the account."""

    def signed(key: str = secret, algorithm: str = "HS256", **changes: Any) -> str:
        return jwt.encode(claims(sub=subject, **changes), key, algorithm)

    good = signed()
    head, body, signature = good.split(".")
    flipped = "A" if signature[0] != "A" else "B"
    now_s = int(time.time())
    return [
        (Refusal.SIGNATURE, signed(key="another secret of thirty-two bytes")),
        (Refusal.SIGNATURE, f"{head}.{body}.{flipped}{signature[1:]}"),
        (Refusal.SIGNATURE, f"{head}.{part(claims(sub='someone else'))}.{signature}"),
        (Refusal.SIGNATURE, f"{head}.{body}."),
        (Refusal.ALGORITHM, unsigned(sub=subject)),
        (Refusal.ALGORITHM, signed(key=secret * 2, algorithm="HS512")),
        (Refusal.EXPIRED, signed(exp=now_s - 1, iat=now_s - 3601)),
        (Refusal.AUDIENCE, signed(aud="anon")),
        (Refusal.AUDIENCE, signed(aud="refresh")),
        (Refusal.CLAIMS, signed(aud=None)),
        (Refusal.CLAIMS, signed(email=None)),
        (Refusal.CLAIMS, signed(role=None)),
        (Refusal.CLAIMS, signed(exp=None)),
        (Refusal.CLAIMS, signed(iat=None)),
        (Refusal.CLAIMS, signed(role="root")),
        (Refusal.CLAIMS, signed(role=["authenticated"])),
        (Refusal.CLAIMS, signed(email=7)),
        (Refusal.CLAIMS, signed(iat=now_s + 600)),
        (Refusal.MALFORMED, "x"),
        (Refusal.MALFORMED, "x.y.z"),
        (Refusal.MALFORMED, f"{part(b'[' * 5000)}.{body}.{signature}"),
        (Refusal.MALFORMED, "tök.e.n"),
    ]


@pytest.mark.parametrize("index", range(22))
def test_a_forged_token_is_refused_for_its_reason(index: int) -> None:
    refusal, token = forgeries(SECRET, "u")[index]
    with pytest.raises(TokenRefusedError) as caught:
        Tokens(SECRET).check(token)
    assert caught.value.refusal is refusal


def test_an_issued_token_says_what_the_service_documents() -> None:
    now_s = int(time.time())
    token = Tokens(SECRET).issue("u", "u@example.com", "authenticated")
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    said = jwt.decode(token, SECRET, algorithms=["HS256"], audience="authenticated")
    assert now_s <= said["iat"] <= time.time()
    assert said["exp"] == said["iat"] + 3600
    assert {key: said[key] for key in ("sub", "email", "role", "aud")} == {
        "sub": "u",
        "email": "u@example.com",
        "role": "authenticated",
        "aud": "authenticated",
    }


def test_a_passed_token_is_remembered_until_it_expires() -> None:
    now_s = time.time()
    tokens = Tokens(SECRET, lambda: now_s)
    token = tokens.issue("u", "u@example.com", "authenticated")
    expected = Claims("u", "authenticated", float(int(now_s) + 3600))
    assert tokens.remembered(token) is None
    assert tokens.check(token) == tokens.remembered(token) == expected
    short = jwt.encode(claims(exp=int(now_s) + 2), SECRET, "HS256")
    tokens.check(short)
    now_s += 2.0
    assert tokens.remembered(token) == expected
    assert tokens.remembered(short) is None
    tokens.forget()
    assert tokens.remembered(token) is None


def test_a_revoked_token_is_refused_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_LIMIT", 2)
    now_s = time.time()
    tokens = Tokens(SECRET, lambda: now_s)
    old, new = (tokens.issue(name, "u@example.com", "authenticated") for name in "ab")
    tokens.check(old)
    tokens.revoke(old, now_s + 10)
    assert tokens.remembered(old) is None
    with pytest.raises(TokenRefusedError) as caught:
        tokens.check(old)
    assert caught.value.refusal is Refusal.REVOKED
    tokens.revoke("another", now_s + 10)
    now_s += 11
    tokens.revoke(new, now_s + 10)  # full: those that have expired make room
    assert tokens.check(old).subject == "a"  # PyJWT's clock has not moved: it is still good there


def test_a_service_token_bears_the_role() -> None:
    tokens = Tokens(SECRET)
    assert tokens.check(tokens.issue_service()).role == "service_role"


def test_the_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_LIMIT", 2)
    tokens = Tokens(SECRET)
    made = [tokens.issue(str(index), "u@example.com", "authenticated") for index in range(3)]
    for token in made:
        tokens.check(token)
    known = [tokens.remembered(each) is not None for each in made]
    assert known == [False, True, True]  # the oldest had to go


def test_forged_tokens_are_refused_and_counted_over_the_wire(client: Client) -> None:
    user = client.login(0).body["user"]
    before = client.target.truth()["tokens_refused"]
    sent: dict[str, int] = {}
    minted = {"email": user["email"]}
    for refusal, token in forgeries(client.target.secret, user["id"]):
        raw = token.encode().decode("latin-1")  # http.client writes latin-1
        answer = client.ask("GET", "/api/v1/auth/me", token=raw)
        assert answer.status == 401
        expected = "Token has expired" if refusal is Refusal.EXPIRED else "Invalid token"
        assert answer.body["detail"] == expected
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        sent[refusal] = sent.get(refusal, 0) + 1
    good = jwt.encode(claims(sub=user["id"], **minted), client.target.secret, "HS256")
    assert client.ask("GET", "/api/v1/auth/me", token=good).body == user
    stranger = jwt.encode(claims(sub="nobody", **minted), client.target.secret, "HS256")
    answer = client.ask("GET", "/api/v1/auth/me", token=stranger)
    assert (answer.status, answer.body["detail"]) == (401, "Invalid token")
    sent["unknown_user"] = 1
    after = client.target.truth()["tokens_refused"]
    assert {why: after[why] - before.get(why, 0) for why in sent} == sent
