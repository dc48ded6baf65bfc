"""Whole runs in this process: what is started, refused, written and cleaned up."""

import json
import os
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests import quiet
from tests.rig import GET, iterations, plan_for
from tests.servers.scripted import ScriptedServer, respond
from velroload.engine.cpu import Cores
from velroload.engine.evidence import Evidence
from velroload.errors import ConfigError, Exit, PreflightError
from velroload.plan.model import EMBEDDED, Connecting, Load, Plan, Scenario, Timeouts
from velroload.plan.threshold import parse_threshold
from velroload.runner.jobs import Work
from velroload.runner.options import Options
from velroload.runner.run import execute, fit, spins

SECOND_NS = 10**9
OPEN = Load("constant-arrival-rate", rate=Fraction(100), duration_ns=SECOND_NS, users=4)


class Screen:
    """Keeps what would be shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.figures: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.style: Callable[[str, str], str] = lambda role, text: text

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, figures: dict[str, Any]) -> None:
        self.figures.append(figures)

    def done(self, text: str) -> None:
        self.texts.append(text)


def options(server: ScriptedServer, out: Path, **fields: Any) -> Options:
    return Options(out=str(out), addresses=(("127.0.0.1", server.port),), workers="1", **fields)


def result_of(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((out / "result.json").read_bytes())
    return result


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codes are those of the runs, not of what this machine does beside them."""
    monkeypatch.setattr(Evidence, "to_json", quiet.leave_out)


def test_a_run_is_told_and_saved(tmp_path: Path) -> None:
    out, screen = tmp_path / "run", Screen()
    report = tmp_path / "report.json"
    affinity = os.sched_getaffinity(0)
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, OPEN, thresholds=(parse_threshold("errors < 50%"),))
        asked = options(server, out, reports=(str(report),), command="velroload x")
        code = execute(plan, asked, screen)
        port = server.port
    assert os.sched_getaffinity(0) == affinity
    manifest = json.loads((out / "run.json").read_bytes())
    assert manifest["format"] == "velroload-run/1"
    assert manifest["target"] == {
        "url": f"http://127.0.0.1:{port}",
        "addresses": [f"127.0.0.1:{port}"],
        "embedded": False,
    }
    assert manifest["command"] == "velroload x"
    assert manifest["model"] == {
        "open": True, "paced": True, "offered_rate_per_s": 100.0, "users": 4
    }  # fmt: skip
    assert manifest["phases"] == [
        {"id": 0, "name": "main", "kind": "hold", "start_ns": 0, "end_ns": SECOND_NS, "window_s": 1}
    ]  # fmt: skip
    assert manifest["end"]["ledger"]["problems"] == []
    assert manifest["end"]["ledger"]["requests"]["ok"] == 100
    assert result_of(out) == json.loads(report.read_bytes())
    assert code == result_of(out)["exit_code"] == Exit.PASS
    assert len(screen.texts) == 1
    assert all(entry["users_planned"] == 4 for entry in screen.figures)
    assert screen.lines == []


