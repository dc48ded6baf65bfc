"""100,000 connected users from one machine, each sending every 60 s.

    python -m bench.scale [--users 100000] [--every 60] [--velroload "CMD"] [--short]

Several workers and several nginx workers share the descriptors that one process may have, source
addresses 127.0.1.x share the ports. All connections are opened before the first request, 64 at a
time per worker; then every user sends once per --every seconds for as long. The kernel's counters
are those of its whole network namespace: where others use it, run the bench in one of its own
(`unshare -n bash -c 'ip link set lo up && python -m bench.scale'`).
"""

import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.background import Gone, end, running, until
from bench.flags import parser_for
from bench.harness import announce, raise_descriptor_limit, save, say_length, show
from bench.nginx import Nginx

Json = dict[str, Any]
SPARE = 200
"""Descriptors of a process beside its connections."""
SOURCES = "127.0.1.0/28"
OURS_LIMIT_BYTES = 4096
JUDGED_FROM_USERS = 50_000
"""With fewer, what a process needs without any user would be all that is seen."""
PAGE_BYTES = resource.getpagesize()
WATCHED = ("TCPSynRetrans", "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPTimeouts")


def processes_for(connections: int, descriptors: int) -> int:
    """How many processes are needed to hold so many connections, one to spare for uneven shares."""
    return -(-connections // (descriptors - SPARE)) + 1


def table(text: str) -> dict[str, int]:
    """/proc/net/netstat and snmp: a line of names, then a line of numbers, both after "TcpExt:"."""
    found: dict[str, int] = {}
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        pairs = zip(names.split()[1:], numbers.split()[1:], strict=True)
        found |= {name: int(number) for name, number in pairs}
    return found


def counters() -> dict[str, int]:
    """What the kernel says of trouble with connections since it was booted."""
    found = table(Path("/proc/net/netstat").read_text())
    return {name: found.get(name, 0) for name in WATCHED}


def since(before: Mapping[str, int]) -> dict[str, int]:
    """The same, less what was there before."""
    return {name: value - before[name] for name, value in counters().items()}


def kernel_memory() -> dict[str, int]:
    """TCP sockets of this namespace, buffers of all TCP sockets and the kernel's slab, in bytes."""
    lines = Path("/proc/net/sockstat").read_text().splitlines()
    words = next(line for line in lines if line.startswith("TCP:")).split()[1:]
    tcp = dict(zip(words[::2], words[1::2], strict=True))
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return {
        "sockets": int(tcp["inuse"]),
        "buffer_bytes": int(tcp["mem"]) * PAGE_BYTES,
        "slab_bytes": int(facts["Slab"].split()[0]) * 1024,
    }


def private_bytes(pid: int) -> int:
    """RssAnon of a process: its own memory, libraries and shared rings left out."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"pid {pid} has no RssAnon")


def connected(root: int, nginx: Nginx, users: int, before: Mapping[str, int]) -> Json:
    """Memory while everybody is connected."""
    workers = [private_bytes(pid) for pid in ourselves.worker_pids(root)]
    if not workers:
        raise Gone("no worker process was found")
    coordinator = private_bytes(root)
    now = kernel_memory()
    return {
        "connections": nginx.status()["active"],
        "workers_bytes": workers,
        "coordinator_bytes": coordinator,
        "ours_bytes_per_user": (sum(workers) + coordinator) / users,
        "kernel": {
            "sockets": now["sockets"],
            "buffer_bytes": now["buffer_bytes"],
            "slab_bytes_per_connection": (now["slab_bytes"] - before["slab_bytes"]) / users,
        },
    }


def exact(run: ourselves.Run, nginx_requests: int, planned: int) -> Json:
    """The ledger beside the server's own count."""
    ledger = run.ledger
    good = (
        ledger.get("problems") == []
        and ledger["planned"] == ledger["started"] == ledger["sent"] == ledger["ok"] == planned
        and nginx_requests == planned
    )
    kept = ("planned", "started", "sent", "ok", "pushed", "drained", "lost", "problems")
    return {"exact": good, "server_requests": nginx_requests, **{k: ledger.get(k) for k in kept}}


def measure(flags: Any, users: int, every_s: int, descriptors: int) -> Json:
    """One run; Gone when it did not come so far."""
    count = processes_for(users, descriptors)
    load = f"-u {users} -R {users / every_s:g} -n {users} --warm-connections"
    tail = f"--reset-at-end --source {SOURCES} --timeout 10s -w {count} -q --out"
    before_memory, before = kernel_memory(), counters()
    cpus = sorted({flags.server_cpu, flags.client_cpu})
    with (
        Nginx(cpus, processes_for(users, descriptors)) as nginx,
        tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch,
    ):
        folder = Path(scratch) / "run"
        command = [*flags.velroload.split(), nginx.url, *load.split(), *tail.split(), str(folder)]
        with running(command) as process:
            until(process, lambda: nginx.status()["active"] >= users, 60 + users / 500)
            opened = since(before)
            until(process, lambda: nginx.requests() >= users // 2, 2 * every_s + 60)
            memory = connected(process.pid, nginx, users, before_memory)
            until(process, lambda: (folder / "result.json").exists(), 2 * every_s + 120)
            process.wait(60)
            end(process)
        run = ourselves.Run.load(folder)
        return {
            "load": show(command),
            "users": users,
            "every_s": every_s,
            "workers": count,
            **memory,
            "ledger": exact(run, nginx.requests(), users),
            "validity": run.validity,
            "warmed": run.result["connections"]["warmed"],
            "reconnects": run.result["connections"]["opened"] - users,
            "response_ms": run.times_ms("response_time"),
            "service_ms": run.times_ms("service_time"),
            "kernel_counters_while_opening": opened,
            "kernel_counters": since(before),
        }


def verdict(row: Mapping[str, Any]) -> str:
    """PASS when every limit holds."""
    good = (
        row["ledger"]["exact"]
        and (row["users"] < JUDGED_FROM_USERS or row["ours_bytes_per_user"] <= OURS_LIMIT_BYTES)
        and row["connections"] >= row["users"]
        and row["kernel_counters"]["TCPSynRetrans"] == 0
    )
    return "PASS" if good else "FAIL"


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("scale", __doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=60, metavar="SECONDS")
    flags = parser.parse_args(argv)
    users, every_s = (5_000, 10) if flags.short else (flags.users, flags.every)
    descriptors = raise_descriptor_limit()
    say_length(2 * every_s + users // 2000)
    head = announce("scale", argv)
    try:
        row = measure(flags, users, every_s, descriptors)
    except Gone as error:
        print(f"failed: {error}", flush=True)
        return 1
    row["limit_bytes_per_user"] = OURS_LIMIT_BYTES
    row["descriptors"] = descriptors
    row["verdict"] = verdict(row)
    for key, value in row.items():
        print(f"{key:30s} {value}", flush=True)
    save(head, row, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
