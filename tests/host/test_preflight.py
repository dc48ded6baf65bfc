"""Every check with its whole line, and the readers of facts against the real kernel."""

import errno
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from velroload.errors import PreflightError
from velroload.host import preflight
from velroload.host.preflight import (
    Address,
    Ports,
    check_churn,
    check_descriptors,
    check_memory,
    check_ports,
    check_reachable,
    check_sources,
    shown,
)

LOOPBACK = ("127.0.0.1", 8080)
PRIVATE = ("10.0.0.1", 80)
SECOND_NS = 1_000_000_000


def test_descriptors_that_suffice() -> None:
    assert check_descriptors(100, 2, soft=1024, hard=4096) == 1024
    assert check_descriptors(4000, 2, soft=1024, hard=4096) == 2064
    assert check_descriptors(4000, 2, soft=1024, hard=resource.RLIM_INFINITY) == 2064
    assert check_descriptors(10**6, 1, resource.RLIM_INFINITY, resource.RLIM_INFINITY) == -1


def test_descriptors_are_exact_at_the_limit() -> None:
    assert check_descriptors(4096 - 64, 1, soft=10, hard=4096) == 4096
    with pytest.raises(PreflightError):
        check_descriptors(4096 - 63, 1, soft=10, hard=4096)


def test_too_few_descriptors() -> None:
    with pytest.raises(PreflightError) as caught:
        check_descriptors(10_001, 2, soft=1024, hard=4096)
    assert str(caught.value) == (
        "10,001 connections on 2 workers need 5,065 file descriptors each, the limit is 4,096: "
        "raise it with `ulimit -Hn 5065` as root (or nofile in /etc/security/limits.conf), take "
        "more workers or fewer users"
    )


def test_the_soft_limit_is_raised_for_children_too() -> None:
    code = (
        "import resource, subprocess\n"
        "from velroload.host.preflight import raise_descriptors\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))\n"
        "raise_descriptors(300, 2)\n"
        "print(subprocess.check_output(['sh', '-c', 'ulimit -Sn'], text=True).strip())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "214\n"


def test_ports_that_suffice() -> None:
    check_ports(28_232, LOOPBACK, 0, Ports())
    check_ports(28_232, LOOPBACK, 20_000, Ports(tw_reuse=2))
    check_ports(28_232, PRIVATE, 20_000, Ports(tw_reuse=1))
    check_ports(8_232, PRIVATE, 20_000, Ports(tw_reuse=2))


def test_too_few_ports() -> None:
    with pytest.raises(PreflightError) as caught:
        check_ports(28_233, LOOPBACK, 0, Ports())
    assert str(caught.value) == (
        "28,233 connections to 127.0.0.1:8080 need as many local ports, 28,232 are free "
        "(32768-60999): widen the range with `sysctl -w net.ipv4.ip_local_port_range='1024 "
        "65535'`, connect from more addresses with --source, or take fewer users or --connections"
    )


def test_ports_in_time_wait() -> None:
    with pytest.raises(PreflightError) as caught:
        check_ports(15_000, ("fd00::1", 80), 20_000, Ports(tw_reuse=2))
    assert str(caught.value) == (
        "15,000 connections to [fd00::1]:80 need as many local ports, 8,232 are free (32768-60999, "
        "20,000 of them in TIME_WAIT for 60 s): widen the range with `sysctl -w "
        "net.ipv4.ip_local_port_range='1024 65535'`, connect from more addresses with --source, "
        "or take fewer users or --connections"
    )


def test_every_source_has_the_whole_range() -> None:
    check_ports(2 * 28_232, LOOPBACK, 0, Ports(), sources=2)
    with pytest.raises(PreflightError) as caught:
        check_ports(2 * 28_232 + 1, LOOPBACK, 0, Ports(), sources=2)
    assert str(caught.value) == (
        "56,465 connections to 127.0.0.1:8080 need as many local ports, 56,464 are free "
        "(32768-60999 × 2 sources): widen the range with `sysctl -w "
        "net.ipv4.ip_local_port_range='1024 65535'`, connect from more addresses with --source, "
        "or take fewer users or --connections"
    )


def test_new_connections_must_not_use_up_the_ports() -> None:
    check_churn(470, PRIVATE, 0, Ports())
    check_churn(10_000, LOOPBACK, 0, Ports(tw_reuse=2))
    check_churn(10_000, PRIVATE, 0, Ports(tw_reuse=1))
    with pytest.raises(PreflightError) as caught:
        check_churn(1_000, PRIVATE, 232, Ports(tw_reuse=2), sources=2)
    assert str(caught.value) == (
        "1,000 new connections/s to 10.0.0.1:80 hold 60,000 local ports in TIME_WAIT for 60 s each,"
        " 56,232 are free (32768-60999 × 2 sources, 232 of them in TIME_WAIT for 60 s): "
        "`sysctl -w net.ipv4.tcp_tw_reuse=1`, widen the range with `sysctl -w "
        "net.ipv4.ip_local_port_range='1024 65535'`, connect from more addresses with --source, "
        "or take a lower rate"
    )


def test_sources_of_this_machine() -> None:
    check_sources(("127.0.0.2", "127.0.0.3"), [LOOPBACK])
    check_sources((), [LOOPBACK, ("::1", 80), ("unix:/x", 0)])
    with pytest.raises(PreflightError) as caught:
        check_sources(("192.0.2.1",), [LOOPBACK])
    assert str(caught.value) == (
        "source 192.0.2.1: cannot assign requested address; give it to an interface "
        "(ip address add 192.0.2.1 dev …) or leave it out"
    )
    with pytest.raises(PreflightError) as caught:
        check_sources(("127.0.0.2",), [LOOPBACK, ("::1", 80)])
    assert str(caught.value) == (
        "--source has no IPv6 address to connect to [::1]:80 from: "
        "add one, or use the others with -4"
    )


def test_a_unix_socket_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "s"
    address = (f"unix:{path}", 0)
    assert shown(address) == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert check_reachable([address], SECOND_NS) == (address,)
    path.unlink()
    with pytest.raises(PreflightError) as caught:
        check_reachable([address], SECOND_NS)
    assert str(caught.value) == (
        f"cannot reach unix:{path}: there is no such socket; is the server running?"
    )


def test_memory() -> None:
    check_memory(64 << 20, 128 << 20)
    with pytest.raises(PreflightError) as caught:
        check_memory(64 << 20, 127 << 20)
    assert str(caught.value) == (
        "the sample rings need 64 MiB, 127 MiB of memory are free and half of that may be taken: "
        "free some, or take fewer workers or a lower rate"
    )


def test_a_server_that_listens_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert check_reachable([address], SECOND_NS) == (address,)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b""  # nothing was sent


def test_a_server_that_does_not_listen() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # the port is ours, nobody listens on it
        port = bound.getsockname()[1]
        with pytest.raises(PreflightError) as caught:
            check_reachable([("127.0.0.1", port)], SECOND_NS)
    assert str(caught.value) == (
        f"cannot reach 127.0.0.1:{port}: connection refused; is the server running?"
    )


def test_one_address_that_answers_is_enough() -> None:
    with socket.socket() as bound, socket.create_server(("127.0.0.1", 0)) as server:
        bound.bind(("127.0.0.1", 0))
        address = server.getsockname()
        assert check_reachable([bound.getsockname(), address], SECOND_NS) == (address,)


def test_a_server_that_never_answers() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        fillers = []
        try:
            for _ in range(4):  # fill the backlog; the kernel drops what comes after it
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                fillers.append(filler)
            with pytest.raises(PreflightError) as caught:
                check_reachable([address], 200_000_000)
        finally:
            for filler in fillers:
                filler.close()
    assert str(caught.value) == (
        f"cannot reach 127.0.0.1:{address[1]}: no answer within 0.2 s (--connect-timeout); is a "
        "firewall in between?"
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"),
         "network is unreachable; is the network up?"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "no route to host; is the network up?"),
        (OSError(errno.EACCES, "Permission denied"), "permission denied"),
    ],
)  # fmt: skip
def test_other_reasons(error: OSError, why: str) -> None:
    def fail(address: Address, timeout_s: float) -> None:
        raise error

    with pytest.raises(PreflightError) as caught:
        check_reachable([PRIVATE], SECOND_NS, fail)
    assert str(caught.value) == f"cannot reach 10.0.0.1:80: {why}"


