"""A run from a plan file: what it says is what is sent, and no secret of it is left anywhere."""

import os
from pathlib import Path

from tests.launch import CPUS, Launch
from tests.servers.counting import CountingServer, wait_for

CANARY = 'Zq7-canary "quoted" \\ back'
PLAN = """
target: {url}
variables: {{key: "${{env:CANARY}}"}}
defaults: {{headers: {{X-Key: "k ${{key}}"}}, timeout: 5s}}
load: {{users: 3, hold: 30s, think: 10ms}}
flow:
  - GET /a/${{user}}: {{name: first, headers: {{Authorization: "Bearer ${{env:CANARY}}"}}}}
  - think: 1ms
  - GET /b: {{query: {{q: "${{file:secret.txt}}"}}}}
thresholds: ["errors < 50% abort", "rate of scenario:main > 1/s"]
"""


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_plan_is_run_and_its_secrets_are_left_nowhere(tmp_path: Path) -> None:
    plan = tmp_path / "checkout.yaml"
    (tmp_path / "secret.txt").write_text("Zq7-filed\n")
    words = ("-n", "150", "-w", f"cpus:{CPUS[-1]}", "-v", "--report", str(tmp_path / "r.json"))
    with CountingServer(tmp_path) as server:
        plan.write_text(PLAN.format(url=server.url.rstrip("/")))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        with Launch(scratch, str(plan), *words, environ={"CANARY": CANARY}) as run:
            wait_for("the worker", lambda: bool(run.workers()))
            arguments = [" ".join(each.cmdline()) for each in run.workers()]
            code = run.finish()
        books = server.settled()
    assert code in (0, 4, 97), run.stderr  # a busy machine makes a run SUSPECT
    assert run.ledger()["ok"] == books.requests == 300
    assert run.run["name"] == "checkout"
    names = [row["name"] for row in run.run["endpoints"] if row["kind"] == "request"]
    assert names == ["first", "GET /b"]
    shown = contents(run.out) + contents(scratch) + (tmp_path / "r.json").read_bytes()
    for secret in ("Zq7-canary", "Zq7-filed"):
        assert secret.encode() not in shown
        assert secret not in " ".join(arguments)


def test_a_plan_with_mistakes_sends_nothing(tmp_path: Path) -> None:
    with CountingServer(tmp_path) as server:
        text = f"target: {server.url}\nload: {{users: 1, hold: 1x}}\nflow: [think: 1s, GET]\n"
        (tmp_path / "p.yaml").write_text(text)
        with Launch(tmp_path, os.fspath(tmp_path / "p.yaml")) as run:
            assert run.finish() == 2
        assert server.settled().connections == 1  # that of settled() itself
    assert [each.removeprefix(f"{tmp_path}/") for each in run.stderr.splitlines()] == [
        "p.yaml:2:24: load.hold: '1x' does not fit; "
        "write a number with a unit, such as 30s, 1m30s or 250ms",
        "p.yaml:3:19: flow[1]: 'GET' is not a step; write METHOD PATH, or think, group, choose, "
        "repeat, while, if, once, set, take, end",
        "velroload: 2 mistakes in the plan",
    ]
