"""curl commands as plans."""

from typing import Any

import pytest

from velroload.errors import ConfigError
from velroload.plan.importers.curl import import_curl
from velroload.plan.loader import parse_plan

ENVIRON = {"AUTHORIZATION": "Bearer x", "COOKIE": "a=b"}


def flow_of(text: str) -> list[Any]:
    made = import_curl(text, "x")
    parse_plan(made.text(), "x.yaml", environ=ENVIRON)
    flow: list[Any] = made.document["flow"]
    return flow


GOLDEN = """\
# yaml-language-server: $schema=./velroload.schema.json
#
# Made of 2 curl commands.
# not mapped: --proxy
# AUTHORIZATION: set it in the environment to what the command had: a plan holds no secrets
name: imported
target: https://api.example.com
defaults:
  compressed: true
  tls: {verify: false}
  timeout: 5s
load: {users: 10, hold: 10s}
flow:
  - POST /v1/items?x=1:
      headers: {accept: '*/*', Authorization: '${env:AUTHORIZATION}'}
      json: '{"a": "it''s é", "n": 3}'
  - PUT /v1/form:
      form: {a: '1', b: two words}
thresholds: [errors < 1%]
"""


def test_as_a_browser_copies_them() -> None:
    text = (
        "curl 'https://api.example.com/v1/items?x=1' -H 'accept: */*' \\\n"
        "  -H 'Authorization: Bearer abc' -H 'content-type: application/json' \\\n"
        '  --data-raw $\'{"a": "it\\\'s \\u00e9", "n": 3}\' --compressed ;\n'
        "curl -sSk -XPUT https://api.example.com/v1/form -d a=1 -d 'b=two words' -m 5 --proxy p:1\n"
    )
    made = import_curl(text, "x")
    assert made.text() == GOLDEN
    assert parse_plan(made.text(), "x.yaml", environ=ENVIRON).target == "https://api.example.com"


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("curl http://h", {"GET /": {"expect": "200-399"}}),
        ("curl -I h/x", {"HEAD /x": {"expect": "200-399"}}),
        ("curl -G http://h/x -d a=1 --data-urlencode 'b=c d'",
         {"GET /x": {"query": {"a": "1", "b": "c d"}}}),
        ("curl http://h --json '{}'", {"POST /": {"json": "{}"}}),
        ("curl http://h -d plain -H 'Content-Type: text/plain'",
         {"POST /": {"headers": {"Content-Type": "text/plain"}, "body": "plain"}}),
        ("curl http://h -u me:hush", {"GET /": {"headers": {"Authorization":
                                                            "${env:AUTHORIZATION}"}}}),
        ("curl http://h -b a=b -A agent -e from",
         {"GET /": {"headers": {"Cookie": "${env:COOKIE}", "User-Agent": "agent",
                                "Referer": "from"}}}),
        ("curl http://h -F a=b -F 'c=d e'", {"POST /": {"multipart": {"a": "b", "c": "d e"}}}),
        ("curl -sLo /dev/null -w '%{http_code}' http://h", {"GET /": {"expect": "200-399"}}),
        ("/usr/bin/curl --request=DELETE --url http://h/x", {"DELETE /x": {"expect": "200-399"}}),
    ],
)  # fmt: skip
def test_a_command(command: str, step: dict[str, Any]) -> None:
    assert flow_of(command) == [step]


def test_options_of_the_whole_plan() -> None:
    made = import_curl("curl -kL4 --connect-timeout 2.5 --connect-to a:80:127.0.0.1:81 http://a",
                       "x")  # fmt: skip
    assert made.document["defaults"] == {
        "tls": {"verify": False}, "redirects": 10, "connecting": {"family": 4, "connect_to":
        "a:80:127.0.0.1:81"}, "connect_timeout": "2.5s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "import curl: no curl command is there; write it in quotes, or a file"),
        ("wget http://h", "import curl: 'wget' is no curl command"),
        ("curl -s", "import curl: the command has no URL"),
        ("curl http://h -H", "import curl: -H: its value is missing"),
        ("curl http://h http://i", "import curl: 'http://i': one URL per command is understood"),
        ("curl ftp://h", "import curl: 'ftp://h' is no http URL"),
        ("curl http://me:hush@h",
         "import curl: credentials do not belong in a URL; use -u or a header"),
        ("curl 'http://h", "import curl: no closing quotation: check the quotes"),
        ("curl http://h -m soon", "import curl: 'soon': a time in seconds is needed"),
        ("curl http://h -F x", "import curl: -F 'x': write NAME=VALUE"),
        ("curl http://h --data-urlencode x",
         "import curl: --data-urlencode 'x': write NAME=VALUE"),
        ("curl http://h\ncurl http://i",
         "import curl: http://i is another place than http://h; a plan has one target"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        import_curl(text, "x")
    assert str(caught.value) == message