def test_a_threshold_that_fails(tmp_path: Path) -> None:
    with ScriptedServer(respond(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as server:
        plan = plan_for(server.url, iterations(2000), thresholds=(parse_threshold("errors < 1%"),))
        code = execute(plan, options(server, tmp_path / "run", quiet=True), Screen())
    assert code == result_of(tmp_path / "run")["exit_code"] == Exit.FAIL


def test_an_abort_rule_ends_it(tmp_path: Path) -> None:
    load = Load("constant-arrival-rate", rate=Fraction(50), duration_ns=60 * SECOND_NS, users=2)
    with ScriptedServer(respond(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as server:
        plan = plan_for(server.url, load, abort_on=(parse_threshold("errors > 10%"),))
        code = execute(plan, options(server, tmp_path / "run"), Screen())
    assert code == result_of(tmp_path / "run")["exit_code"] == Exit.ABORTED
    end = json.loads((tmp_path / "run/run.json").read_bytes())["end"]
    assert (end["ended"], end["reason"]) == ("aborted", "errors > 10%: 100.00% in the last 1 s")
    assert end["ledger"]["problems"] == []


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    """Said before anything is written."""
    with ScriptedServer(respond()) as server:
        asked = options(server, tmp_path / "run")
        plan = plan_for(server.url, iterations(1))
        port = server.port
    with pytest.raises(PreflightError) as caught:
        execute(plan, asked, Screen())
    assert str(caught.value) == (
        f"cannot reach 127.0.0.1:{port}: connection refused; is the server running?"
    )
    assert not (tmp_path / "run").exists()


def test_too_few_connections_for_the_workers_that_were_asked_for(tmp_path: Path) -> None:
    """`fit` takes fewer workers; each still has a connection."""
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, iterations(10, users=4), connections=1)
        asked = Options(
            out=str(tmp_path / "run"), addresses=(("127.0.0.1", server.port),), workers="3"
        )
        execute(plan, asked, Screen())
        assert server.connections - 1 <= 1  # the pre-flight's own
    manifest = json.loads((tmp_path / "run/run.json").read_bytes())
    assert len(manifest["workers"]) == 1


def test_a_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("precious")
    with ScriptedServer(respond()) as server, pytest.raises(ConfigError) as caught:
        execute(plan_for(server.url, iterations(1)), options(server, tmp_path), Screen())
    assert str(caught.value) == f"--out {tmp_path}: not empty; a run folder must be new or empty"
    assert (tmp_path / "kept").read_text() == "precious"


def test_the_embedded_target_is_started_and_stopped(tmp_path: Path) -> None:
    screen = Screen()
    plan = Plan("t", EMBEDDED, (Scenario("main", iterations(5), (GET,)),))
    execute(plan, Options(out=str(tmp_path / "run"), quiet=True), screen)
    (line,) = screen.lines
    words = line.split()
    assert line.startswith("target: the embedded one on http://127.0.0.1:")
    assert not Path(f"/proc/{words[-1].rstrip(')')}").exists()
    manifest = json.loads((tmp_path / "run/run.json").read_bytes())
    assert manifest["target"]["embedded"]
    assert screen.figures == []


@pytest.mark.parametrize(
    ("load", "connections", "workers"),
    [
        (OPEN, None, 4),
        (OPEN, 3, 3),
        (Load("constant-vus", users=2, duration_ns=1), None, 2),
        (Load("constant-vus", users=9, duration_ns=1), None, 8),
        (Load("constant-arrival-rate", rate=Fraction(1), duration_ns=1, max_vus=1), None, 1),
    ],
)
def test_no_more_workers_than_can_be_fed(load: Load, connections: int | None, workers: int) -> None:
    work = Work.of(plan_for("http://h", load, connections=connections))
    assert len(fit(Cores(tuple(range(8)), (), ()), work).workers) == workers


def test_every_open_scenario_needs_a_user_in_every_worker() -> None:
    one = Load("constant-arrival-rate", rate=Fraction(1), duration_ns=1, users=1)
    scenarios = (Scenario("a", OPEN, (GET,)), Scenario("b", one, (GET,)))
    work = Work.of(Plan("t", "http://h", scenarios))
    assert fit(Cores((0, 1), (), ()), work).workers == (0,)


LOCAL, FAR = (("127.0.0.1", 80),), (("192.0.2.1", 80),)


@pytest.mark.parametrize(
    ("idle", "load", "cores", "addresses", "said"),
    [
        ("spin", iterations(1), Cores((0, 0), (), ()), LOCAL, True),
        ("sleep", OPEN, Cores((1,), (0,), (0,)), LOCAL, False),
        ("auto", OPEN, Cores((1,), (0,), (0,)), LOCAL, True),
        ("auto", OPEN, Cores((1,), (), (0,)), LOCAL, False),
        ("auto", OPEN, Cores((1,), (), (0,)), FAR, True),
        ("auto", OPEN, Cores((1, 1), (), (0,)), FAR, False),
        ("auto", iterations(1), Cores((1,), (), (0,)), FAR, False),
    ],
)
def test_spinning_takes_the_core_from_nobody(
    idle: str, load: Load, cores: Cores, addresses: tuple[tuple[str, int], ...], said: bool
) -> None:
    work = Work.of(plan_for("http://h", load))
    assert spins(Options(idle=idle), work, cores, addresses, lambda: False) == said
    assert spins(Options(idle=idle), work, cores, addresses, lambda: True) == (idle == "spin")


def test_figures_by_address(tmp_path: Path) -> None:
    """Three servers on one port, one of which answers nothing but 500; one address is dead."""
    bad = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    screen = Screen()
    with (
        ScriptedServer(respond()) as first,
        ScriptedServer(respond(bad), address=("127.0.0.2", first.port)) as second,
        ScriptedServer(respond(), address=("::1", first.port)),
    ):
        load = Load("constant-arrival-rate", rate=Fraction(90), duration_ns=SECOND_NS, users=9)
        plan = plan_for(f"http://h:{first.port}", load, connecting=Connecting(keep_alive=False))
        hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1")
        asked = Options(
            out=str(tmp_path / "run"),
            addresses=tuple((host, first.port) for host in hosts),
            workers="1",
            quiet=True,
            verbose=True,
        )
        execute(plan, asked, screen)
        assert second.connections - 1 == 30  # the pre-flight's own
        port = first.port
    assert screen.lines == [f"not loaded: 127.0.0.3:{port} does not answer"]
    result = result_of(tmp_path / "run")
    rows = result["addresses"]
    assert [(r["name"], r["count"], r["ok"], r["failed"], r["transport"]) for r in rows] == [
        (f"127.0.0.1:{port}", 30, 30, 0, 0),
        (f"127.0.0.2:{port}", 30, 0, 30, 0),
        (f"[::1]:{port}", 30, 30, 0, 0),
    ]
    assert result["total"]["count"] == result["ledger"]["sent"] == 90
    assert result["ledger"]["problems"] == []
    assert all(r["response_time_ms"]["p50"] > 0 for r in rows)
    assert f"[::1]:{port}" in screen.texts[0].partition("response time by address")[2]


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    with ScriptedServer(respond(), address=path):
        asked = Options(
            out=str(tmp_path / "run"), addresses=((f"unix:{path}", 0),), workers="1", quiet=True
        )
        code = execute(plan_for(f"unix:{path}", OPEN), asked, Screen())
    result = result_of(tmp_path / "run")
    assert code == result["exit_code"] == Exit.PASS
    assert result["ledger"]["ok"] == 100
    assert result["ledger"]["problems"] == []
    assert result["validity"]["user_clock_share"] is None
    assert "unix" in {reason["code"] for reason in result["validity"]["reasons"]}
    counters = result["total"]["counters"]
    assert (counters["kernel_stamp"], counters["user_clock"]) == (0, 100)


def test_warm_connections(tmp_path: Path) -> None:
    asked = Connecting(warm=True)
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, OPEN, connecting=asked)
        execute(plan, options(server, tmp_path / "run", quiet=True), Screen())
    result = result_of(tmp_path / "run")
    assert result["connections"]["warmed"] == result["connections"]["opened"] == 4
    assert result["total"]["connect_ms"]["count"] == 0
    assert result["ledger"]["ok"] == 100
    assert result["ledger"]["problems"] == []


def test_connections_that_cannot_be_warmed(tmp_path: Path) -> None:
    """The server takes the pre-flight's connection and one more; then its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        plan = plan_for(
            f"http://127.0.0.1:{port}", OPEN, connecting=Connecting(warm=True),
            timeouts=Timeouts(connect_ns=SECOND_NS // 5),
        )  # fmt: skip
        asked = Options(
            out=str(tmp_path / "run"), addresses=(("127.0.0.1", port),), workers="1", quiet=True
        )
        with pytest.raises(PreflightError) as caught:
            execute(plan, asked, Screen())
    assert str(caught.value) == (
        "cannot warm up: 1 of 4 connections are open and the target takes no more (connect "
        "timeout): take fewer users or --connections, or leave --warm-connections out"
    )


def test_a_target_that_the_sources_cannot_reach(tmp_path: Path) -> None:
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, OPEN, connecting=Connecting(sources=("::1",)))
        port = server.port
        with pytest.raises(PreflightError) as caught:
            execute(plan, options(server, tmp_path / "run"), Screen())
    assert str(caught.value) == (
        f"--source has no IPv4 address to connect to 127.0.0.1:{port} from: "
        "add one, or use the others with -6"
    )
