"""Plan files on the command line: check, schema, and which flags change a plan."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_flags import values_of
from velroload.cli.flags import make_plan
from velroload.cli.main import main
from velroload.errors import ConfigError, Exit
from velroload.plan.model import Load, Plan, Stage, Think, Timeouts
from velroload.plan.tls import Tls
from velroload.report import REPORTS

S = 1_000_000_000
PLAN = """
target: https://127.0.0.1:8443
seed: 5
variables: {limit: 20}
defaults: {headers: {A: b, C: d}, timeout: 4s, connections: 3, tls: {resume: true},
           connecting: {retry: false, sources: 127.0.0.2}}
load: {users: 5, ramp: 1s, hold: 2s, think: 1s}
flow: [GET /a: {query: {limit: "${limit}"}}]
thresholds: ["errors < 1%"]
allow_hosts: [a.example]
output: {dir: here, reports: [x.json]}
"""
KINDS = "its name says its kind: " + ", ".join(REPORTS)


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "p.yaml").write_text(PLAN)
    return str(tmp_path / "p.yaml")


def plan_of(*words: str) -> Plan:
    return make_plan(values_of(list(words)), [])


def test_a_plan_alone(path: str) -> None:
    plan = plan_of(path)
    assert (plan.name, plan.target, plan.seed) == ("p", "https://127.0.0.1:8443", 5)
    assert plan.timeouts == Timeouts(3 * S, 4 * S)
    assert plan.tls == Tls(resume=True)
    assert (plan.connecting.retry, plan.connecting.sources) == (False, ("127.0.0.2",))
    assert (plan.output.folder, plan.output.reports) == ("here", ("x.json",))


def test_flags_win_over_the_plan(path: str) -> None:
    plan = plan_of(
        path, "--seed", "7", "--timeout", "2s", "-c", "2", "-H", "c: e", "--slo", "p95<1s abort",
        "--tls-min", "1.3", "--allow-host", "b.example", "--graceful-stop", "1s",
        "--var", "limit=5", "--set", "flow[0].\"GET /a\".name=first", "--abort-on", "errors>5%",
        "--source", "127.0.0.3",
    )  # fmt: skip
    assert (plan.seed, plan.connections, plan.graceful_stop_ns) == (7, 2, S)
    assert plan.timeouts == Timeouts(2 * S, 2 * S)
    assert plan.headers == (("A", "b"), ("c", "e"))
    assert [t.source for t in plan.thresholds] == ["errors < 1%", "p95<1s abort"]
    assert [(t.source, t.op) for t in plan.abort_on] == [("errors>5%", ">"), ("p95<1s abort", ">=")]
    assert plan.tls == Tls(minimum="1.3", resume=True)
    assert plan.allow_hosts == ("a.example", "b.example")
    assert plan.connecting.sources == ("127.0.0.3",)
    (request,) = plan.scenarios[0].requests
    assert (request.endpoint, request.path) == ("first", "/a?limit=5")


@pytest.mark.parametrize(
    ("words", "load"),
    [
        (["-u", "9", "-d", "3s", "--ramp", "0s"],
         Load("constant-vus", users=9, duration_ns=3 * S, think=Think("constant", (S,)))),
        (["-n", "50", "--think", "2s"],
         Load("constant-vus", users=5, ramp_ns=S, duration_ns=2 * S, iterations=50,
              think=Think("constant", (2 * S,)))),
        (["-R", "10/s", "--arrival", "poisson"],
         Load("constant-arrival-rate", users=5, ramp_ns=S, duration_ns=2 * S, rate=Fraction(10),
              arrival="poisson")),
        (["--request-rate", "10/s", "-u", "2"],
         Load("constant-arrival-rate", users=2, ramp_ns=S, duration_ns=2 * S,
              request_rate=Fraction(10))),
        (["-s", "5s:10"], Load("ramping-vus", stages=(Stage(5 * S, Fraction(10)),))),
    ],
)  # fmt: skip
def test_flags_change_the_load(path: str, words: list[str], load: Load) -> None:
    assert plan_of(path, *words).scenarios[0].load == load


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-m", "POST"],
         "--method: the plan has requests of its own; change it there, or with --set"),
        (["-b", "x"], "--body: the plan has requests of its own; change it there, or with --set"),
        (["--late", "drop"],
         "load: late does not go with constant-vus: no start can be late there"),
        (["-R", "5", "--request-rate", "5"],
         "--rate and --request-rate exclude each other: both say how many per second"),
    ],
)  # fmt: skip
def test_flags_that_do_not_go_with_this_plan(path: str, words: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(path, *words)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("scenarios: {a: {load: {users: 1, hold: 1s}, flow: [GET /]},"
         " b: {load: {users: 1, hold: 1s}, flow: [GET /]}}",
         "--users: the plan has scenarios, each with a load of its own; "
         "change it there, or with --set scenarios…"),
        ("phases: [{name: a, users: 1, hold: 1s}]\nflow: [GET /]",
         "--users: the plan has phases, each with a load of its own; "
         "change it there, or with --set phases…"),
    ],
)  # fmt: skip
def test_several_loads_are_not_one_flags_matter(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "p.yml").write_text(f"target: embedded\n{text}")
    with pytest.raises(ConfigError) as caught:
        plan_of(str(tmp_path / "p.yml"), "-u", "5")
    assert str(caught.value) == line


def test_stages_need_a_duration_when_a_rate_takes_their_place(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("target: embedded\nload: {stages: [1s: 5]}\nflow: [GET /]")
    with pytest.raises(ConfigError) as caught:
        plan_of(str(path), "-R", "5")
    assert str(caught.value) == "--rate: the plan's load has stages; say how long: -d"


@pytest.mark.parametrize("words", [["--var", "a=b"], ["http://127.0.0.1/", "--set", "a=b"]])
def test_plan_flags_need_a_plan(words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(*words)
    flag = words[-2]
    assert str(caught.value) == f"{flag}: it changes a plan; name one: PLAN.yaml"


def test_check_says_what_is_in_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("""
target: embedded
load: {users: 5, hold: 2s}
flow:
  - GET /a
  - take: d
  - if: user == '1'
    then: [GET /b]
