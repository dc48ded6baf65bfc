"""Flags of connections: what they mean, and the line that each mistake gets."""

import sys
from types import ModuleType
from typing import Any

import pytest

from tests.cli.test_flags import plan_of, values_of
from velroload import _core
from velroload.cli.flags import make_plan
from velroload.cli.main import main
from velroload.errors import ConfigError, Exit
from velroload.plan.connecting import Connecting, ConnectTo
from velroload.plan.model import Plan
from velroload.runner.options import Options

URL = "http://h:8080/x"


def connecting_of(*words: str) -> Connecting:
    return plan_of(*words).connecting


def test_defaults() -> None:
    assert connecting_of() == Connecting()


@pytest.mark.parametrize(
    ("words", "connecting"),
    [
        ("--no-keepalive", Connecting(keep_alive=False)),
        ("--requests-per-connection 1k", Connecting(requests_max=1000)),
        ("--warm-connections", Connecting(warm=True)),
        ("--no-retry --reset-at-end", Connecting(retry=False, reset_at_end=True)),
        ("-4", Connecting(family=4)),
        ("--ipv6", Connecting(family=6)),
        (
            "--connect-to h:80:127.0.0.1:8080 --connect-to ::[::1]:",
            Connecting(
                connect_to=(
                    ConnectTo("h", 80, "127.0.0.1", 8080), ConnectTo(None, None, "::1", None)
                )
            ),
        ),
        ("--connect-to H:::1", Connecting(connect_to=(ConnectTo("h", None, None, 1),))),
        (
            "--source 127.0.0.2,127.0.0.3,::1,127.0.0.2",
            Connecting(sources=("127.0.0.2", "127.0.0.3", "::1")),
        ),
        ("--source 127.0.1.0/30", Connecting(sources=("127.0.1.1", "127.0.1.2"))),
    ],
)  # fmt: skip
def test_flags(words: str, connecting: Connecting) -> None:
    assert connecting_of(*words.split()) == connecting


FORM = "write HOST:PORT:ADDR:PORT, such as h:80:127.0.0.1:8080"
ADDRESSES = "write addresses or a network, such as 127.0.0.2,127.0.0.3 or 127.0.1.0/24"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--connect-to h:80", f"--connect-to 'h:80': {FORM}"),
        ("--connect-to h:80:::1:80", f"--connect-to 'h:80:::1:80': {FORM}"),
        ("--connect-to h:eighty:a:1", f"--connect-to 'h:eighty:a:1': {FORM}"),
        (
            "--connect-to h:0:a:1",
            "--connect-to 'h:0:a:1': 0 is no port; write 1 to 65535",
        ),
        (
            "--connect-to h:1:a:70000",
            "--connect-to 'h:1:a:70000': 70000 is no port; write 1 to 65535",
        ),
        ("-4 -6", "--ipv4 and --ipv6 exclude each other: without them both are used"),
        ("--source localhost", f"--source 'localhost': {ADDRESSES}"),
        ("--source 127.0.0.1,", f"--source '127.0.0.1,': {ADDRESSES}"),
        (
            "--source 127.0.1.5/24",
            "--source '127.0.1.5/24': 127.0.1.5/24 is no network; write 127.0.1.0/24",
        ),
        (
            "--source 127.0.0.0/8",
            "--source '127.0.0.0/8': at most 4,096 addresses are possible",
        ),
        (
            "--requests-per-connection 0",
            "--requests-per-connection '0': more than 0 is needed",
        ),
        (
            "--requests-per-connection many",
            "--requests-per-connection 'many': write a whole number, such as 100, 10k or 1M",
        ),
        (
            "--no-keepalive --requests-per-connection 2",
            "--no-keepalive and --requests-per-connection exclude each other: "
            "each connection carries one request",
        ),
        (
            "--no-keepalive --warm-connections",
            "--no-keepalive and --warm-connections exclude each other: "
            "each connection carries one request",
        ),
    ],
)
def test_each_mistake_is_one_line(words: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(*words.split())
    assert str(caught.value) == line


@pytest.mark.parametrize("words", ["--connect-to h:1:a:1", "-4", "-6"])
def test_the_embedded_target_has_an_address_of_its_own(words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_plan(values_of(words.split()), [])
    flag = {"-4": "--ipv4", "-6": "--ipv6"}.get(words, "--connect-to")
    assert str(caught.value) == (
        f"{flag}: the embedded target has an address of its own; name a URL"
    )


def test_the_environment_says_no_too() -> None:
    plan = make_plan(values_of([URL], {"VELROLOAD_NO_KEEPALIVE": "no", "VELROLOAD_IPV4": "1"}), [])
    assert plan.connecting == Connecting(family=4)


class Runner:
    """Stands where the runner does."""

    def __init__(self) -> None:
        self.calls: list[tuple[Plan, Options]] = []

    def execute(self, plan: Plan, options: Options, ui: Any) -> int:
        self.calls.append((plan, options))
        return Exit.PASS


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Runner:
    stand_in = Runner()
    module = ModuleType("velroload.runner.run")
    module.execute = stand_in.execute  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "velroload.runner.run", module)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    if _core.BUILD["profile"] != "release":
        monkeypatch.setenv("VELROLOAD_ALLOW_DEBUG_CORE", "1")
    return stand_in


def test_connect_to_changes_the_address_and_nothing_else(runner: Runner) -> None:
    words = ["http://example.com/x", "-q", "--connect-to", "example.com:80:127.0.0.1:8080"]
    assert main(words) == Exit.PASS
    ((plan, options),) = runner.calls
    assert options.addresses == (("127.0.0.1", 8080),)
    assert plan.target == "http://example.com"


def test_the_address_that_is_really_connected_to_needs_the_consent(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["http://127.0.0.1/", "-q", "--connect-to", "127.0.0.1:80:203.0.113.7:80"]
    assert main(words) == Exit.USAGE
    assert capsys.readouterr().err == (
        "velroload: 203.0.113.7 is public and there is no consent to load it: nothing was sent; "
        "give it with --allow-host 203.0.113.7\n"
    )
    assert not runner.calls
    assert main([*words, "--allow-host", "127.0.0.1"]) == Exit.USAGE
    assert main([*words, "--allow-host", "203.0.113.7"]) == Exit.PASS
    link_local = ["http://127.0.0.1/", "-q", "--connect-to", ":::169.254.169.254:80"]
    capsys.readouterr()
    assert main([*link_local[:2], "--connect-to", "::169.254.169.254:80"]) == Exit.USAGE
    assert capsys.readouterr().err == (
        "velroload: 169.254.169.254 is link-local: it is never loaded\n"
    )


def test_a_unix_socket_needs_no_consent(runner: Runner) -> None:
    assert main(["unix:/run/app.sock:/x?y=1", "-q"]) == Exit.PASS
    ((plan, options),) = runner.calls
    assert options.addresses == (("unix:/run/app.sock", 0),)
    assert (plan.target, plan.name) == ("unix:/run/app.sock", "unix:/run/app.sock")
    assert plan.scenarios[0].requests[0].path == "/x?y=1"
