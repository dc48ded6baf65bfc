"""Bodies become bytes: encodings held to Python's own parsers, names that cannot escape."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import template
from velroload.errors import ConfigError
from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.model import Load, Plan, Request, Scenario
from velroload.protocol.address import Target, pack_address
from velroload.protocol.body import CHUNK_BYTES, INLINE_BYTES, boundaries, encode
from velroload.protocol.program import SPANS, compile_program

URL = "http://127.0.0.1:8080"
LOAD = Load("constant-vus", users=1, iterations=1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="$"))


def sent(body: Body | None, seed: int = 1, slots: tuple[bytes, ...] = (), **fields: Any) -> bytes:
    request = Request("POST", "/", body=body, **fields)
    plan = Plan("test", URL, (Scenario("main", LOAD, (request,)),), seed=seed)
    program = compile_program(plan, Target.of(URL), pack_address("127.0.0.1", 8080))
    return template.render(program, 0, slots)


def read_multipart(request: bytes) -> list[EmailMessage]:
    """The parts, by Python's own parser of MIME messages."""
    head, _, body = request.partition(b"\r\n\r\n")
    kind = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Type"))
    message = email.message_from_bytes(kind + b"\r\n\r\n" + body, policy=email.policy.HTTP)
    assert isinstance(message, EmailMessage)
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT)))
def test_a_form_is_read_back(fields: list[tuple[str, str]]) -> None:
    head, _, body = sent(Form(tuple(fields))).partition(b"\r\n\r\n")
    assert parse_qsl(body.decode(), keep_blank_values=True) == fields
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head
    assert head.endswith(b"Content-Length: %d" % len(body))


def test_slots_of_a_form_are_not_encoded() -> None:
    body = sent(Form((("a b", "x=${user}&"),)), slots=(b"17",)).partition(b"\r\n\r\n")[2]
    assert body == b"a+b=x%3D17%26"


def test_json_brings_its_headers_and_gives_way_to_the_requests_own() -> None:
    assert b"\r\nContent-Type: application/json\r\nAccept: application/json\r\n" not in sent(b"{}")
    request = sent(Json(b"{}"))
    assert b"Accept: application/json\r\n" in request
    assert b"Content-Type: application/json\r\n" in request
    assert request.count(b"Accept:") == 1
    own = sent(Json(b"{}"), headers=(("content-type", "application/merge-patch+json"),))
    assert own.lower().count(b"content-type") == 1
    assert b"content-type: application/merge-patch+json\r\n" in own


def test_a_multipart_form_with_files(tmp_path: Path) -> None:
    small, large = tmp_path / "a.png", tmp_path / "b"
    small.write_bytes(b"\x89PNG ${user}\r\n--x")
    large.write_bytes(bytes(range(256)) * 100)
    body = Multipart(
        (
            Part("prompt", "two\r\nlines é"),
            Part("image", File(str(small))),
            Part("raw", File(str(large)), "image/x-own", 'na"me\r\n.bin'),
        )
    )
    request = sent(body)
    head, _, content = request.partition(b"\r\n\r\n")
    assert head.endswith(b"Content-Length: %d" % len(content))
    assert content == sent(body).partition(b"\r\n\r\n")[2] != sent(body, seed=2)
    parts = read_multipart(request)
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert names == ["prompt", "image", "raw"]
    assert [part.get_filename() for part in parts] == [None, "a.png", "na%22me%0D%0A.bin"]
    assert [part.get_payload(decode=True) for part in parts] == [
        "two\r\nlines é".encode(),
        small.read_bytes(),
        large.read_bytes(),
    ]
    kinds = [part["content-type"] for part in parts]
    assert kinds == [None, "image/png", "image/x-own"]


@given(TEXT.filter(bool))
def test_no_name_of_a_part_can_end_its_line_or_quotes(name: str) -> None:
    head = sent(Multipart((Part(name, "x"),))).partition(b"\r\n\r\n")[2].split(b"\r\n")[1]
    prefix = b'Content-Disposition: form-data; name="'
    assert head.startswith(prefix)
    assert head.endswith(b'"')
    assert not set(b'"\r\n') & set(head[len(prefix) : -1])


def test_the_boundary_is_in_no_part(tmp_path: Path) -> None:
    """Whoever knows the seed could put it there."""
    taken = list(zip(boundaries(1), range(2), strict=False))
    (tmp_path / "f").write_bytes(b"x" * INLINE_BYTES + taken[1][0])
    body = Multipart((Part("a", taken[0][0].decode()), Part("f", File(str(tmp_path / "f")))))
    kind = dict(encode(body, 1).headers)["Content-Type"].encode()
    assert taken[0][0] not in kind
    assert taken[1][0] not in kind


def test_a_large_file_is_a_span_and_a_small_one_part_of_the_head(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for size, count in ((INLINE_BYTES - 1, 1), (INLINE_BYTES, 2)):
        file.write_bytes(b"$" * size)
        request = Request("PUT", "/", body=File(str(file)))
        plan = Plan("test", URL, (Scenario("main", LOAD, (request,)),))
        program = compile_program(plan, Target.of(URL), pack_address("127.0.0.1", 8080))
        assert len(template.parts(program)) == count
        assert bool(template.steps(program)[0]["flags"] & SPANS) == (count == 2)
        assert template.render(program, 0, ()).endswith(b"\r\n\r\n" + b"$" * size)


def test_chunks(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"a" * (2 * CHUNK_BYTES + 5))
    request = sent(File(str(file)), stream=True)
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.endswith(b"\r\nTransfer-Encoding: chunked")
    assert b"Content-Length" not in head
    whole = b"10000\r\n" + b"a" * CHUNK_BYTES + b"\r\n"
    assert body == whole * 2 + b"5\r\naaaaa\r\n0\r\n\r\n"
    assert sent(b"ab", stream=True).endswith(b"\r\n\r\n2\r\nab\r\n0\r\n\r\n")
    assert sent(b"", stream=True).endswith(b"chunked\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing", "it cannot be read: no such file or directory"),
        ("/", "it cannot be read: is a directory"),
        ("/dev/null", "not a regular file; save it as one first"),
    ],
)
def test_files_that_cannot_be_sent(path: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        encode(File(path), 0)
    assert str(caught.value) == f"file {path!r}: {why}"
