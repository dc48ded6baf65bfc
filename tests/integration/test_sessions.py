"""Sessions, setup and teardown, accounts: from a plan file to the report, on real services."""

import asyncio
import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.launch import Launch
from tests.servers.counting import wait_for
from tests.servers.desk import Desk, jwt_of
from tests.servers.site import Site
from velroload.target.process import TargetProcess

SOON = ("-w", "2", "-q")
RAN = (0, 4, 97)
"""Exit codes of a run that went through, on a machine of whatever quality."""
LOGIN = """
session:
  login: {login}
  steps:
    - POST /login: {{json: {{u: "${{user}}"}}, capture: {{token: $.token, life: $.life}}}}
  headers: {{Authorization: "Bearer ${{token}}"}}
  renew:
    at: 50..90% of life
    POST: /refresh
    json: {{t: "${{token}}"}}
    capture: {{token: $.token}}
    on_401: once
"""


def write(folder: Path, text: str) -> str:
    path = folder / "plan.yaml"
    path.write_text(text)
    return str(path)


def balanced(run: Launch) -> dict[str, Any]:
    return run.ledger()


def rows(run: Launch) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in run.result["endpoints"]}


@pytest.mark.parametrize("login", ["first_use", "{when: ramp, rate_max: 40/s}",
                                   "{when: setup, rate_max: 60/s}"])  # fmt: skip
def test_users_log_in_renew_and_log_in_again(tmp_path: Path, login: str) -> None:
    """Tokens live 0.8 s and are good for 15 requests: both ways of losing one."""
    desk = Desk(life=0.8, uses=15)
    with desk.site() as site:
        plan = write(
            tmp_path,
            f"""
target: {site.url}
load: {{users: 8, hold: 2s, pacing: 40ms}}
{LOGIN.format(login=login)}
flow: [GET /me: {{on_error: login}}]
""",
        )
        with Launch(tmp_path, plan, *SOON) as run:
            assert run.finish() in RAN
        result, found = run.result, rows(run)
        seen = len(site.seen)
    requests = balanced(run)
    assert requests["sent"] == seen
    assert requests["planned"] == requests["started"] + requests["unstarted"]
    assert found["POST /login"]["setup"]
    assert found["POST /refresh"]["setup"]
    assert not found["GET /me"]["setup"]
    told = result["sessions"]
    assert told["logins"] >= 8
    assert told["renewals"] >= 1
    assert told["repeated"] >= 1
    assert told["lives_unreadable"] == 0
    assert len(desk.logins_s) == found["POST /login"]["count"]
    if "rate_max" in login:
        rate = 40 if "ramp" in login else 60
        first = sorted(desk.logins_s)[:8]
        assert first[-1] - first[0] > 7 / rate * 0.8
    if "setup" in login:
        assert told["before_the_load"]["users"] == 8
        assert told["before_the_load"]["took_ms"] > 100
    else:
        assert told["before_the_load"] is None


def test_a_login_before_the_load_that_fails_ends_the_run(tmp_path: Path) -> None:
    with Desk(refuse_logins=1000).site() as site:
        session = LOGIN.format(login="setup")
        plan = write(tmp_path, f"target: {site.url}\nload: {{users: 4, hold: 2s}}\n"
                     f"{session}\nflow: [GET /me]\n")  # fmt: skip
        with Launch(tmp_path, plan, *SOON) as run:
            assert run.finish() == 3
        assert {seen.path for seen in site.seen} == {"/login"}
    assert re.fullmatch(
        r"velroload: cannot log in: \d of 4 users got no session in three tries "
        r"\(status 401: .*\); nothing was measured\n",
        run.stderr,
    ), run.stderr


AROUND = """
target: {url}
load: {{users: 2, {load}}}
setup:
  - set: {{nonce: uuid}}
  - POST /begin: {{capture: {{run: $.run}}, headers: {{X-Nonce: "${{nonce}}"}}}}
  - if: run == 'r1'
    then: [GET /known]
teardown:
  - GET /gone/${{run}}
  - DELETE /end/${{run}}: {{headers: {{X-Nonce: "${{nonce}}"}}}}
flow:
  - GET /use/${{run}}: {{headers: {{X-Nonce: "${{nonce}}"}}}}
"""


async def begun(request: web.Request) -> web.StreamResponse:
    """/begin names the run, /gone/… is not there, /fail… fails."""
    if request.path.startswith("/gone"):
        return web.json_response({"detail": "long gone"}, status=404)
    return web.json_response({"run": "r1"})


