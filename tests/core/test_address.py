"""core/address.pxi: addresses and sources in turn, ports of our own choice, unix sockets."""

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.rig import GET, SECOND_NS, Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload.host.preflight import read_ports
from velroload.plan.model import Connecting, Timeouts
from velroload.sample import ErrorKind, Flag

ONE_EACH = Connecting(keep_alive=False)


@contextlib.contextmanager
def servers(*hosts: str) -> Iterator[list[ScriptedServer]]:
    """One server per address, all on one port."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(ScriptedServer(respond(), address=(hosts[0], 0)))
        others = [
            stack.enter_context(ScriptedServer(respond(), address=(host, first.port)))
            for host in hosts[1:]
        ]
        yield [first, *others]


def free_range(count: int) -> tuple[int, int]:
    """First and last of so many neighbouring ports that nobody holds, below those of the kernel."""
    while True:
        low = random.randrange(10_000, 32_000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(low, low + count):
                stack.enter_context(socket.socket()).bind(("", port))
            return low, low + count - 1


def settled(rig: Rig, requests: int) -> Rig:
    """The ledger of a run in which everything was answered."""
    c = rig.counters
    assert c["requests_planned"] == c["requests_started"] == c["requests_sent"] == requests
    assert len(rig.samples) == requests
    assert (rig.samples["error"] == 0).all()
    assert c["in_flight"] == 0
    return rig


@pytest.mark.parametrize("requests", [9, 11])
def test_all_addresses_are_used_in_turn(requests: int) -> None:
    hosts = ("127.0.0.1", "127.0.0.2", "::1")
    with servers(*hosts) as up:
        plan = plan_for(f"http://h:{up[0].port}", iterations(requests), connecting=ONE_EACH)
        rig = Rig(plan, addresses=tuple((host, up[0].port) for host in hosts)).run()
        counts = [server.connections for server in up]
    settled(rig, requests)
    assert sum(counts) == requests
    assert max(counts) - min(counts) <= 1
    by_address = Counter((rig.samples["user_address"] >> 24).tolist())
    assert [by_address[n] for n in range(3)] == counts


def test_workers_begin_at_different_addresses() -> None:
    """Else the first address would be every worker's first."""
    hosts = ("127.0.0.1", "127.0.0.2")
    with servers(*hosts) as up:
        plan = plan_for(f"http://h:{up[0].port}", iterations(1), connecting=ONE_EACH)
        addresses = tuple((host, up[0].port) for host in hosts)
        for worker in (0, 1):
            settled(Rig(plan, {"worker": worker, "workers": 2}, addresses=addresses).run(), 1)
        assert [server.connections for server in up] == [1, 1]


def test_every_address_is_reached_from_every_source() -> None:
    hosts, sources = ("127.0.0.1", "127.0.0.2"), ("127.0.0.11", "127.0.0.12", "127.0.0.13")
    asked = Connecting(keep_alive=False, sources=(*sources, "::1"))
    with servers(*hosts) as up:
        plan = plan_for(f"http://h:{up[0].port}", iterations(12), connecting=asked)
        rig = Rig(plan, addresses=tuple((host, up[0].port) for host in hosts)).run()
        seen = [Counter(host for host, _ in server.peers) for server in up]
    settled(rig, 12)
    assert seen == [Counter(dict.fromkeys(sources, 2))] * 2


def test_ipv6_goes_from_the_ipv6_source() -> None:
    asked = Connecting(sources=("127.0.0.11", "::1"))
    with servers("::1") as (server,):
        plan = plan_for(f"http://[::1]:{server.port}", iterations(2), connecting=asked)
        settled(Rig(plan).run(), 2)
        assert [host for host, _ in server.peers] == ["::1"]


