"""loader.py: what a plan file means, as the frozen plan that it becomes."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.plan.document.plans import completed
from velroload.errors import ConfigError, ConfigErrors
from velroload.plan.body import File, Form, Json, Multipart, Part
from velroload.plan.check import Check
from velroload.plan.flow import Chance, If, Set, requests_in
from velroload.plan.loader import json_schema, load_plan, parse_plan
from velroload.plan.model import Capture, Load, Plan, Request, Stage, Think, Timeouts
from velroload.plan.values import Expression, Sequence, Uuid

S = 1_000_000_000


BODY = '{"a": "é", "b": [1, 2.5, true, null, "no"], "c": "1", "d": "2024-01-01", "e": {}}'


def plan_of(piece: str, **more: Any) -> Plan:
    more.setdefault("environ", {})
    return parse_plan(completed(piece), "dir/checkout.yaml", **more)


def flow_of(piece: str, **more: Any) -> tuple[Any, ...]:
    return plan_of(piece, **more).scenarios[0].flow


def test_defaults() -> None:
    plan = plan_of("")
    assert (plan.name, plan.target, plan.seed) == ("checkout", "embedded", 0)
    assert plan.scenarios[0].name == "main"
    assert plan.scenarios[0].flow == (Request("GET", "/health"),)
    assert (plan.timeouts, plan.headers, plan.secrets) == (Timeouts(), (), ())


def test_a_seed_is_used_where_the_plan_has_none() -> None:
    assert plan_of("", seed=7).seed == 7
    assert plan_of("seed: 5", seed=7).seed == 5


@pytest.mark.parametrize(
    ("text", "load"),
    [
        (
            "{users: 10k, ramp: 5s, hold: 1m30s, think: normal 2s 500ms}",
            Load("constant-vus", users=10_000, ramp_ns=5 * S, duration_ns=90 * S,
                 think=Think("normal", (2 * S, S // 2))),
        ),
        (
            "{users: 5, iterations: 50, pacing: 10s, start_after: 3s}",
            Load("constant-vus", users=5, iterations=50, pacing_ns=10 * S, start_after_ns=3 * S),
        ),
        (
            "{rate: 600/m, hold: 10s, warm_up: 1s, arrival: poisson, max_vus: 50, late: drop}",
            Load("constant-arrival-rate", rate=Fraction(10), duration_ns=10 * S, warm_up_ns=S,
                 arrival="poisson", max_vus=50, late="drop"),
        ),
        (
            "{request_rate: 1000/s, users: 200, ramp: 5s, hold: 10s}",
            Load("constant-arrival-rate", users=200, request_rate=Fraction(1000), ramp_ns=5 * S,
                 duration_ns=10 * S),
        ),
        (
            "{stages: [30s: 100, 0s: 50], start: 10}",
            Load("ramping-vus", start=Fraction(10),
                 stages=(Stage(30 * S, Fraction(100)), Stage(0, Fraction(50)))),
        ),
        (
            "{stages: [30s: 100/s], stage_unit: requests, users: 7}",
            Load("ramping-arrival-rate", stages=(Stage(30 * S, Fraction(100)),), users=7,
                 stage_unit="requests"),
        ),
    ],
)  # fmt: skip
def test_loads(text: str, load: Load) -> None:
    assert plan_of(f"load: {text}").scenarios[0].load == load


def test_a_request_with_everything() -> None:
    (request,) = flow_of("""
flow:
  - POST /a/${user}?x=1:
      name: a
      class: c
      tags: {team: t}
      query: {q: "a b&${user}", n: [1, 2]}
      headers: {X: y}
      json: {a: "é", b: [1, 2.5, true, null, no], "c": "1", d: 2024-01-01, e: {}}
      expect: [200, 300-302, 4xx]
      timeout: 2s
      on_error: end
      capture: {t: $.a, c: status, h: {header: ETag, default: ""}, r: {regex: 'a(\\d)'}}
      check: {json: {$.a: 1}, body: "a.b", size: 10..2KiB, time: 75ms}
""")
    assert request == Request(
        "POST",
        "/a/${user}?x=1&q=a%20b%26${user}&n=1&n=2",
        (("X", "y"),),
        Json(BODY.encode()),
        endpoint="a",
        cls="c",
        expect=((200, 200), (300, 302), (400, 499)),
        timeout_ns=2 * S,
        captures=(
            Capture("t", "$.a"),
            Capture("c", "", "status"),
            Capture("h", "ETag", "header", ""),
            Capture("r", r"a(\d)", "regex"),
        ),
        checks=(
            Check("json $.a", "json", subject="$.a", equals="1"),
            Check("body has a.b", "body", pattern=r"a\.b"),
            Check("size", "size", low=10, high=2048),
            Check("response time", "time", subject="response", limit_ns=75_000_000),
        ),
        tags=(("team", "t"),),
        on_error="end",
    )


def test_json_from_a_text_keeps_slots_as_numbers() -> None:
    (request,) = flow_of("flow: [POST /: {json: '{\"n\": ${user}}'}]")
    assert request.body == Json(b'{"n": ${user}}')


def test_bodies(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    plan = parse_plan(completed("""
flow:
  - POST /: {form: {a b: "ü&${user}"}}
  - POST /: {body: "x ${user}"}
  - POST /: {file: a.png, stream: true}
  - POST /: {multipart: {t: "${user}", f: {file: a.png, type: image/png}, u: {text: x}}}
