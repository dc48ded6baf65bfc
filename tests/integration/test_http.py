"""What a request carries and what its answer asks for, as whole runs of the command line."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from aiohttp import web

from tests.core.test_cookies import count
from tests.core.test_redirect import leading
from tests.launch import CPUS, Launch
from tests.servers.site import Site, ok
from velroload.report.as_json import SCHEMA

SOON = ("--timeout", "10s", "--graceful-stop", "5s", "-w", "2")
SOON_ALONE = ("--timeout", "10s", "--graceful-stop", "5s", "-w", f"cpus:{CPUS[-1]}")


def test_a_file_is_shared_by_two_workers(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(bytes(range(256)) * 8192)
    with (
        Site(ok) as site,
        Launch(tmp_path, f"{site.url}/a", "-F", f"f=@{file}", "-F", "p=${user}", "-n", "8", "-u",
               "2", *SOON) as run,
    ):  # fmt: skip
        assert run.finish() in (0, 4, 97)
    assert run.ledger()["ok"] == len(site.seen) == 8
    assert all(file.read_bytes() in seen.body for seen in site.seen)
    step = run.run["plan"]["scenarios"][0]["flow"][0]
    assert step["body"] == {
        "multipart": [
            {"name": "f", "content": {"file": str(file)}, "type": None},
            {"name": "p", "content": "${user}", "type": None},
        ]
    }


def test_redirects_have_rows_of_their_own(tmp_path: Path) -> None:
    with Site(leading({}), host="127.0.0.2") as other, Site(leading({})) as site:
        site.handler = leading({"/a": (302, "/b"), "/b": (302, f"{other.url}/c")})
        allowed = f"127.0.0.2:{other.port}"
        with Launch(tmp_path, f"{site.url}/a", "--redirects", "3", "--allow-host", allowed, "-n",
                    "40", "-u", "4", "-v", *SOON) as run:  # fmt: skip
            assert run.finish() in (0, 4, 97)
    assert run.ledger()["ok"] == run.ledger()["sent"] == 40
    assert len(site.seen) == 80
    assert len(other.seen) == 40
    result = run.result
    assert result["ledger"]["hops"] == 120
    rows = {row["name"]: row for row in result["endpoints"]}
    whole, hops = rows["GET /a"], rows["GET /a (redirects)"]
    assert (whole["kind"], whole["count"], whole["status"]) == ("request", 40, {"200": 40})
    assert (hops["kind"], hops["count"]) == ("hop", 120)
    assert hops["status"] == {"200": 40, "302": 80}
    assert result["total"]["count"] == 40
    assert "littles_law" not in run.reasons()
    parts = hops["service_time_ms"]["mean"] * 3
    assert abs(whole["service_time_ms"]["mean"] - parts) < 1e-3
    assert re.search(r"^ GET /a \(redirects\) +120 ", run.stdout, re.MULTILINE)


def test_a_refused_redirect_names_its_host(tmp_path: Path) -> None:
    with (
        Site(leading({"/a": (302, "http://127.0.0.9:7/x")})) as site,
        Launch(tmp_path, f"{site.url}/a", "--redirects", "3", "-n", "6", "-u", "2", *SOON) as run,
    ):
        assert run.finish() in (4, 99)
    requests = run.ledger()
    assert (requests["http_errors"], requests["sent"]) == (6, 6)
    assert run.result["total"]["errors"] == {"redirect_refused": 6}
    line = (
        "6 redirects to http://127.0.0.9:7 were not followed: it is not in the allow-list (add "
        "--allow-host http://127.0.0.9:7)"
    )
    assert run.reasons()["redirects_refused"] == line
    assert line in " ".join(run.stdout.split())


def test_cookies_are_kept_per_user_in_every_worker(tmp_path: Path) -> None:
    with (
        Site(count) as site,
        Launch(tmp_path, f"{site.url}/a", "--cookies", "-H", "X-User: ${user}", "-n", "40", "-u",
               "4", *SOON) as run,
    ):  # fmt: skip
        assert run.finish() in (0, 4, 97)
    assert run.ledger()["ok"] == len(site.seen) == 40
    visits = sorted(one.headers.get("cookie", "").count("visits=") for one in site.seen)
    assert visits == [0] * 4 + [1] * 36
    assert run.run["end"]["evidence"]["cookies_ignored"] == 0
    assert run.run["plan"]["cookies"] is True


async def timed(request: web.Request) -> web.StreamResponse:
    """It says which request of its user this is."""
    visits = int(request.cookies.get("visits", "0"))
    headers = {"Server-Timing": f'db;dur={visits}.5, cache;desc="hit"', "X-Response-Time": "3ms"}
    response = web.Response(text="ok", headers=headers)
    response.set_cookie("visits", str(visits + 1))
    return response


def test_the_servers_own_times_are_figures(tmp_path: Path) -> None:
    with (
        Site(timed) as site,
        Launch(tmp_path, f"{site.url}/a", "--server-timing", "--cookies", "-n", "1000", "-u", "2",
               "-v", *SOON) as run,
    ):  # fmt: skip
        assert run.finish() in (0, 4, 97)
    assert run.ledger()["ok"] == len(site.seen) == 1000
    books = run.run["end"]["ledger"]["values"]
    assert books == {"pushed": 2000, "drained": 2000, "corrupt": 0, "lost": 0, "ignored": 0}
    assert run.result["ledger"]["values"] == books
    assert run.run["series"] in (["db", "x-response-time"], ["x-response-time", "db"])
    (row,) = run.result["endpoints"]
    db, whole = row["server_timing_ms"]["db"], row["server_timing_ms"]["x-response-time"]
    assert (db["count"], whole["count"]) == (1000, 1000)
    assert (db["min"], db["max"]) == (0.5, max(site_visits(site)) + 0.5)
    assert db["p50"] == pytest.approx(250, rel=0.3)
    assert (whole["p50"], whole["p95"], whole["p99"], whole["max"]) == (
        pytest.approx(3, rel=0.001), pytest.approx(3, rel=0.001), pytest.approx(3, rel=0.001), 3,
    )  # fmt: skip
    assert re.search(r"the server's own time +endpoint +count", run.stdout)
    assert re.search(r"^ x-response-time +GET /a +1,000 +3\.00 ", run.stdout, re.MULTILINE)
    shown = json.loads((tmp_path / "run" / "result.json").read_text())
    jsonschema.validate(shown, json.loads(SCHEMA.read_text()))


def site_visits(site: Site) -> list[int]:
    """What the cookies of the users said."""
    lines = (one.headers.get("cookie", "visits=0") for one in site.seen)
    return [int(line.partition("=")[2]) for line in lines]