def test_read_ports_of_this_kernel() -> None:
    ports = preflight.read_ports()
    assert 1 <= ports.first < ports.last <= 65535
    assert ports.tw_reuse in (0, 1, 2)


def test_read_ports_falls_back(tmp_path: Path) -> None:
    assert preflight.read_ports(tmp_path) == Ports()
    net = tmp_path / "sys/net/ipv4"
    net.mkdir(parents=True)
    (net / "ip_local_port_range").write_text("1024\t65535\n")
    (net / "tcp_tw_reuse").write_text("2\n")
    assert preflight.read_ports(tmp_path) == Ports(1024, 65535, 2)


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_count_time_wait_in_the_kernels_own_table(family: int, host: str) -> None:
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        address = (host, server.getsockname()[1])
        assert preflight.count_time_wait(address) == 0
        for _ in range(3):
            client = socket.create_connection(address)
            connection, _ = server.accept()
            client.close()  # whoever closes first waits
            assert connection.recv(1) == b""
            connection.close()
        assert preflight.count_time_wait(address) == 3


def test_count_time_wait_without_a_table(tmp_path: Path) -> None:
    assert preflight.count_time_wait(LOOPBACK, tmp_path) == 0


def test_available_memory() -> None:
    assert (
        0
        < preflight.available_memory_bytes()
        <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )


def test_available_memory_in_a_cgroup(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   4096 kB\n")
    assert preflight.available_memory_bytes(tmp_path) == 4096 * 1024
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1048576\n")
    (group / "memory.max").write_text("max\n")
    assert preflight.available_memory_bytes(tmp_path) == 4096 * 1024
    (group / "memory.max").write_text("2097152\n")
    assert preflight.available_memory_bytes(tmp_path) == 1048576