"""), str(tmp_path / "p.yaml"), environ={})  # fmt: skip
    image = File(str(tmp_path / "a.png"))
    assert [request.body for request in plan.scenarios[0].requests] == [
        Form((("a b", "ü&${user}"),)),
        b"x ${user}",
        image,
        Multipart((Part("t", "${user}"), Part("f", image, "image/png"), Part("u", "x"))),
    ]
    assert [request.stream for request in plan.scenarios[0].requests] == [False, False, True, False]


def test_defaults_hold_for_every_request() -> None:
    plan = plan_of("""
flow: [GET /a, GET /b: {expect: 404}]
defaults: {expect: 2xx, headers: {A: b}, timeout: 2s, connections: 5, idle_timeout: 4s,
           redirects: 3, compressed: true, cookies: true}
""")
    assert [(r.redirects, r.compressed) for r in plan.scenarios[0].requests] == [(3, True)] * 2
    assert plan.cookies
    assert [r.expect for r in plan.scenarios[0].requests] == [((200, 299),), ((404, 404),)]
    assert (plan.headers, plan.connections) == ((("A", "b"),), 5)
    assert plan.timeouts == Timeouts(2 * S, 2 * S, 4 * S)


def test_probability_when_and_generators_wrap_a_request() -> None:
    (step,) = flow_of("""
flow:
  - GET /${uuid()}/${sequence(5)}: {probability: 25%, when: user == '1'}
""")
    request = Request("GET", "/${_uuid1}/${_sequence2}", endpoint="GET /${uuid()}/${sequence(5)}")
    inner = (Set("_uuid1", Uuid()), Set("_sequence2", Sequence(5)), request)
    assert step == If(Expression("user == '1'"), (Chance(Fraction(1, 4), inner),))


def test_scenarios_share_the_session_unless_they_have_their_own() -> None:
    plan = plan_of("""
session: {steps: [GET /login]}
scenarios:
  a: {load: {users: 1, hold: 1s}, flow: [GET /a]}
  b: {load: {users: 1, hold: 1s}, flow: [GET /b], session: {steps: [GET /other]}, weight: 2}
""")
    assert [s.name for s in plan.scenarios] == ["a", "b"]
    sessions = [scenario.session for scenario in plan.scenarios]
    paths = [request.path for each in sessions if each for request in requests_in(each.steps)]
    assert paths == ["/login", "/other"]
    assert plan.scenarios[1].weight == 2


def test_phases_stand_for_the_load() -> None:
    plan = plan_of("""
flow: [GET /a: {name: a, probability: 0.5}]
phases:
  - {name: p, users: 5, ramp: 2s, hold: 8s, rate: 10/s, mix: {a: 0.9},
     targets: {rate: 9/s, p99.9: 75ms, errors: 1%}}
