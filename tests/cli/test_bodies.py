"""The flags of a body, and the line that each mistake gets."""

import os
from pathlib import Path

import pytest

from tests.cli.test_flags import mistake, plan_of
from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.model import Request


def request_of(*words: str) -> Request:
    return plan_of(*words).scenarios[0].requests[0]


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    return str(tmp_path / "a.png")


def test_bodies(file: str) -> None:
    found: list[tuple[list[str], Body]] = [
        (["-b", "x"], b"x"),
        (["-b", f"@{file}"], File(file)),
        (["--json", '{"a": ${user}, "b": "${user}"}'], Json(b'{"a": ${user}, "b": "${user}"}')),
        (["--json", f"@{file}"], Json(File(file))),
        (["--data-urlencode", "a=b=c", "--data-urlencode", "d="], Form((("a", "b=c"), ("d", "")))),
        (["-F", "a=b;c", "-F", f"f=@{file};type=image/x;filename=n.png"],
         Multipart((Part("a", "b;c"), Part("f", File(file), "image/x", "n.png")))),
        (["-F", "a=b;type=text/plain; charset=utf-8"],
         Multipart((Part("a", "b", "text/plain; charset=utf-8"),))),
    ]  # fmt: skip
    for words, body in found:
        request = request_of(*words)
        assert (request.method, request.body, request.stream) == ("POST", body, False)
    assert request_of("-b", f"@{file}", "--stream", "-m", "PUT").stream


def test_secret_fields_are_secrets() -> None:
    words = ["--data-urlencode", "user=u", "--data-urlencode", "password=p5"]
    assert plan_of(*words).secrets == ("p5",)
    assert plan_of("-F", "user=u", "-F", "api_key=k7", "-H", "Cookie: c").secrets == ("c", "k7")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-b", "@missing.json"],
         "--body '@missing.json': the file cannot be read: no such file or directory"),
        (["-b", "@/"], "--body '@/': the file cannot be read: is a directory"),
        (["-b", "@/dev/null"], "--body '@/dev/null': not a regular file; save it as one first"),
        (["--json", "@missing"],
         "--json '@missing': the file cannot be read: no such file or directory"),
        (["--json", "{a: 1}"],
         "--json '{a: 1}': not JSON: expecting property name enclosed in double quotes: line 1 "
         "column 2 (char 1); is its quoting lost in the shell?"),
        (["-F", "a"], "--form 'a': write NAME=VALUE"),
        (["-F", "=a"], "--form '=a': write NAME=VALUE"),
        (["-F", "a=@missing"],
         "--form '@missing': the file cannot be read: no such file or directory"),
        (["-F", "a=b;type=png"], "--form 'a=b;type=png': type 'png' is not one such as image/png"),
        (["--data-urlencode", "a"], "--data-urlencode 'a': write NAME=VALUE"),
        (["-b", "x", "--json", "1"],
         "--body and --json exclude each other: a request has one body"),
        (["-F", "a=b", "--data-urlencode", "a=b"],
         "--form and --data-urlencode exclude each other: a request has one body"),
        (["--stream"], "--stream: there is no body to stream; add --body @FILE"),
        (["--stream", "-b", "${user}"],
         "stream of POST /x: a body with ${slots} has no length of its own that its chunks could "
         "say; send it whole"),
        (["-b", "${nobody}"],
         "scenario 'main': POST /x uses ${nobody}, which no step before it captures or sets"),
        (["-m", "CONNECT"], "method CONNECT: it asks for a tunnel, which is not built here"),
        (["-m", "TRACE", "-b", "x"],
         "method TRACE: a body does not go with it (RFC 9110 section 9.3.8)"),
    ],
)  # fmt: skip
def test_mistakes(words: list[str], line: str) -> None:
    assert mistake(*words) == line


def test_an_unreadable_body_file(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        name = f"{tmp_path}/\0"
        assert mistake("-b", f"@{name}").endswith("the file cannot be read: embedded null byte")
        return
    secret = tmp_path / "secret"
    secret.touch(mode=0)
    assert mistake("-b", f"@{secret}").endswith("the file cannot be read: permission denied")
