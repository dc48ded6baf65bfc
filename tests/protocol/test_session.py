"""protocol/session.py: how long a token lives, whatever a server sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.desk import jwt_of
from velroload.protocol.session import claims_of, life_of

NO_TOKEN = r"not a|exp lies|codec can't|Expecting|Invalid|padding|padded|utf-8|Extra data|cannot be"
NOW_S = 1_750_000_000.0
SECOND_NS = 1_000_000_000


def clock() -> float:
    return NOW_S


@pytest.mark.parametrize(
    ("text", "life_s"), [("3600", 3600), ("0.5", 0.5), (" 60 ", 60), ("3.6e3", 3600)]
)
def test_seconds(text: str, life_s: float) -> None:
    assert life_of(text, False, clock) == (0, round(life_s * SECOND_NS))


@pytest.mark.parametrize("text", ["", "soon", "-1", "0", "nan", "inf", "1e99", "true", "1 h"])
def test_no_seconds(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|a life of"):
        life_of(text, False, clock)


def test_a_jwt_says_when_it_was_issued_and_when_it_ends() -> None:
    token = jwt_of({"iat": NOW_S - 100, "exp": NOW_S + 3500})
    assert life_of(token, True, clock) == (100 * SECOND_NS, 3600 * SECOND_NS)
    without = jwt_of({"exp": NOW_S + 60})
    assert life_of(without, True, clock) == (0, 60 * SECOND_NS)


def test_a_clock_that_is_ahead_of_ours_issues_now() -> None:
    token = jwt_of({"iat": NOW_S + 5, "exp": NOW_S + 65})
    assert life_of(token, True, clock) == (0, 65 * SECOND_NS)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b",
        "a.b.c.d",
        "a.!!!.c",
        "a.é.c",
        "a.bm90IGpzb24.c",
        jwt_of([1, 2]),
        jwt_of("text"),
        jwt_of({}),
        jwt_of({"exp": "soon"}),
        jwt_of({"exp": True}),
        jwt_of({"exp": None}),
        jwt_of({"exp": NOW_S - 1}),
        jwt_of({"exp": NOW_S}),
        jwt_of({"exp": 1e300}),
        jwt_of({"exp": NOW_S + 60, "iat": "then"}),
        "a." + "W" * 100_000 + ".c",
    ],
)
def test_what_is_no_token_that_will_end(token: str) -> None:
    with pytest.raises(ValueError, match=NO_TOKEN):
        life_of(token, True, clock)


@given(st.text(), st.booleans())
def test_hostile_texts_are_refused_or_read(text: str, is_jwt: bool) -> None:
    try:
        since_ns, life_ns = life_of(text, is_jwt, clock)
    except ValueError:
        return
    assert since_ns >= 0
    assert 0 < life_ns <= 366 * 86_400 * SECOND_NS


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_payload_is_refused_or_read(exp: object) -> None:
    try:
        life_of(jwt_of({"exp": exp}), True, clock)
    except ValueError:
        return


def test_claims_without_looking_at_the_signature() -> None:
    assert claims_of(jwt_of({"sub": "u"}, signature="")) == {"sub": "u"}
