"""From flags to the plan, and the line that each contradiction gets."""

import argparse
from fractions import Fraction
from pathlib import Path

import pytest

from velroload.cli.flags import make_plan
from velroload.cli.parser import build_parser, subcommands
from velroload.cli.values import Values
from velroload.errors import ConfigError
from velroload.plan.body import File
from velroload.plan.model import EMBEDDED, Load, Plan, Stage, Timeouts
from velroload.plan.steps import Think

S = 1_000_000_000
URL = "http://127.0.0.1:8080/x"


def values_of(words: list[str], environ: dict[str, str] | None = None) -> Values:
    parser = subcommands(build_parser())["run"]
    nothing = argparse.Namespace(**{action.dest: None for action in parser._actions})
    return Values(parser.parse_args(words, nothing), parser, environ or {}, words)


def plan_of(*words: str) -> Plan:
    return make_plan(values_of([URL, *words]), [])


def load_of(*words: str) -> Load:
    return plan_of(*words).scenarios[0].load


def mistake(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plan_of(*words)
    return str(caught.value)


def test_a_bare_url_is_ten_users_for_ten_seconds_and_says_so() -> None:
    assumed: list[str] = []
    plan = make_plan(values_of([URL]), assumed)
    assert plan.scenarios[0].load == Load("constant-vus", users=10, duration_ns=10 * S)
    assert assumed == ["10 users", "10s"]
    assert (plan.name, plan.target) == ("127.0.0.1:8080", "http://127.0.0.1:8080")
    request = plan.scenarios[0].requests[0]
    assert (request.method, request.path, request.body) == ("GET", "/x", None)
    assert plan.timeouts == Timeouts(3 * S, 10 * S)
    assert 0 <= plan.seed < 2**32


@pytest.mark.parametrize(
    ("words", "load"),
    [
        (
            "-u 1k -d 1m --ramp 5s",
            Load("constant-vus", users=1000, duration_ns=60 * S, ramp_ns=5 * S),
        ),
        ("-n 500 -u 5", Load("constant-vus", users=5, iterations=500)),
        ("-n 3", Load("constant-vus", users=3, iterations=3)),
        ("-n 500 -d 2s", Load("constant-vus", users=10, iterations=500, duration_ns=2 * S)),
        ("-c 64", Load("constant-vus", users=64, duration_ns=10 * S)),
        ("-R 5000 -d 30s", Load("constant-arrival-rate", rate=Fraction(5000), duration_ns=30 * S)),
        (
            "--request-rate 1k/s -u 200 -d 9s --arrival poisson --late drop",
            Load("constant-arrival-rate", users=200, request_rate=Fraction(1000), arrival="poisson",
                 late="drop", duration_ns=9 * S),
        ),
        (
            "-R 10 -n 100 --max-vus 7",
            Load("constant-arrival-rate", rate=Fraction(10), iterations=100, max_vus=7),
        ),
        (
            "-s 30s:100 -s 1m:0",
            Load("ramping-vus", stages=(Stage(30 * S, Fraction(100)), Stage(60 * S, Fraction(0)))),
        ),
        (
            "-s 30s:100/s -u 5 --ramp 1s",
            Load("ramping-arrival-rate", stages=(Stage(30 * S, Fraction(100)),), users=5,
                 ramp_ns=S),
        ),
    ],
)  # fmt: skip
def test_load(words: str, load: Load) -> None:
    assert load_of(*words.split()) == load


def test_think() -> None:
    assert load_of("--think", "uniform 1s 3s").think == Think("uniform", (S, 3 * S))
    assert load_of("-s", "1s:5", "--think", "1s").think == Think("constant", (S,))


def test_request(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b"\x00{}")
    request = plan_of("-b", f"@{body}", "-H", "A: b: c ", "-H", "X:").scenarios[0].requests[0]
    assert (request.method, request.body) == ("POST", File(str(body)))
    assert request.headers == (("A", "b: c"), ("X", ""))
    assert plan_of("-m", "PUT", "-b", "é").scenarios[0].requests[0].body == "é".encode()


def test_redirects() -> None:
    assert plan_of().scenarios[0].requests[0].redirects == 0
    words = ("--redirects", "5", *(w for h in ("h", "::1", "[::1]:8", "https://h:9") for w in
             ("--allow-host", h)))  # fmt: skip
    plan = plan_of(*words)
    assert plan.scenarios[0].requests[0].redirects == 5
    assert plan.allow_hosts == ("h", "::1", "[::1]:8", "https://h:9")


def test_cookies() -> None:
    assert not plan_of().cookies
    assert plan_of("--cookies").cookies


def test_judgement_and_limits() -> None:
    words = ("--slo", "p99<75ms", "--slo", "errors<1%", "--abort-on", "errors>5% for 10s")
    more = ("--timeout", "2s", "--graceful-stop", "1s", "--seed", "7", "--allow-host", "h")
    plan = plan_of(*words, *more)
    assert [threshold.source for threshold in plan.thresholds] == ["p99<75ms", "errors<1%"]
    assert plan.abort_on[0].window_ns == 10 * S
    assert plan.timeouts == Timeouts(2 * S, 2 * S)
    assert (plan.graceful_stop_ns, plan.seed, plan.allow_hosts) == (S, 7, ("h",))


def test_secrets_are_known_and_nothing_else() -> None:
    plan = plan_of("-H", "Authorization: Bearer abc", "-H", "Accept: x", "-H", "cookie: k=v")
    assert plan.secrets == ("Bearer abc", "abc", "k=v")


def test_without_a_target_the_main_job() -> None:
    plan = make_plan(values_of([]), [])
    assert plan.target == EMBEDDED
    load = plan.scenarios[0].load
    assert (load.users, load.request_rate, load.ramp_ns, load.duration_ns) == (
        200, Fraction(1000), 5 * S, 15 * S
    )  # fmt: skip
    assert [step.endpoint for step in plan.scenarios[0].requests] == ["me", "list_generations"]


def test_the_main_job_under_another_load() -> None:
    plan = make_plan(values_of("-u 20 -R 50 -d 2s --ramp 0s".split()), [])
    assert plan.scenarios[0].load == Load(
        "constant-arrival-rate", users=20, rate=Fraction(50), duration_ns=2 * S
    )
    plan = make_plan(values_of("-u 20 -n 100".split()), [])
    assert plan.scenarios[0].load == Load("constant-vus", users=20, iterations=100)
    assert plan.target == EMBEDDED


COUNT = "write a whole number, such as 100, 10k or 1M"
TIME = "write a number with a unit, such as 30s, 1m30s or 250ms"
RATE = "write a number per second, such as 500, 1000/s, 10k/s or 600/m"
THINK = "write 1s, 'uniform 1s 3s' (least, most) or 'exponential 200ms' (mean)"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-u", "5x"], f"--users '5x': {COUNT}"),
        (["--users=-5"], f"--users '-5': {COUNT}"),
        (["-u", "0"], "--users '0': more than 0 is needed"),
        (["-u", "1.5"], f"--users '1.5': {COUNT}"),
        (["-u", "17M"], "load: users is 17000000: at most 16777215 are possible"),
        (["-n", "0"], "--requests '0': more than 0 is needed"),
        (["-c", "0"], "--connections '0': more than 0 is needed"),
        (["-d", "5"], f"--duration '5': {TIME}"),
        (["-d", "0s"], "--duration '0s': more than 0 is needed"),
        (["-d", "ten"], f"--duration 'ten': {TIME}"),
        (["-R", "fast"], f"--rate 'fast': {RATE}"),
        (["-R", "0"], "--rate '0': more than 0 is needed"),
        (["--timeout", "0s"], "--timeout '0s': more than 0 is needed"),
        (["--seed", "x"], "--seed 'x': write a whole number from 0 to 2^64 - 1"),
        (["-s", "30s"], "--stage '30s': write TIME:USERS or TIME:RATE/s, such as 30s:100 or "
         "30s:100/s"),
        (["-s", "30:5"], f"--stage '30:5': time '30': {TIME}"),
        (["-s", "30s:x"], f"--stage '30s:x': users 'x': {COUNT}"),
        (["-s", "30s:x/s"], f"--stage '30s:x/s': rate 'x/s': {RATE}"),
        (["--think", "soon"], f"--think 'soon': {THINK}"),
        (["--think", "uniform 3s 1s"], f"--think 'uniform 3s 1s': {THINK}"),
        (["--arrival", "burst", "-R", "5"], "--arrival 'burst': write uniform or poisson"),
        (["--late", "no", "-R", "5"], "--late 'no': write late or drop"),
        (["-H", "novalue"], "--header 'novalue': write 'NAME: VALUE'"),
        (["-H", "a b: c"], "header 'a b': write NAME: VALUE, the name without spaces"),
        (["-H", "X: a\r\nY: b"], "header X: the value contains a line break or a NUL"),
        (["-H", "X: a\0"], "header X: the value contains a line break or a NUL"),
        (["-H", "Content-Length: 5"],
         "header Content-Length: it is written by velroload from the body's size"),
        (["-m", "GE T"], "method 'GE T': write a token such as GET or POST"),
        (["--redirects", "x"], "--redirects 'x': write a whole number from 0 to 50"),
        (["--redirects", "51"], "--redirects '51': write a whole number from 0 to 50"),
        (["--allow-host", "a b"],
         "--allow-host 'a b': write HOST, HOST:PORT or https://HOST:PORT"),
        (["--allow-host", "ftp://a"],
         "--allow-host 'ftp://a': write HOST, HOST:PORT or https://HOST:PORT"),
        (["--allow-host", "a/b"],
         "--allow-host 'a/b': write HOST, HOST:PORT or https://HOST:PORT"),
        (["--cookies", "-H", "cookie: a=b"],
         "header cookie: the cookies that users keep are sent in it; a request has one Cookie "
         "header (RFC 6265 section 5.4)"),
        (["--slo", "p99>"], "threshold 'p99>', column 5: the limit is missing: write a value such "
         "as 75ms"),
    ],
)  # fmt: skip
def test_mistakes(words: list[str], line: str) -> None:
    assert mistake(*words) == line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-R 5 --request-rate 5",
         "--rate and --request-rate exclude each other: both say how many per second"),
        ("-s 1s:5 -d 5s", "--duration and --stage exclude each other: the stages say how long"),
        ("-s 1s:5 -R 5", "--rate and --stage exclude each other: the stages say how much; write "
         "--stage 30s:100/s"),
        ("-s 1s:5 -u 5", "--users and --stage exclude each other: the stages say how many; begin "
         "with --stage 0s:100"),
        ("-s 1s:5 --ramp 5s", "--ramp and --stage exclude each other: the stages are the ramp"),
        ("-s 1s:5 -s 1s:5/s",
         "--stage: some are users (30s:100), some rates (30s:100/s); take one"),
        ("-R 5 --think 1s",
         "--think and --rate exclude each other: the rate says when a request starts"),
        ("-s 1s:5/s --think 1s",
         "--think and --stage exclude each other: their rate says when a request starts"),
        ("-R 5 -u 5 --max-vus 5",
         "--users and --max-vus exclude each other: N users are all there are"),
        ("--arrival poisson", "--arrival needs a rate: add --rate 100 or --stage 30s:100/s"),
        ("--late drop -s 1s:5", "--late needs a rate: add --rate 100 or --stage 30s:100/s"),
        ("--max-vus 5", "--max-vus needs a rate: add --rate 100 or --stage 30s:100/s"),
        ("-u 10 -c 20",
         "--connections 20 is more than the 10 users can use; take as many users"),
        ("-u 10 -n 5",
         "--requests 5 is less than one request for each of 10 users; take fewer users"),
        ("--timeout 1s --connect-timeout 2s",
         "--connect-timeout 2s is longer than the timeout of a whole request, 1s; raise --timeout"),
    ],
)  # fmt: skip
def test_contradictions(words: str, line: str) -> None:
    assert mistake(*words.split()) == line


def test_requests_of_the_main_job_are_its_own() -> None:
    with pytest.raises(ConfigError) as caught:
        make_plan(values_of(["-m", "GET"]), [])
    assert str(caught.value) == (
        "--method: the main job on the embedded target has requests of its own; name a URL"
    )