data: {d: {inline: [{a: 1}]}}
thresholds: ["errors < 1%"]
""")
    assert main(["check", str(path)]) == Exit.PASS
    out, err = capsys.readouterr()
    assert (out.replace(f"{path}: ", ""), err) == (
        "no mistakes: 1 scenario, 2 endpoints, 1 threshold; 5 users for 2s\n"
        "assumed: \"user == '1'\" holds half of the time (expect_share says otherwise)\n",
        "",
    )


def test_check_of_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("""
target: embedded
flow: [GET /a]
phases:
  - {name: a, users: 1000, hold: 1m, rate: 10/s}
  - {name: b, users: 50, ramp: 10s, hold: 1m, rate: 2k/s}
""")
    main(["check", str(path), "--set", "phases[0].users=1500"])
    said = capsys.readouterr().out.splitlines()[0]
    assert said.endswith("up to 1,500 users and 2,000/s in 2 phases, 2m20s in all")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ([], ["velroload: plan is missing (see --help)"]),
        (["nowhere.yaml"],
         ["velroload: nowhere.yaml: the plan cannot be read: no such file or directory"]),
        (["p.yaml", "--set", "load.users=5x", "--var", "limt=1"],
         ["--var limt: the plan has no such variable; did you mean limit?",
          "--set load.users: load.users: '5x' does not fit; "
          "write a whole number, such as 100, 10k or 1M",
          "velroload: 2 mistakes in the plan"]),
        (["p.yaml", "--set", "target=http://h:0"],
         ["velroload: target 'http://h:0': its host or port is malformed; "
          "write http://host:8080/"]),
        (["p.yaml", "--set", "output.reports=x.doc"],
         [f"velroload: output.reports 'x.doc': {KINDS}"]),
    ],
)  # fmt: skip
def test_check_says_every_mistake(
    tmp_path: Path, words: list[str], lines: list[str],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PLAN)
    assert main(["check", *words]) == Exit.USAGE
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in lines))


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == Exit.PASS
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert schema["properties"]["target"]["description"].startswith("The service")
