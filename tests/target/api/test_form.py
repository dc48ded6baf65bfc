"""multipart/form-data: what other programs write is read, what is broken is refused."""

import asyncio

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.target_client import multipart
from velroload.target.api.form import PARTS_MAX, read
from velroload.target.failure import Failure

KIND = "multipart/form-data; boundary=frontier"
HEAD = b'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


NAMES = st.text("abc_", min_size=1, max_size=8)
VALUES = st.text('a\r\n-é:;"= ', max_size=20)


@given(st.dictionaries(NAMES, VALUES, max_size=PARTS_MAX))
def test_what_is_written_is_read(fields: dict[str, str]) -> None:
    body, headers = multipart(fields)
    assert read(body, headers["Content-Type"]) == fields


def test_what_another_library_writes_is_read() -> None:
    form = aiohttp.FormData(
        {"model_id": "sdxl", "prompt": "Größe\r\n\r\n--"}, default_to_multipart=True
    )
    form.add_field("image", b"\xff\xfe", filename="x.png", content_type="image/png")
    writer = form()
    assert isinstance(writer, aiohttp.MultipartWriter)
    body = asyncio.run(writer.as_bytes())
    assert read(body, str(writer.content_type)) == {
        "model_id": "sdxl", "prompt": "Größe\r\n\r\n--",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", KIND),
        (b"gibberish", KIND),
        (HEAD + b"x", KIND),  # no end
        (HEAD + b"x\r\n--frontier\r\n", KIND),
        (b"early" + HEAD + b"x\r\n--frontier--\r\n", KIND),
        (HEAD + b"\xff\r\n--frontier--\r\n", KIND),
        (b"--frontier\r\nContent-Type: text/plain\r\n\r\nx\r\n--frontier--\r\n", KIND),
        (b'--frontier\r\nContent-Disposition: form-data; name="a"\r\nx\r\n--frontier--', KIND),
        (HEAD + b"x\r\n--frontier--\r\n", "multipart/form-data"),
        (HEAD + b"x\r\n--frontier--\r\n", 'multipart/form-data; boundary=""'),
        ((HEAD + b"x\r\n") * (PARTS_MAX + 1) + b"--frontier--\r\n", KIND),
    ],
)
def test_what_is_broken_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(Failure) as caught:
        read(body, kind)
    assert (caught.value.status, caught.value.detail) == (
        422,
        "body: not valid multipart/form-data",
    )


def test_as_many_parts_as_there_may_be() -> None:
    assert read((HEAD + b"x\r\n") * PARTS_MAX + b"--frontier--\r\n", KIND) == {"a": "x"}


def test_names_in_quotes_and_other_parameters() -> None:
    body = b'--a b\r\ncontent-disposition: FORM-DATA; x="y"; name="k"\r\nX: y\r\n\r\nv\r\n--a b--'
    assert read(body, 'multipart/form-data; charset=utf-8; boundary="a b"') == {"k": "v"}