def test_setup_and_teardown_are_done_once_and_not_measured(tmp_path: Path) -> None:
    with Site(begun) as site:
        with Launch(tmp_path, write(tmp_path, AROUND.format(url=site.url, load="iterations: 6")),
                    "-w", "2") as run:  # fmt: skip
            assert run.finish() in RAN
        paths = site.paths()
        nonces = {seen.headers.get("x-nonce") for seen in site.seen if "x-nonce" in seen.headers}
    assert paths[:2] == ["/begin", "/known"]
    assert paths[2:-2] == ["/use/r1"] * 6
    assert paths[-2:] == ["/gone/r1", "/end/r1"]
    assert len(nonces) == 1
    assert len(nonces.pop() or "") == 36
    assert balanced(run)["started"] == 6
    assert set(rows(run)) == {"GET /use/${run}"}
    assert 'teardown: GET /gone/${run} got status 404: {"detail": "long gone"}' in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_teardown_comes_after_an_interrupt_too(tmp_path: Path, number: signal.Signals) -> None:
    with Site(begun) as site:
        with Launch(tmp_path, write(tmp_path, AROUND.format(url=site.url, load="hold: 60s")),
                    *SOON) as run:  # fmt: skip
            wait_for("the load", lambda: len(site.seen) > 10)
            run.signal(number)
            assert run.finish() == 128 + number
        assert site.paths()[-2:] == ["/gone/r1", "/end/r1"]
    assert balanced(run)["started"] == len(site.seen) - 4


def test_a_failing_setup_ends_the_run_before_anything_is_measured(tmp_path: Path) -> None:
    with Site(begun) as site:
        plan = write(
            tmp_path,
            f"""
target: {site.url}
load: {{users: 2, hold: 2s}}
setup: [GET /begin, GET /gone: {{name: look}}, GET /never]
teardown: [GET /end]
flow: [GET /use]
""",
        )
        with Launch(tmp_path, plan, *SOON) as run:
            assert run.finish() == 3
        assert site.paths() == ["/begin", "/gone"]
    assert run.stderr == (
        'velroload: setup: look got status 404: {"detail": "long gone"}; nothing was measured\n'
    )
    assert not run.out.exists() or not list(run.out.iterdir())


def test_a_setup_that_gets_no_answer(tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.abort()
        return web.Response()

    with Site(slow) as site:
        plan = write(
            tmp_path,
            f"""
target: {site.url}
load: {{users: 2, hold: 2s}}
setup: [POST /begin]
flow: [GET /use]
""",
        )
        with Launch(tmp_path, plan, *SOON) as run:
            assert run.finish() == 3
    assert re.fullmatch(
        r"velroload: setup: POST /begin got no answer \((closed_early|reset)\).*; "
        r"nothing was measured\n",
        run.stderr,
    ), run.stderr


ACCOUNTS = """
target: {url}
accounts: {{count: 12, token: {token}, {keys}, creations: 2, hot_each: 1}}
session:
  {login}
  headers: {{Authorization: "Bearer ${{accounts.token}}"}}
load: {{users: 12, iterations: 24}}
flow:
  - GET /api/v1/auth/me: {{check: {{json: {{$.id: "${{accounts.id}}"}}}}}}
  - GET /api/v1/generations/${{accounts.generation}}
  - POST /api/v1/generations:
      multipart: {{model_id: flux-pro, prompt: a fox}}
"""


@pytest.fixture(scope="module")
def target() -> Iterator[TargetProcess]:
    with TargetProcess().start(users=5) as process:
        yield process


def working(run: Launch) -> bool:
    return len(run.workers()) == 1


def made_by(run: Launch) -> str:
    """The name of the first account that a run made, without what follows the @."""
    found = re.search(r"accounts: 12 made in [\d.]+ s \((\S+)@example.com, …\)", run.stderr)
    assert found is not None, run.stderr
    return found[1]


def is_there(target: TargetProcess, name: str) -> bool:
    """Whether the account that a run made is still there: its name is taken."""
    batch = {"name": name.rpartition("-")[0], "count": 1, "generations": 0}
    asked = urllib.request.Request(
        f"{target.url}/api/v1/admin/accounts",
        json.dumps(batch).encode(),
        {"Authorization": f"Bearer {target.service_key}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(asked, timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.code == 409
    return False


@pytest.mark.parametrize(
    ("token", "keys", "login"),
    [
        ("minted", 'secret: "${env:JWT_SECRET}"', "login: minted"),
        ("login", 'service_key: "${env:SERVICE}"', "steps: [GET /health]"),
    ],
)
def test_accounts_are_made_used_and_removed(
    tmp_path: Path, target: TargetProcess, token: str, keys: str, login: str
) -> None:
    """Each user is his own account, reads his own generation, and can pay for two new ones."""
    plan = write(tmp_path, ACCOUNTS.format(url=target.url, token=token, keys=keys, login=login))
    known = {"JWT_SECRET": target.secret, "SERVICE": target.service_key}
    with Launch(tmp_path, plan, "-w", "2", environ=known) as run:
        assert run.finish() in RAN
    requests = balanced(run)
    assert requests["ok"] == requests["started"] == 72 + (12 if token == "login" else 0)
    assert not is_there(target, made_by(run))


def test_accounts_are_removed_after_an_interrupt_and_kept_where_the_plan_says_so(
    tmp_path: Path, target: TargetProcess
) -> None:
    text = ACCOUNTS.format(
        url=target.url, token="minted", keys='secret: "${env:JWT_SECRET}"', login="login: minted"
    )
    text = text.replace("iterations: 24", "hold: 60s")
    for keep in (False, True):
        folder = tmp_path / str(keep)
        folder.mkdir()
        if keep:
            text = text.replace("hot_each: 1", "hot_each: 1, remove_after: false")
        plan = write(folder, text.replace("creations: 2", "creations: 0").partition("  - POST")[0])
        with Launch(folder, plan, "-w", "1", environ={"JWT_SECRET": target.secret}) as run:
            wait_for("the load", partial(working, run))
            run.signal(signal.SIGTERM)
            assert run.finish() in (143,)
        assert is_there(target, made_by(run)) is keep


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "got status 404: the target has no bulk endpoint for accounts; do without: write "
              "accounts into a file, data: {accounts: {csv: accounts.csv, pick: unique}}, and let "
              "users log in (session)"),
        (403, "got status 403: the target refuses the service key"),
        (500, "got status 500: it is late"),
        (200, "got status 200: it is late"),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_accounts(tmp_path: Path, status: int, said: str) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"detail": "it is late"}, status=status)

    with Site(refuse) as site:
        plan = write(tmp_path, ACCOUNTS.format(
            url=site.url, token="minted", keys="secret: a-secret-of-32-bytes-or-more-it-is",
            login="login: minted"))  # fmt: skip
        with Launch(tmp_path, plan, *SOON) as run:
            assert run.finish() == 3
    where = "velroload: accounts: POST /api/v1/admin/accounts"
    assert run.stderr == f"{where} {said}\n"


