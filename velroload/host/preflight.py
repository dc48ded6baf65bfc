"""Can this machine and the target carry the run? Checked before the start, without any load.

Each check is a pure function over facts and raises a PreflightError (exit 3) that says what is
needed, what there is and how to mend it. The facts are read by the functions at the end.
"""

import errno
import resource
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from velroload.errors import PreflightError

Address = tuple[str, int]

SPARE_DESCRIPTORS = 64
"""Descriptors of a worker beside its connections: loop, epoll, timer, memfd, libraries, DNS."""

DEFAULT_PORTS = (32_768, 60_999)
TIME_WAIT_S = 60
TCP_TIME_WAIT = "06"

REUSE_NEVER, REUSE_ALWAYS, REUSE_LOOPBACK = 0, 1, 2
"""Values of net.ipv4.tcp_tw_reuse."""


class Refused(OSError):
    """A handshake that failed, in a user's words; the address itself answers."""


@dataclass(frozen=True)
class Ports:
    """What the kernel says about local ports for outgoing connections."""

    first: int = DEFAULT_PORTS[0]
    last: int = DEFAULT_PORTS[1]
    tw_reuse: int = REUSE_NEVER

    @property
    def count(self) -> int:
        """Ports in the range."""
        return self.last - self.first + 1


def descriptors_needed(connections: int, workers: int) -> int:
    """Descriptors that one worker needs: its share of the connections, rounded up, and spare."""
    return -(-connections // workers) + SPARE_DESCRIPTORS


def check_descriptors(connections: int, workers: int, soft: int, hard: int) -> int:
    """The soft limit that every worker needs to have; PreflightError when `hard` is below it.

    A limit of resource.RLIM_INFINITY (-1) carries anything.
    """
    needed = descriptors_needed(connections, workers)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise PreflightError(
            f"{connections:,} connections on {plural(workers, 'worker')} need {needed:,} file "
            f"descriptors each, the limit is {hard:,}: raise it with `ulimit -Hn {needed}` as "
            "root (or nofile in /etc/security/limits.conf), take more workers or fewer users"
        )
    return soft if soft == resource.RLIM_INFINITY else max(soft, needed)


def check_ports(
    connections: int, target: Address, time_wait: int, ports: Ports, sources: int = 1
) -> None:
    """PreflightError when `connections` at once to one address exceed the free local ports.

    Every source address has the whole range. `time_wait` sockets to that address hold a port for
    60 s, unless the kernel reuses them.
    """
    held = 0 if reuses(target, ports) else time_wait
    free = ports.count * sources - held
    if connections <= free:
        return
    raise PreflightError(
        f"{connections:,} connections to {shown(target)} need as many local ports, {free:,} are "
        f"free ({spelled(ports, sources, held)}): {MEND_PORTS}, or take fewer users or "
        "--connections"
    )


def check_churn(
    per_s: float, target: Address, time_wait: int, ports: Ports, sources: int = 1
) -> None:
    """PreflightError when so many new connections a second to one address must run out of ports.

    Whoever closes first keeps the port for 60 s in TIME_WAIT, unless the kernel reuses it.
    """
    free = ports.count * sources - time_wait
    needed = per_s * TIME_WAIT_S
    if reuses(target, ports) or needed <= free:
        return
    raise PreflightError(
        f"{per_s:,.0f} new connections/s to {shown(target)} hold {needed:,.0f} local ports in "
        f"TIME_WAIT for {TIME_WAIT_S} s each, {free:,} are free "
        f"({spelled(ports, sources, time_wait)}): `sysctl -w net.ipv4.tcp_tw_reuse=1`, "
        f"{MEND_PORTS}, or take a lower rate"
    )


MEND_PORTS = (
    "widen the range with `sysctl -w net.ipv4.ip_local_port_range='1024 65535'`, connect from more "
    "addresses with --source"
)


def reuses(target: Address, ports: Ports) -> bool:
    """Whether the kernel takes ports in TIME_WAIT for new connections to this address."""
    return ports.tw_reuse == REUSE_ALWAYS or (ports.tw_reuse == REUSE_LOOPBACK and is_local(target))


def spelled(ports: Ports, sources: int, held: int) -> str:
    """The range, how many addresses have it, and what is taken of it."""
    times = f" × {sources} sources" if sources > 1 else ""
    waiting = f", {held:,} of them in TIME_WAIT for {TIME_WAIT_S} s" if held else ""
    return f"{ports.first}-{ports.last}{times}{waiting}"


def check_sources(
    sources: Sequence[str],
    addresses: Sequence[Address],
    bind: Callable[[str], None] | None = None,
) -> None:
    """PreflightError for a source that this machine does not have, and for a target's address
    whose family no source has."""
    for source in sources:
        try:
            (bind or bind_once)(source)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise PreflightError(
                f"source {source}: {why}; give it to an interface (ip address add {source} dev …) "
                "or leave it out"
            ) from error
    families = {":" in source for source in sources}
    for address in addresses:
        if sources and not is_unix(address) and (":" in address[0]) not in families:
            version = 6 if ":" in address[0] else 4
            raise PreflightError(
                f"--source has no IPv{version} address to connect to {shown(address)} from: "
                f"add one, or use the others with -{10 - version}"
            )


def check_memory(ring_bytes: int, available_bytes: int, file_bytes: int = 0) -> None:
    """PreflightError when the sample rings, and the files to send, would take more than half of
    the free memory."""
    needed, files = ring_bytes + file_bytes, " and the files to send" if file_bytes else ""
    if needed * 2 > available_bytes:
        raise PreflightError(
            f"the sample rings{files} need {needed / 2**20:,.0f} MiB, "
            f"{available_bytes / 2**20:,.0f} MiB of memory are free and half of that may be "
            "taken: free some, or take fewer workers or a lower rate"
        )


def check_reachable(
    addresses: Sequence[Address],
    connect_timeout_ns: int,
    connect: Callable[[Address, float], None] | None = None,
) -> tuple[Address, ...]:
    """The addresses that accept a connection; PreflightError when none does.

    `connect` opens one and closes it: TCP without more when it is None. No request is sent. A name
    often has an address nobody listens on (localhost: ::1), so one that answers is enough, and
    only those that answer are loaded.
    """
    reached = []
    failures: list[tuple[Address, OSError]] = []
    for address in addresses:
        try:
            (connect or connect_once)(address, connect_timeout_ns / 1e9)
            reached.append(address)
        except OSError as error:
            failures.append((address, error))
    if reached or not failures:
        return tuple(reached)
    address, why = failures[0]
    raise PreflightError(f"cannot reach {shown(address)}: {reason(why, connect_timeout_ns)}")


def reason(error: OSError, connect_timeout_ns: int) -> str:
    """Why a connection failed and what to look at."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, TimeoutError):
        return (
            f"no answer within {connect_timeout_ns / 1e9:g} s (--connect-timeout); is a firewall "
            "in between?"
        )
    if error.errno == errno.ECONNREFUSED:
        return "connection refused; is the server running?"
    if error.errno == errno.ENOENT:
        return "there is no such socket; is the server running?"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"{(error.strerror or '').lower()}; is the network up?"
    return (error.strerror or str(error)).lower()


def is_unix(address: Address) -> bool:
    """True for a unix socket, which is written ("unix:/path", 0)."""
    return address[0].startswith("unix:")


def is_local(address: Address) -> bool:
    """True for what never leaves this machine: loopback and unix sockets."""
    return address[0].startswith("127.") or address[0] == "::1" or is_unix(address)


def shown(address: Address) -> str:
    """An address as it stands in a URL."""
    host, port = address
    if is_unix(address):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plural(count: int, noun: str) -> str:
    """ "1 worker", "2 workers"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def connect_once(address: Address, timeout_s: float) -> None:
    """Open one connection and close it; OSError when that fails."""
    if not is_unix(address):
        socket.create_connection(address, timeout=timeout_s).close()
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        probe.connect(address[0].removeprefix("unix:"))


def bind_once(source: str) -> None:
    """Bind a socket to a local address and close it; OSError when it is not ours."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((source, 0))


def raise_descriptors(connections: int, workers: int) -> None:
    """Raise our soft limit, which workers inherit, as far as needed; see check_descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = check_descriptors(connections, workers, soft, hard)
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def read_ports(proc: Path = Path("/proc")) -> Ports:
    """The kernel's settings; its defaults where they cannot be read."""
    net = proc / "sys/net/ipv4"
    try:
        first, last = map(int, (net / "ip_local_port_range").read_text().split())
        return Ports(first, last, int((net / "tcp_tw_reuse").read_text()))
    except (OSError, ValueError):
        return Ports()


def count_time_wait(target: Address, proc: Path = Path("/proc")) -> int:
    """Our sockets in TIME_WAIT to `target`; 0 where the kernel's table cannot be read."""
    host, port = target
    v6 = ":" in host
    packed = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, host.partition("%")[0])
    words = (packed[i : i + 4][::-1].hex().upper() for i in range(0, len(packed), 4))
    remote = f"{''.join(words)}:{port:04X}"  # the table shows 32-bit words as little endian reads
    try:
        with open(proc / "net" / ("tcp6" if v6 else "tcp"), encoding="ascii") as table:
            rows = (line.split(None, 4) for line in table)
            return sum(row[2] == remote and row[3] == TCP_TIME_WAIT for row in rows if len(row) > 4)
    except OSError:
        return 0


def available_memory_bytes(root: Path = Path("/")) -> int:
    """MemAvailable, and no more than what our cgroup (v2) leaves."""
    lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    free = int(facts["MemAvailable"].split()[0]) * 1024
    group = root / "sys/fs/cgroup"
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no cgroup v2, or its limit is the word "max"
        return free
    return max(0, min(free, limit - used))
