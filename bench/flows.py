"""What a flow costs beside the constant request: worker CPU per request, pauses alike.

    python -m bench.flows [--rounds 3] [--window 8] [--users 64] [--velroload "CMD"] [--short]

The flow: six requests, two of them by chance, a pause after each, a token captured in every pass
and sent in every header, two generated values. The constant request is one GET with the same pause.
nginx answers both, with 700 bytes of JSON where the token is. The goal: at most 1.25 times the
constant request's CPU; user CPU, without the kernel's part, is shown beside it. k6 and Locust's
FastHttpUser do the same flow where they are installed (their whole process tree is counted).
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench import ourselves
from bench.background import Gone, running, until
from bench.flags import parser_for
from bench.flow_rivals import FLOW_RIVALS, FlowRival
from bench.harness import alternate, announce, median, save, say_length, show
from bench.nginx import Nginx

Json = dict[str, Any]
LIMIT = 1.25
SETTLE_S = 1.5
AROUND_S = 2.0
MARGIN_S = 30
TOKEN = "t" * 300
NOTE = "n" * 330
BODY = f'{{"access_token": "{TOKEN}", "user": {{"id": 7}}, "note": "{NOTE}"}}'
LOGIN = f"location = /login {{ default_type application/json; return 200 '{BODY}'; }}"
LOGIN = LOGIN.replace("{", "{{").replace("}", "}}")
"""A line of nginx's configuration, which is a template."""
PAUSE = "exponential 1ms"

CONSTANT = """\
target: {url}
load: {{users: {users}, hold: {seconds}s, think: {pause}}}
flow: [GET /]
"""
FLOW = """\
target: {url}
load: {{users: {users}, hold: {seconds}s}}
flow:
  - set: {{id: uuid, n: random_int 1 1000}}
  - GET /login: {{capture: {{token: $.access_token}}}}
  - think: {pause}
  - GET /items/${{id}}: {{headers: {{Authorization: "Bearer ${{token}}"}}}}
  - think: {pause}
  - GET /pages?n=${{n}}: {{headers: {{Authorization: "Bearer ${{token}}"}}}}
  - think: {pause}
  - GET /often: {{headers: {{Authorization: "Bearer ${{token}}"}}, probability: 0.9}}
  - think: {pause}
  - GET /seldom: {{headers: {{Authorization: "Bearer ${{token}}"}}, probability: 0.5}}
  - think: {pause}
  - GET /last: {{headers: {{Authorization: "Bearer ${{token}}"}}}}
  - think: {pause}
"""
PLANS = {"constant": CONSTANT, "flow": FLOW}


def user_s(pids: Sequence[int]) -> tuple[float, float]:
    """User CPU, and all of it. psutil.Error when a process is gone."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user for each in times), sum(each.user + each.system for each in times)


def tree_pids(root: int) -> list[int]:
    """A process and all that it started."""
    return [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]


def window(
    nginx: Nginx,
    command: Sequence[str],
    users: int,
    seconds: float,
    pids: Callable[[int], list[int]] = ourselves.worker_pids,
) -> Json:
    """One run looked at for `seconds`. Gone when it ends before or shows no worker."""
    with running(command) as process:
        until(process, lambda: nginx.status()["active"] >= users, 60)
        time.sleep(SETTLE_S)
        workers = pids(process.pid)
        if not workers:
            raise Gone("no worker process was found")
        started, requests = time.monotonic(), nginx.requests()
        user_before, all_before = user_s(workers)
        time.sleep(seconds)
        user_after, all_after = user_s(workers)
        requests = nginx.requests() - requests
        elapsed_s = time.monotonic() - started
    if not requests:
        raise Gone("no request came within the window")
    return {
        "requests": requests,
        "rate_per_s": requests / elapsed_s,
        "user_us": (user_after - user_before) * 1e6 / requests,
        "cpu_us": (all_after - all_before) * 1e6 / requests,
    }


def measure(flags: Any, name: str) -> Json:
    """One round of one plan, against a fresh nginx."""
    with (
        tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch,
        Nginx([flags.server_cpu], more=LOGIN) as nginx,
    ):
        plan = Path(scratch) / f"{name}.yaml"
        seconds = flags.window + MARGIN_S
        plan.write_text(
            PLANS[name].format(
                url=nginx.url.rstrip("/"), users=flags.users, seconds=f"{seconds:g}", pause=PAUSE
            )
        )
        command = ourselves.command_for(
            flags.velroload,
            str(plan),
            seconds=seconds,
            folder=Path(scratch) / "run",
            cpus=[flags.client_cpu],
            extra=["--idle", "sleep"],
        )
        try:
            return {"command": show(command), **window(nginx, command, flags.users, flags.window)}
        except (Gone, OSError, psutil.Error) as error:
            return {"command": show(command), "failed": str(error)}


def measure_rival(flags: Any, rival: FlowRival) -> Json:
    """One round of another tool on the client's CPU, against a fresh nginx."""
    with (
        tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch,
        Nginx([flags.server_cpu], more=LOGIN) as nginx,
    ):
        seconds = round(flags.window + MARGIN_S)
        words = rival.command(Path(scratch), nginx.url.rstrip("/"), flags.users, seconds)
        if words is None:
            return {"failed": "not installed"}
        command = ["taskset", "-c", str(flags.client_cpu), *words]
        try:
            seen = window(nginx, command, flags.users, flags.window, tree_pids)
            return {"command": show(command), **seen}
        except (Gone, OSError, psutil.Error) as error:
            return {"command": show(command), "failed": str(error)}


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("flows", __doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=float, default=8)
    parser.add_argument("--users", type=int, default=64)
    flags = parser.parse_args(argv)
    if flags.short:
        flags.rounds, flags.window = 1, 3
    head = announce("flows", argv)
    rivals = {rival.name: rival for rival in FLOW_RIVALS}
    names = [*PLANS, *(name for name in rivals if shutil.which(name))]
    say_length(flags.rounds * len(names) * (flags.window + SETTLE_S + AROUND_S))
    runs: dict[str, list[Json]] = {}
    for _, name in alternate(names, flags.rounds):
        run = measure(flags, name) if name in PLANS else measure_rival(flags, rivals[name])
        runs.setdefault(name, []).append(run)
        print({"plan": name, **{k: v for k, v in run.items() if k != "command"}}, flush=True)
    rows: list[Json] = []
    for name, found in runs.items():
        good = [run for run in found if "failed" not in run]
        figures = {
            key: median([run[key] for run in good]) if good else None
            for key in ("user_us", "cpu_us", "rate_per_s")
        }
        rows.append({"plan": name, **figures, "runs": found})
    by_plan = {row["plan"]: row for row in rows}
    ratios = {
        key: by_plan["flow"][f"{key}_us"] / by_plan["constant"][f"{key}_us"]
        for key in ("cpu", "user")
        if all(row[f"{key}_us"] for row in rows)
    }
    ours_us = by_plan["flow"]["cpu_us"]
    others = {
        name: {"times_ours": by_plan[name]["cpu_us"] / ours_us, "least": rival.least}
        for name, rival in rivals.items()
        if ours_us and name in by_plan and by_plan[name]["cpu_us"]
    }
    print({"ratios": ratios, "limit": LIMIT, "others": others})
    result = {"rows": rows, "ratios": ratios, "limit": LIMIT, "others": others}
    save(head, result, flags.results)
    return 0 if ratios else 1


if __name__ == "__main__":
    raise SystemExit(main())
