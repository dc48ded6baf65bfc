"""A machine's counters, from trees of files that the test writes, and from the real one."""

import os
import socket
import time
from pathlib import Path

import pytest

from velroload.probe.machine import FIGURES, ROLES, Machine, metric
from velroload.probe.own import GeneratorSource, cores, figures_of
from velroload.probe.source import UNITS

FILES = {
    "proc/stat": "cpu  10 0 10 70 10 0 0 0\ncpu0 5 0 5 35 5 0 0 0\ncpu1 5 0 5 35 5 0 0 0\nintr 5\n",
    "proc/meminfo": "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n"
    "SwapTotal: 100 kB\nSwapFree: 40 kB\nHugePages_Total: 0\n",
    "proc/net/sockstat": "sockets: used 90\n"
    "TCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nUDP: inuse 1\n",
    "proc/net/sockstat6": "TCP6: inuse 4\n",
    "proc/net/snmp": "Ip: Forwarding TTL\nIp: 1 64\nTcp: AttemptFails EstabResets CurrEstab "
    "RetransSegs\nTcp: 11 12 13 14\n",
    "proc/net/netstat": "TcpExt: A ListenOverflows ListenDrops\nTcpExt: 1 21 22\n",
    "proc/net/dev": "Inter-| Receive | Transmit\n face |bytes packets errs drop|bytes\n"
    "    lo: 900 1 0 0 0 0 0 0 901 1 0 0 0 0 0 0\n"
    "  eth0: 100 1 0 5 0 0 0 0 200 1 0 6 0 0 0 0\n  eth1:10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n",
    "proc/self/cgroup": "0::/ours\n",
    "sys/fs/cgroup/ours/cpu.stat": "usage_usec 1\nnr_throttled 3\nthrottled_usec 2500000\n",
    "proc/loadavg": "1.25 1 1 2/300 4711\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2000000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "3000000\n",
}
TOLD = {
    "memory_share": 0.75, "memory_bytes": 768_000, "memory_total_bytes": 1_024_000,
    "swap_bytes": 61_440, "sockets": 90, "tcp_in_use": 9, "tcp_time_wait": 2, "tcp_orphans": 1,
    "tcp_memory_bytes": 12_288, "tcp_failed_opens": 11, "tcp_resets": 12, "tcp_established": 13,
    "tcp_retransmits": 14, "listen_overflows": 21, "listen_drops": 22, "nic_received_bytes": 110,
    "nic_sent_bytes": 220, "nic_drops": 11, "loopback_bytes": 901, "throttled": 3,
    "throttled_s": 2.5, "load_1m": 1.25,
}  # fmt: skip


def tree(root: Path, **more: str) -> Path:
    for path, text in {**FILES, **more}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_all_of_it(tmp_path: Path) -> None:
    machine = Machine((0, 1), tree(tmp_path))
    tree(tmp_path, **{"proc/stat": "cpu  60 0 10 100 10 0 10 10\ncpu0 55 0 5 35 5 0 0 0\n"})
    values = machine.read()
    assert {name: values[name] for name in TOLD} == TOLD
    assert set(FIGURES) <= set(values)
    assert values["cpu_share"] == 0.7  # of 100 ticks 50 used, 10 soft interrupts, 10 stolen
    assert (values["cpu_steal_share"], values["cpu_softirq_share"]) == (0.1, 0.1)
    assert values["cpu0_share"] == 1.0
    assert "cpu1_share" not in values, "it went away"
    assert machine.frequencies_hz() == [2e9, 3e9]
    assert set(ROLES.values()) <= set(FIGURES)
    assert {figure.unit for figure in FIGURES.values()} <= set(UNITS)
    assert metric("cpu_share") == "velroload_agent_cpu_share"


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    """Absent, never 0."""
    machine = Machine((0,), tmp_path)
    assert machine.read() == {}
    assert machine.frequencies_hz() == []


@pytest.mark.parametrize("path", [path for path in FILES if "freq" not in path])
def test_nonsense_costs_its_own_values_only(path: str, tmp_path: Path) -> None:
    machine = Machine((), tree(tmp_path, **{path: "cpu x\nMemTotal: x\n\xffa: b\n"}))
    left = {name: value for name, value in machine.read().items() if name in TOLD}
    assert left.items() <= TOLD.items()
    assert len(left) >= len(TOLD) - 8


def test_no_card_but_loopback(tmp_path: Path) -> None:
    dev = "h\nh\n lo: 1 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
    values = Machine((), tree(tmp_path, **{"proc/net/dev": dev})).read()
    assert values["loopback_bytes"] == 7
    assert "nic_drops" not in values


def test_the_real_machine_as_generator() -> None:
    import asyncio

    source = GeneratorSource([os.getpid(), os.getpid()], cores())
    values = asyncio.run(source.read()).values
    assert set(values) <= set(source.figures) == set(figures_of(cores(), 2))
    assert source.roles == {}, "the generator's CPU is never the target's"
    assert 0 < values["memory_share"] < 1
    for who in ("worker0", "worker1", "coordinator"):
        assert values[f"{who}_cpu_s"] > 0
        assert values[f"{who}_memory_bytes"] > 1 << 20
        assert values[f"{who}_involuntary_switches"] >= 0


def test_a_worker_that_is_gone() -> None:
    import asyncio

    values = asyncio.run(GeneratorSource([4_194_305], []).read()).values
    assert not any(name.startswith("worker0") for name in values)
    assert "coordinator_cpu_s" in values


@pytest.mark.timing
def test_it_costs_the_same_however_many_sockets_are_open() -> None:
    """500 connections are 1,000 sockets; reading stays under 10 ms of CPU."""
    machine = Machine(cores())
    with socket.create_server(("127.0.0.1", 0), backlog=600) as server:
        held = [socket.create_connection(server.getsockname()) for _ in range(500)]
        held += [server.accept()[0] for _ in range(500)]
        began_ns = time.thread_time_ns()
        for _ in range(20):
            machine.read()
        spent_ms = (time.thread_time_ns() - began_ns) / 20 / 1e6
        for each in held:
            each.close()
    assert spent_ms < 10