@pytest.mark.parametrize("sources", [(), ("127.0.0.11", "127.0.0.12")])
@pytest.mark.parametrize("bind_ports", [False, True])
def test_ports_come_from_the_workers_share(bind_ports: bool, sources: tuple[str, ...]) -> None:
    """Where the kernel knows no port ranges each port is bound, and a taken one is passed over."""
    ports = read_ports()  # the kernel's shares are shares of its own range
    low, high = free_range(16) if bind_ports else (ports.last - 999, ports.last)
    asked = Connecting(sources=sources)
    with ScriptedServer(respond()) as server, socket.socket() as taken:
        if bind_ports:
            taken.bind((sources[0] if sources else "127.0.0.1", low + 1))
            taken.listen()
        plan = plan_for(server.url, iterations(10, users=10), connecting=asked)
        settings = {"port_range": low | high << 16, "bind_ports": bind_ports}
        rig = Rig(plan, settings).run()
        peers = server.peers
    settled(rig, 10)
    assert len(set(peers)) == 10
    assert all(low <= port <= high for _, port in peers)
    first = [port for host, port in peers if host in ("127.0.0.1", *sources[:1])]
    assert not bind_ports or (low + 1) not in first
    assert {host for host, _ in peers} == set(sources or ("127.0.0.1",))


def test_no_port_left_in_the_share() -> None:
    """Four ports for six users who hold theirs: two find none, and that is our own limit."""
    low, high = free_range(4)
    settings = {"port_range": low | high << 16, "bind_ports": True}
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(6, users=6)), settings).run()
    kinds = Counter(rig.samples["error"].tolist())
    assert kinds[ErrorKind.NO_PORT] == 2
    assert kinds[0] == 4
    assert rig.counters["requests_sent"] == 4
    assert rig.counters["connections_open"] == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    heads: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            heads.append(request)
            connection.sendall(OK)

    with ScriptedServer(script, address=path) as server:
        rig = Rig(plan_for(f"unix:{path}", iterations(20, users=4))).run()
        assert server.connections == 4
    settled(rig, 20)
    assert all(b"\r\nHost: localhost\r\n" in head for head in heads)
    assert (rig.samples["flags"] & Flag.USER_CLOCK != 0).all()
    assert (rig.samples["end_ns"] >= rig.samples["sent_ns"]).all()


def test_a_full_backlog_of_a_unix_socket_is_waited_for(tmp_path: Path) -> None:
    """connect() says EAGAIN there and no event tells when there is room again."""
    path = str(tmp_path / "app.sock")
    with ScriptedServer(respond(), backlog=0, address=path):
        rig = Rig(plan_for(f"unix:{path}", iterations(40, users=20))).run()
    settled(rig, 40)
    assert rig.counters["connections_opened"] == 20


def test_a_backlog_that_stays_full_is_a_connect_timeout(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    times = Timeouts(connect_ns=50_000_000, request_ns=SECOND_NS)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        rig = Rig(plan_for(f"unix:{path}", iterations(2, users=2), timeouts=times)).run()
    assert rig.samples["error"].tolist() == [ErrorKind.CONNECT_TIMEOUT] * 2
    took_ns = rig.samples["end_ns"] - rig.samples["scheduled_ns"]
    assert (took_ns >= 50_000_000).all()


def test_a_unix_socket_that_is_not_there(tmp_path: Path) -> None:
    rig = Rig(plan_for(f"unix:{tmp_path}/none", iterations(2))).run()
    assert rig.samples["error"].tolist() == [ErrorKind.CONNECT_FAILED] * 2
    assert rig.counters["connections_open"] == 0


def test_the_time_out_of_the_peer_is_the_requests() -> None:
    """The longest that a request may take: TCP_USER_TIMEOUT gives up no earlier than we do."""
    own = GET.__class__("GET", "/slow", timeout_ns=7 * SECOND_NS)
    with ScriptedServer(respond()) as server:
        times = Timeouts(connect_ns=SECOND_NS, request_ns=2 * SECOND_NS)
        rig = Rig(plan_for(server.url, iterations(1), (GET, own), timeouts=times))
        assert rig.job.settings["user_timeout_ms"] == 7_000
        settled_rows = rig.run().samples
        assert np.count_nonzero(settled_rows["flags"] & 3 == 0) == 2


def test_rows_that_are_no_address() -> None:
    plan = plan_for("http://127.0.0.1:9", iterations(1))
    rig = Rig(plan)
    unix_source = b"\1\0\4\0" + bytes(124)
    for what, name, row in (
        ("address", "addresses", bytes(128)),
        ("source", "sources", unix_source),
    ):
        arrays = {**rig.job.arrays, name: row, "settings": rig.job.settings}
        with pytest.raises(ValueError, match=r"is out of range$") as caught:
            rig.engine.__class__(rig.memory, arrays, [])
        assert str(caught.value) == f"program: {what} 0 is out of range"
