"""What a request carries, and what of it can hold slots."""

from collections.abc import Callable

import pytest

from velroload.errors import ConfigError
from velroload.plan.body import File, Form, Json, Multipart, Part, files_of, texts_of
from velroload.plan.model import Request


def test_texts_and_files() -> None:
    file = File("a")
    parts = (Part("x", "${user}"), Part("f", file, filename="${user}.png"))
    assert list(texts_of(Multipart(parts))) == ["${user}", "${user}.png"]
    assert list(files_of(Multipart(parts))) == [file]
    assert list(texts_of(Form((("a", "b"),)))) == ["a", "b"]
    assert list(files_of(Form((("a", "b"),)))) == []
    assert list(texts_of(Json(b"{}"))) == [b"{}"]
    assert (list(texts_of(Json(file))), list(files_of(Json(file)))) == ([], [file])
    assert (list(texts_of(file)), list(files_of(file))) == ([], [file])
    assert (list(texts_of(None)), list(files_of(None))) == ([], [])
    assert Request("POST", "/", body=Multipart(parts)).slots == ("user", "user")


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Part("", "x"), "a part of a form needs a name"),
        (lambda: Part("x", "x", "png"), "part 'x': type 'png' is not one such as image/png"),
        (lambda: Part("x", "x", "a/b\r\nX: y"),
         "part 'x': type 'a/b\\r\\nX: y' is not one such as image/png"),
        (lambda: Multipart(()), "a multipart form has no part"),
        (lambda: Request("CONNECT", "/"),
         "method CONNECT: it asks for a tunnel, which is not built here"),
        (lambda: Request("TRACE", "/", body=b""),
         "method TRACE: a body does not go with it (RFC 9110 section 9.3.8)"),
        (lambda: Request("PUT", "/", stream=True), "stream of PUT /: there is no body to stream"),
        (lambda: Request("PUT", "/", body=b"${user}", stream=True),
         "stream of PUT /: a body with ${slots} has no length of its own that its chunks could "
         "say; send it whole"),
    ],
)  # fmt: skip
def test_refusals(make: Callable[[], object], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == line
