"""mask.py: what a server sent, without secrets and safe to be shown."""

import pytest

from velroload.plan.mask import Mask, clean

JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sGVsbG8"
MASK = Mask(("hunter2-of-the-plan", "grün & co"))


def shown(data: bytes, *, beginning: bool = True) -> str | None:
    return MASK.excerpt(data, beginning).get("text")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"HTTP/1.1 500 No\r\nServer: x\r\n\r\n{}", r"HTTP/1.1 500 No\r\nServer: x\r\n\r\n{}"),
        (b"A: b\r\nSet-Cookie: session=abc; Path=/\r\nC: d", r"A: b\r\nSet-Cookie: ***\r\nC: d"),
        (b"x\r\nset-COOKIE:abc", r"x\r\nset-COOKIE:***"),
        (b"x\nX-Api-Key: abc\nX-Auth-Token: d", r"x\nX-Api-Key: ***\nX-Auth-Token: ***"),
        (b'{"access_token": "a b\\" c", "n": 1}', '{"access_token": "***", "n": 1}'),
        (b'{"password":"abc', '{"password":"***'),
        (b'{\\"password\\":\\"abc\\", \\"n\\": 1}', '{\\"password\\":\\"***\\", \\"n\\": 1}'),
        (b"{'api_key': 'abc', 'pin': 1}", "{'api_key': '***', 'pin': 1}"),
        (b'{"secret": 4711, "tokens": ["a", "b"], "n": 2}',
         '{"secret": ***, "tokens": ***, "n": 2}'),
        (b"/path?token=abc&page=2", "/path?token=***&page=2"),
        (b"sent Bearer abc.def-1 to me", "sent Bearer *** to me"),
        (b"who is " + JWT + b"?", "who is ***?"),
        (b"who is " + JWT[:30], "who is ***"),
        (b"https://user:pw@host/", "https://***@host/"),
        (b"the word is hunter2-of-the-plan.", "the word is ***."),
        (b"cut off: hunter2-of-t", "cut off: ***"),
        ("so grün & co".encode(), "so ***"),
        (b"so gr%C3%BCn+%26+co", "so ***"),
        ("größer als 1".encode(), "größer als 1"),
    ],
)  # fmt: skip
def test_secrets_are_masked(data: bytes, text: str) -> None:
    assert shown(data) == text


def test_what_does_not_print_is_escaped() -> None:
    evil = b"\x1b]0;owned\x07 \xc2\x9b31m \xe2\x80\xae <script>alert(1)</script> =1+1" + b"x" * 60
    text = shown(evil)
    assert text is not None
    assert text.isprintable()
    assert text.startswith(r"\x1b]0;owned\x07 \x9b31m \u202e <script>alert(1)</script> =1+1")


def test_bytes_that_are_no_text_are_hex() -> None:
    assert MASK.excerpt(b"\x15\x03\x01\x00\x02\x02\x16", True) == {"hex": "15 03 01 00 02 02 16"}
    found = MASK.excerpt(bytes(range(128, 256)) * 2, True)["hex"]
    assert found.startswith("80 81 82")
    assert len(found) == 3 * 64 - 1
    assert "hunter2" not in bytes.fromhex(
        MASK.excerpt(b"\x00" * 9 + b"hunter2-of-the-plan", True)["hex"]
    ).decode()  # fmt: skip


def test_what_begins_inside_something_is_shown_from_its_second_line() -> None:
    data = b'en": "abc", "x": 1\r\nzz\r\nmore'
    assert shown(data, beginning=False) == r"zz\r\nmore"
    assert MASK.excerpt(b"no line ends in here", False) == {}
    assert MASK.excerpt(b"", True) == {}


def test_never_more_than_256_letters() -> None:
    for data in (b"x" * 256, b"\n" * 256, "ä".encode() * 128, b"{" * 256, b"token=" * 40):
        text = shown(data)
        assert text is not None
        assert 0 < len(text) <= 256
    assert (shown(b"\n" * 256) or "").endswith("…")


def test_clean() -> None:
    assert clean("a\tb\x7f\u2028é") == r"a\tb\x7f\u2028é"