CANARIES = {"JWT_SECRET": "canary-secret-0123456789-0123456789", "LOGIN": "canary-password-01",
            "SERVICE": "canary-service-key-012345"}  # fmt: skip
TELL_TALE = re.compile(rb"canary-|eyJ[A-Za-z0-9_-]{12}")
SECRET_PLAN = """
target: {url}
accounts: {{count: 4, secret: "${{env:JWT_SECRET}}", service_key: "${{env:SERVICE}}"}}
session:
  steps:
    - POST /login: {{json: {{password: "${{env:LOGIN}}", old: "${{accounts.token}}"}},
                    capture: {{token: $.token}}}}
  headers: {{Authorization: "Bearer ${{token}}", X-Run: "${{run}}"}}
  renew: {{on_401: once}}
setup:
  - POST /begin: {{form: {{password: "${{env:LOGIN}}"}}, capture: {{run: $.token}}}}
teardown:
  - POST /end: {{form: {{password: "${{env:LOGIN}}", run: "${{run}}"}}, name: "end"}}
load: {{users: 4, hold: 60s, pacing: 10ms}}
flow:
  - POST /use?token=${{token}}: {{name: use, json: {{token: "${{accounts.token}}"}}}}
"""


class Echo:
    """A service that says everything back, fails every third time, and makes accounts."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        token = jwt_of({"sub": "canary", "n": self.asked})
        if request.path.endswith("/admin/accounts"):
            user = {"id": "u", "email": "u@example.com"}
            account = {"user": user, "access_token": token, "refresh_token": token}
            return web.json_response({"accounts": [account] * 4})
        text = await request.text()
        status = {"/end": 500, "/use": (200, 401, 500)[self.asked % 3]}.get(request.path, 200)
        said = {"token": token, "you": text, "auth": request.headers.get("Authorization")}
        return web.json_response(said, status=status, headers={"X-Token": token})


def test_no_secret_is_anywhere(tmp_path: Path) -> None:
    """Not in the run folder, the output, the workers' command lines and environments."""
    with Site(Echo()) as site:
        plan = write(tmp_path, SECRET_PLAN.format(url=site.url))
        seen = []
        with Launch(tmp_path, plan, "-w", "2", "-v", environ=CANARIES) as run:
            wait_for("the load", lambda: len(site.seen) > 100)
            assert len(run.workers()) == 2
            for worker in run.workers():
                for name in ("cmdline", "environ"):
                    seen.append(Path(f"/proc/{worker.pid}/{name}").read_bytes())
            run.signal(signal.SIGINT)
            assert run.finish() == 130
    assert all(len(each) > 20 for each in seen)
    assert len(seen) == 4
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 3
    seen += [run.stdout.encode(), run.stderr.encode(), *(path.read_bytes() for path in files)]
    found = [match for each in seen if (match := TELL_TALE.search(each))]
    assert not found, found
    sent = b"".join(one.path.encode() + one.body for one in site.seen)
    assert CANARIES["LOGIN"].encode() in sent
    assert "teardown: end got status 500" in run.stderr
