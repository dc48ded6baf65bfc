"""`velroload run` up to the runner: options, consent, addresses, the debug core, the command."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from velroload import _core
from velroload.cli.main import main
from velroload.cli.progress import PlainUi
from velroload.errors import Exit, PreflightError
from velroload.plan.model import EMBEDDED, Plan
from velroload.runner.options import Options

URL = "http://127.0.0.1:9/"


class Runner:
    """Stands where the runner does and keeps what it was handed."""

    def __init__(self) -> None:
        self.calls: list[tuple[Plan, Options, Any]] = []
        self.code: int = Exit.PASS

    def execute(self, plan: Plan, options: Options, ui: Any) -> int:
        self.calls.append((plan, options, ui))
        return self.code

    @property
    def options(self) -> Options:
        return self.calls[0][1]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    stand_in = Runner()
    module = ModuleType("velroload.runner.run")
    module.execute = stand_in.execute  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "velroload.runner.run", module)
    proxies = [f"{name}_proxy" for name in ("http", "https", "all")]
    for name in ("CI", "NO_COLOR", *proxies, *(name.upper() for name in proxies)):
        monkeypatch.delenv(name, raising=False)
    return stand_in


def test_run_is_the_default_command(runner: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([URL, "-u", "2"]) == Exit.PASS
    assert main(["run", URL, "-u", "2"]) == Exit.PASS
    assert main(["-u", "2", URL]) == Exit.PASS
    assert [options.command for _, options, _ in runner.calls] == [
        f"velroload run {URL} -u 2",
        f"velroload run {URL} -u 2",
        f"velroload run -u 2 {URL}",
    ]
    assert capsys.readouterr() == ("", "assumed: 10s\n" * 3)


def test_a_proxy_of_the_environment_is_not_used_and_that_is_said(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy:3128")
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy")
    monkeypatch.setenv("https_proxy", "")
    assert main([URL, "-u", "2", "-d", "1s"]) == Exit.PASS
    line = "ignored: http_proxy, ALL_PROXY; requests go straight to the target\n"
    assert capsys.readouterr() == ("", line)


def test_where_redirects_may_lead_is_resolved_before_the_start(runner: Runner) -> None:
    words = ["--redirects", "3", "--allow-host", "127.0.0.2:81", "--allow-host", "127.0.0.3"]
    assert main([URL, "-u", "2", *words]) == Exit.PASS
    assert runner.options.others == (
        ("https://127.0.0.1", (("127.0.0.1", 443),)),
        ("http://127.0.0.2:81", (("127.0.0.2", 81),)),
        ("http://127.0.0.3", (("127.0.0.3", 80),)),
        ("https://127.0.0.3", (("127.0.0.3", 443),)),
    )


def test_without_redirects_no_other_host_is_resolved(runner: Runner) -> None:
    assert main([URL, "-u", "2", "--allow-host", "nowhere.invalid"]) == Exit.PASS
    assert runner.options.others == ()


PHASED = """
target: {url}
flow: [GET /]
phases:
  - name: only
    users: 1
    hold: 9s
    events: [{{at: 1s, GET: "{event}"}}, {{at: 2s, GET: /path}}, {{at: 3s, command: ["true"]}}]
