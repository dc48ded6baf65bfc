"""A machine's counters, read from /proc, /sys and the control group: cheap, whatever is open.

Sockets are counted by the kernel's own summaries, never listed: 15,000 of them cost nothing here.
Sources: proc(5), Documentation/filesystems/proc.rst, Documentation/admin-guide/cgroup-v2.rst.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from velroload.probe.source import Figure

FIGURES = {
    "cpu_share": Figure("share", "CPU time used of all CPUs; stolen time is used"),
    "cpu_steal_share": Figure("share", "CPU time that the hypervisor took"),
    "cpu_softirq_share": Figure("share", "CPU time in soft interrupts: network, timers"),
    "load_1m": Figure("count", "processes that run or want to, mean of a minute"),
    "memory_share": Figure("share", "memory that is not available for new processes"),
    "memory_bytes": Figure("bytes", "the same in bytes"),
    "memory_total_bytes": Figure("bytes", "memory of the machine"),
    "swap_bytes": Figure("bytes", "swap in use"),
    "sockets": Figure("count", "sockets of all kinds"),
    "tcp_in_use": Figure("count", "TCP sockets, listening ones included"),
    "tcp_established": Figure("count", "TCP connections established or half-closed"),
    "tcp_time_wait": Figure("count", "TCP sockets in TIME_WAIT"),
    "tcp_orphans": Figure("count", "TCP sockets that no process holds any more"),
    "tcp_memory_bytes": Figure("bytes", "buffers of all TCP sockets"),
    "tcp_retransmits": Figure("count", "TCP segments sent again, so far"),
    "tcp_failed_opens": Figure("count", "TCP connections that were not established, so far"),
    "tcp_resets": Figure("count", "TCP connections that were reset, so far"),
    "listen_overflows": Figure("count", "connections refused by full listen queues, so far"),
    "listen_drops": Figure("count", "SYNs dropped by listening sockets, so far"),
    "nic_received_bytes": Figure("bytes", "received by all network cards, so far"),
    "nic_sent_bytes": Figure("bytes", "sent by all network cards, so far"),
    "nic_drops": Figure("count", "packets that network cards dropped, so far"),
    "loopback_bytes": Figure("bytes", "sent over loopback, so far"),
    "throttled": Figure("count", "periods in which the control group was throttled, so far"),
    "throttled_s": Figure("s", "time for which the control group was throttled, so far"),
}
ROLES = {"cpu_share": "cpu_share", "memory_share": "memory_share", "memory_bytes": "memory_bytes"}
"""What an agent's machine, the target's own, is watched for."""
PREFIX = "velroload_agent_"
_CPU = re.compile(r"cpu([0-9]*) ")
_PAGE_BYTES = 4096

Ticks = tuple[int, int, int, int]
"""used, stolen, in soft interrupts, all."""


def metric(name: str) -> str:
    """What an agent calls one of FIGURES."""
    return PREFIX + name


class Machine:
    """Reads everything; each call's shares are of the time since the call before.

    What cannot be read is not there, never 0. `cores`: CPUs whose own shares are told as well,
    cpu0_share and so on.
    """

    def __init__(self, cores: Iterable[int] = (), root: Path = Path("/")) -> None:
        self.cores = sorted(cores)
        self._proc = root / "proc"
        self._sys = root / "sys"
        self._ticks = self._cpus()

    def read(self) -> dict[str, float]:
        """The values by name."""
        values: dict[str, float] = {}
        for part in (self._shares, self._memory, self._sockets, self._counters, self._cards,
                     self._group, self._load):  # fmt: skip
            values |= told(part)
        return values

    def frequencies_hz(self) -> list[float]:
        """Of the cores, where the machine tells."""
        found: list[float] = []
        for core in self.cores:
            path = self._sys / f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"
            found += (1000.0 * int(line) for line in told_lines(path) if line.isdigit())
        return found

    def _cpus(self) -> dict[str, Ticks]:
        """By number, "" for all together."""
        found = {}
        for line in told_lines(self._proc / "stat"):
            cpu = _CPU.match(line)
            ticks = [int(word) for word in line.split()[1:9] if word.isdigit()]
            if cpu is not None and len(ticks) == 8:
                idle, softirq, steal = ticks[3] + ticks[4], ticks[6], ticks[7]
                found[cpu[1]] = (sum(ticks) - idle, steal, softirq, sum(ticks))
        return found

    def _shares(self) -> dict[str, float]:
        before, self._ticks = self._ticks, self._cpus()
        values = {}
        for number in ("", *map(str, self.cores)):
            if number not in before or number not in self._ticks:
                continue
            used, steal, softirq, whole = (
                now - then for now, then in zip(self._ticks[number], before[number], strict=True)
            )
            if whole > 0:
                name = f"cpu{number}"
                values[f"{name}_share"] = used / whole
                values[f"{name}_steal_share"] = steal / whole
                values[f"{name}_softirq_share"] = softirq / whole
        return values

    def _memory(self) -> dict[str, float]:
        rows = (line.split() for line in told_lines(self._proc / "meminfo"))
        kib = {row[0]: int(row[1]) for row in rows if len(row) > 1}
        total, free = kib["MemTotal:"], kib["MemAvailable:"]
        return {
            "memory_share": 1 - free / total,
            "memory_bytes": 1024.0 * (total - free),
            "memory_total_bytes": 1024.0 * total,
            "swap_bytes": 1024.0 * (kib["SwapTotal:"] - kib["SwapFree:"]),
        }

    def _sockets(self) -> dict[str, float]:
        """sockstat: `TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1`."""
        rows = [line.split() for line in told_lines(self._proc / "net/sockstat")]
        rows += [line.split() for line in told_lines(self._proc / "net/sockstat6")]
        told_of = {row[0]: dict(zip(row[1::2], map(int, row[2::2]), strict=True)) for row in rows}
        tcp = told_of["TCP:"]
        return {
            "sockets": float(told_of["sockets:"]["used"]),
            "tcp_in_use": float(tcp["inuse"] + told_of.get("TCP6:", {}).get("inuse", 0)),
            "tcp_time_wait": float(tcp["tw"]),
            "tcp_orphans": float(tcp["orphan"]),
            "tcp_memory_bytes": float(tcp["mem"] * _PAGE_BYTES),
        }

    def _counters(self) -> dict[str, float]:
        """snmp and netstat: a line of names, then a line of numbers."""
        told_of: dict[str, int] = {}
        for file in ("net/snmp", "net/netstat"):
            lines = told_lines(self._proc / file)
            for names, numbers in zip(lines[::2], lines[1::2], strict=True):
                prefix, *keys = names.split()
                pairs = zip(keys, numbers.split()[1:], strict=True)
                told_of |= {prefix + key: int(value) for key, value in pairs}
        return {
            name: float(told_of[key])
            for name, key in (
                ("tcp_established", "Tcp:CurrEstab"),
                ("tcp_retransmits", "Tcp:RetransSegs"),
                ("tcp_failed_opens", "Tcp:AttemptFails"),
                ("tcp_resets", "Tcp:EstabResets"),
                ("listen_overflows", "TcpExt:ListenOverflows"),
                ("listen_drops", "TcpExt:ListenDrops"),
            )
            if key in told_of
        }

    def _cards(self) -> dict[str, float]:
        """net/dev: `eth0: bytes packets errs drop …` received, the same sent from column 8 on."""
        rows = [
            (name.strip(), [int(word) for word in numbers.split()])
            for name, colon, numbers in (
                line.partition(":") for line in told_lines(self._proc / "net/dev")
            )
            if colon
        ]
        cards = [numbers for name, numbers in rows if name != "lo"]
        values = {
            "nic_received_bytes": float(sum(row[0] for row in cards)),
            "nic_sent_bytes": float(sum(row[8] for row in cards)),
            "nic_drops": float(sum(row[3] + row[11] for row in cards)),
        }
        if not cards:
            values.clear()
        loopback = [numbers[8] for name, numbers in rows if name == "lo"]
        return values | ({"loopback_bytes": float(loopback[0])} if loopback else {})

    def _group(self) -> dict[str, float]:
        own = (self._proc / "self/cgroup").read_text().strip().rpartition("::")[2]
        path = self._sys / "fs/cgroup" / own.lstrip("/") / "cpu.stat"
        fields = dict(line.split() for line in path.read_text().splitlines())
        return {
            "throttled": float(fields["nr_throttled"]),
            "throttled_s": int(fields["throttled_usec"]) / 1e6,
        }

    def _load(self) -> dict[str, float]:
        return {"load_1m": float((self._proc / "loadavg").read_text().split()[0])}


def told(read: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What could be read; nothing where the machine tells something else."""
    try:
        return read()
    except (OSError, ValueError, KeyError, IndexError):
        return {}


def told_lines(path: Path) -> list[str]:
    """The lines of a file, none when it cannot be read."""
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
