"""Control messages and the program's memory: what is cut anywhere arrives whole, or is refused."""

import errno
import json
import os
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.engine import control
from velroload.engine.control import Decoder, encode, read_program, write_program

MESSAGES: list[dict[str, Any]] = [{"go": 12345678901234567, "spin_ns": 0}, {}, {"é": [1, None]}]


def test_framing_split_at_every_byte() -> None:
    stream = b"".join(map(encode, MESSAGES))
    for at in range(len(stream) + 1):
        decoder = Decoder()
        assert decoder.feed(stream[:at]) + decoder.feed(stream[at:]) == MESSAGES
    decoder = Decoder()
    got = [message for at in range(len(stream)) for message in decoder.feed(stream[at : at + 1])]
    assert got == MESSAGES


JSON = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@given(st.lists(JSON, max_size=4), st.integers(1, 9))
def test_every_object_arrives_as_it_was(messages: list[dict[str, Any]], size: int) -> None:
    stream = b"".join(map(encode, messages))
    decoder = Decoder()
    got: list[dict[str, Any]] = []
    for at in range(0, len(stream), size):
        got += decoder.feed(stream[at : at + size])
    assert got == messages


def framed(text: bytes) -> bytes:
    return struct.pack("=I", len(text)) + text


def test_the_longest_message() -> None:
    text = json.dumps({"x": "y" * (control.MESSAGE_BYTES_MAX - 9)}).encode()
    assert len(text) == control.MESSAGE_BYTES_MAX
    assert Decoder().feed(framed(text)) == [json.loads(text)]


def test_a_message_that_is_too_long_is_refused_before_it_is_collected() -> None:
    with pytest.raises(ValueError, match=r"^a control message of 1048577 bytes$"):
        Decoder().feed(struct.pack("=I", control.MESSAGE_BYTES_MAX + 1))


@pytest.mark.parametrize("text", [b"[]", b"1", b'"x"', b"null"])
def test_a_message_that_is_not_an_object(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^a control message that is not an object$"):
        Decoder().feed(framed(text))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"{}{}"])
def test_a_message_that_is_not_json(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the json module's
        Decoder().feed(framed(text))


ARRAYS = {"steps": bytes(range(256)), "empty": b"", "literals": b"\x00\r\n"}


def test_a_program_comes_out_as_it_went_in() -> None:
    fd = write_program({"users": 3, "phases": [0]}, ARRAYS)
    try:
        for _ in range(2):  # reading leaves it as it was
            assert read_program(fd) == ({"users": 3, "phases": [0]}, ARRAYS)
    finally:
        os.close(fd)


def test_a_program_is_sealed() -> None:
    fd = write_program({}, ARRAYS)
    try:
        for spoil in (
            lambda: os.pwrite(fd, b"x", 0),
            lambda: os.ftruncate(fd, 1),
            lambda: os.ftruncate(fd, 1 << 20),
        ):
            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
                spoil()
            assert caught.value.errno == errno.EPERM
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_a_program_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(control, "PROGRAM_VERSION", 7)
        fd = write_program({}, ARRAYS)
    try:
        with pytest.raises(ValueError, match=r"^program version 7, not 1$"):
            read_program(fd)
    finally:
        os.close(fd)