"""


@pytest.mark.parametrize("url", [URL, "embedded", "unix:/tmp/x.sock"])
def test_where_events_may_go_is_resolved_before_the_start(
    runner: Runner, url: str, tmp_path: Path
) -> None:
    plan = tmp_path / "p.yaml"
    plan.write_text(PHASED.format(url=url, event="http://127.0.0.2:81/x?y=1"))
    assert main([str(plan)]) == Exit.PASS
    assert runner.options.called == (("http://127.0.0.2:81", (("127.0.0.2", 81),)),)


def test_an_event_goes_to_no_host_that_is_never_loaded(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "p.yaml"
    plan.write_text(PHASED.format(url=URL, event="http://169.254.169.254/x"))
    assert main([str(plan)]) == Exit.USAGE
    assert capsys.readouterr() == (
        "", "velroload: 169.254.169.254 is link-local: it is never loaded\n",
    )  # fmt: skip
    assert runner.calls == []


def test_a_host_that_is_never_loaded_is_no_place_for_redirects(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--redirects", "3", "--allow-host", "169.254.169.254"]
    assert main([URL, "-u", "2", *words]) == Exit.USAGE
    assert capsys.readouterr() == (
        "", "velroload: 169.254.169.254 is link-local: it is never loaded\n",
    )  # fmt: skip
    assert runner.calls == []


def test_defaults_of_the_options(runner: Runner) -> None:
    main([URL])
    plan, options, ui = runner.calls[0]
    assert options == Options(
        command=f"velroload run {URL}", allow_debug_core=options.allow_debug_core,
        addresses=(("127.0.0.1", 9),),
    )  # fmt: skip
    assert isinstance(ui, PlainUi)
    assert plan.target == "http://127.0.0.1:9"


def test_all_options(runner: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    words = "-w cpus:1,3-5 --out here -q -v --strict --inconclusive pass --idle spin".split()
    assert main([URL, *words, "--allow-debug-core"]) == Exit.PASS
    assert runner.options == Options(
        workers="cpus:1,3-5", out="here", idle="spin", verbose=True, quiet=True, strict=True,
        inconclusive_pass=True, allow_debug_core=True, addresses=(("127.0.0.1", 9),),
        command=f"velroload run {URL} {' '.join(words)} --allow-debug-core",
    )  # fmt: skip
    assert capsys.readouterr() == ("", "")


def test_the_environment(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELROLOAD_TARGET", URL)
    monkeypatch.setenv("VELROLOAD_USERS", "3")
    monkeypatch.setenv("VELROLOAD_WORKERS", "2")
    main(["-w", "1"])
    assert runner.calls[0][0].scenarios[0].load.users == 3
    assert runner.options.workers == "1"
    assert runner.options.addresses == (("127.0.0.1", 9),)


def test_without_a_target(runner: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--workers", "auto"])
    assert capsys.readouterr().err == (
        "no target: the embedded one is started on loopback for the main job (name a URL to load "
        "your own)\n"
    )
    main([])
    for plan, options, _ in runner.calls:
        assert (plan.target, options.addresses) == (EMBEDDED, ())


def test_secrets_are_not_in_the_command(runner: Runner) -> None:
    main([URL, "-q", "-H", "Authorization: Bearer it's"])
    assert runner.options.command == f"velroload run {URL} -q -H 'Authorization: ***'"


def test_the_exit_code_is_the_runners(runner: Runner) -> None:
    runner.code = Exit.FAIL
    assert main([URL]) == 99


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-w", "0"], "--workers '0': write auto, a number from 1 to 1024, or CPUs as cpus:1,3-5"),
        (["-w", "two"],
         "--workers 'two': write auto, a number from 1 to 1024, or CPUs as cpus:1,3-5"),
        (["-w", "cpus:3-1"], "--workers 'cpus:3-1': 3-1 ends before it begins"),
        (["-w", "cpus:1,"],
         "--workers 'cpus:1,': write auto, a number from 1 to 1024, or CPUs as cpus:1,3-5"),
        (["--idle", "nap"], "--idle 'nap': write sleep or spin or auto"),
        (["--inconclusive", "fail"], "--inconclusive 'fail': write pass"),
        (["--out", ""], "--out '': name a folder"),
        (["-u", "5x"], "--users '5x': write a whole number, such as 100, 10k or 1M"),
        (["--userz", "5"], "--userz: unknown flag; did you mean --users?"),
        (["--zzz"], "--zzz: unknown flag (see --help)"),
        (["-u", "-5"], "--users: its value is missing (one that begins with a dash: --users=-1)"),
        (["-u"], "--users: its value is missing (one that begins with a dash: --users=-1)"),
        (["--quiet=5"], "--quiet: takes no value, got 5"),
        (["second"], "second: one target only (quote a value that has blanks)"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line(
    words: list[str], line: str, runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([URL, *words]) == Exit.USAGE
    assert capsys.readouterr() == ("", f"velroload: {line}\n")
    assert not runner.calls


def test_a_public_host_without_a_terminal(
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["http://203.0.113.7/", "-R", "5000", "-d", "30s"]) == Exit.USAGE
    assert capsys.readouterr().err == (
        "velroload: 203.0.113.7 is public and there is no consent to load it: nothing was sent; "
        "give it with --allow-host 203.0.113.7\n"
    )
    assert not runner.calls
    assert main(["http://203.0.113.7/", "--allow-host", "203.0.113.7"]) == Exit.PASS
    assert runner.options.addresses == (("203.0.113.7", 80),)


def test_the_name_is_resolved_once_and_these_addresses_are_used(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second answer of the resolver (rebinding) cannot bring in an address nobody checked."""
    answers = [[("127.0.0.1", 80), ("::1", 80)], [("169.254.169.254", 80)]]
    monkeypatch.setattr("velroload.host.resolve.resolve", lambda host, port, family: answers.pop(0))
    assert main(["http://rebinding.example/", "-q"]) == Exit.PASS
    assert runner.options.addresses == (("127.0.0.1", 80), ("::1", 80))
    assert main(["http://rebinding.example/", "-q", "--allow-host", "rebinding.example"]) == 2
    assert capsys.readouterr().err == (
        "velroload: rebinding.example (169.254.169.254) is link-local: it is never loaded\n"
    )


def test_an_unknown_name_is_a_preflight_failure(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def resolve(host: str, port: int, family: int | None) -> list[tuple[str, int]]:
        raise PreflightError("cannot resolve nowhere.example: unknown")

    monkeypatch.setattr("velroload.host.resolve.resolve", resolve)
    assert main(["http://nowhere.example/"]) == Exit.PREFLIGHT
    assert capsys.readouterr().err == "velroload: cannot resolve nowhere.example: unknown\n"


def test_a_debug_core_is_refused(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(_core.BUILD, "profile", "debug")
    monkeypatch.delenv("VELROLOAD_ALLOW_DEBUG_CORE", raising=False)
    assert main([URL, "-q"]) == Exit.USAGE
    assert capsys.readouterr().err == (
        "velroload: the core is a debug build, which measures 6 to 12 times slower: "
        "run `make core`, or add --allow-debug-core\n"
    )
    assert main([URL, "-q", "--allow-debug-core"]) == Exit.PASS