""")
    assert plan.scenarios[0].load == plan.phases[0].load
    assert [t.source for t in plan.phases[0].thresholds] == [
        "rate >= 9/s", "p99.9(response) <= 75ms", "errors <= 1%",
    ]  # fmt: skip
    mixed = plan.scenarios[0].with_mix(dict(plan.phases[0].mix))
    assert (plan.scenarios[0].requests_per_iteration, mixed.requests_per_iteration) == (
        Fraction(1, 2), Fraction(9, 10),
    )  # fmt: skip
    assert plan.duration_ns == 15 * S


def test_an_abort_threshold_is_an_abort_rule_too() -> None:
    plan = plan_of("thresholds: ['errors < 1% over 10s abort']")
    (rule,) = plan.abort_on
    assert (rule.op, rule.limit, rule.window_ns) == (">=", 0.01, 10 * S)
    assert not rule.holds(0.005)
    assert rule.holds(0.02)


def test_variables_and_overrides() -> None:
    piece = "variables: {limit: 20, n: 3}\nflow:\n  - GET /${limit}: {when: int(n) > 2}"
    (step,) = flow_of(piece)
    assert step.condition == Expression("int(n) > 2", (("n", "3"),))
    assert requests_in((step,))[0].path == "/20"
    (step,) = flow_of(piece, variables=["limit=5", "n=a=b"])
    assert requests_in((step,))[0].path == "/5"
    assert step.condition.constants == (("n", "a=b"),)


def test_set_changes_any_key() -> None:
    settings = ["load.users=7", "flow[1]={GET /c: {expect: 404}}", 'flow[0]."GET /a".name=x y',
                "defaults.timeout=1s", "seed=9", "name="]  # fmt: skip
    with pytest.raises(ConfigErrors) as caught:
        plan_of("flow: [GET /a: {}, GET /b]", settings=settings)
    assert caught.value.lines == (
        "--set name: name: '' does not fit; write a name of up to 200 visible characters",
    )
    plan = plan_of("flow: [GET /a: {}, GET /b]", settings=settings[:-1])
    assert plan.scenarios[0].load.users == 7
    assert [r.endpoint for r in plan.scenarios[0].requests] == ["x y", "GET /c"]
    assert (plan.timeouts.request_ns, plan.seed) == (S, 9)


def test_set_leaves_other_users_of_an_anchor_alone() -> None:
    plan = plan_of(
        "x-o: &o {timeout: 1s}\nflow: [GET /a: *o, GET /b: *o]",
        settings=['flow[0]."GET /a".timeout=2s'],
    )
    assert [r.timeout_ns for r in plan.scenarios[0].requests] == [2 * S, S]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"variables": ["limt=5"]},
         "--var limt: the plan has no such variable; did you mean limit?"),
        ({"variables": ["limit"]}, "--var limit: write NAME=TEXT"),
        ({"settings": ["load"]}, "--set load: write PATH=VALUE, such as load.users=50"),
        ({"settings": ["load..x=1"]}, "--set load..x: write PATH=VALUE, such as load.users=50"),
        ({"settings": ["flow[3]=GET /"]}, "--set flow[3]: [3]: there are 1 items, from [0]"),
        ({"settings": ["target.x=1"]}, "--set target.x: x: what it stands in is no map"),
        ({"settings": ["load.usrs=1"]},
         "--set load.usrs: load.usrs: no such key; did you mean users?"),
        ({"settings": ["load.users=[1"]},
         "--set load.users: YAML: did not find expected ',' or ']'; "
         'inside { } and [ ] a text with ${…} needs quotes: "${name}"'),
    ],
)  # fmt: skip
def test_mistakes_of_overrides(more: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        plan_of("variables: {limit: 5}", **more)
    assert caught.value.lines == (line,)


def test_merged_anchors_and_shelves() -> None:
    flow = flow_of("""
x-common: &common {timeout: 1s, expect: 200}
flow:
  - GET /a: {<<: *common, expect: 404}
  - GET /b: {<<: [{timeout: 3s}, *common]}
""")
    assert [(r.timeout_ns, r.expect) for r in flow] == [(S, ((404, 404),)), (3 * S, ((200, 200),))]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "the plan cannot be read: no such file or directory"),
        (b"a: " + b"x" * (1 << 20), "the plan is larger than 1 MiB; put its data into files"),
        (b"a: \xff", "the plan is no UTF-8 text (byte 3)"),
    ],
)
def test_files_that_cannot_be_read(content: bytes | None, line: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert str(caught.value) == f"{path}: {line}"


def bomb(width: int) -> str:
    lines = ["x-0: &a0 [x]"]
    for level in range(1, 9):
        inner = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"x-{level}: &a{level} [{inner}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        ("x-a: &a 1\nx-b: [" + "*a," * 101 + "]", "x-b[100]: more than 100 aliases"),
        (bomb(10), "x-6: more than 300,000 values, aliases written out"),
        ("x-a: " + "[" * 150 + "]" * 150, "nested more than 100 deep"),
    ],
)
def test_bombs(piece: str, what: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        plan_of(piece)
    assert what in caught.value.lines[0]


def test_an_empty_plan() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_plan("# nothing\n", "p.yaml", environ={})
    assert caught.value.lines == ("p.yaml:1:1: the plan is empty; see `velroload schema`",)


def test_a_hundred_mistakes_are_enough() -> None:
    with pytest.raises(ConfigErrors) as caught:
        plan_of("".join(f"wrong{number}: 1\n" for number in range(500)))
    assert len(caught.value.lines) == 100


def test_the_schema_is_valid_and_refuses_what_the_loader_refuses() -> None:
    schema = json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    good = {"target": "embedded", "load": {"users": 5, "hold": "1s"}, "flow": ["GET /"]}
    assert validator.is_valid(good)
    wrongs: list[dict[str, object]] = [
        {"nmae": 1},
        {"load": {"users": 5, "hold": "1x"}},
        {"flow": ["get /"]},
        {"flow": []},
        {"thresholds": "x"},
    ]
    for wrong in wrongs:
        assert not validator.is_valid({**good, **wrong}), wrong


def test_a_thousand_steps_load_with_few_imports(tmp_path: Path) -> None:
    """What `velroload check` must not pay for."""
    path = tmp_path / "p.yaml"
    steps = "".join(
        f"  - GET /x/{n}: {{expect: 200, capture: {{a{n}: $.a}}}}\n" for n in range(1000)
    )
    path.write_text(f"target: embedded\nload: {{users: 1, hold: 1s}}\nflow:\n{steps}")
    code = (
        "import sys, json; from velroload.plan.loader import load_plan;"
        "plan = load_plan(sys.argv[1]); heavy = ('numpy', 'jsonpath', 'simpleeval', 'pydantic',"
        "'asyncio', 'velroload._core');"
        "print(json.dumps([len(plan.endpoints), [m for m in heavy if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert json.loads(done.stdout) == [1000, []]
