"""TLS 1.3 with AES-128-GCM: CPU per request beside wrk, and handshakes beside OpenSSL's own client.

    python -m bench.tls [--rounds 5] [--seconds 10] [--connections 64,1000] [--velroload "CMD"]
                        [--short]

The same nginx, pinned to CPU 0, every client to CPU 1, in turn, medians of the rounds; requests
are nginx's count and CPU is that of the whole process tree, as in bench.capacity. "handshakes": a
new connection for each request, nothing resumed; `openssl s_time -new` makes one at a time and
says itself how many.
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.capacity import divide
from bench.harness import (
    RESULTS,
    alternate,
    announce,
    median,
    raise_descriptor_limit,
    run_tree,
    save,
    say_length,
)
from bench.nginx import Nginx
from bench.rivals import RIVALS

Json = dict[str, Any]
AROUND_S = 3
SERVER_CPU, CLIENT_CPU = 0, 1
HANDSHAKING_USERS = 8
S_TIME = re.compile(r"^(\d+) connections in ([0-9.]+) real seconds", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: which tool does what over how many connections, and its command."""

    tool: str
    mode: str
    connections: int
    command: Callable[[str, Path], list[str]]


def entries_for(flags: argparse.Namespace, certificate: Path) -> list[Entry]:
    def ours(connections: int, *more: str) -> Callable[[str, Path], list[str]]:
        return lambda url, folder: ourselves.command_for(
            flags.velroload,
            url,
            seconds=flags.seconds,
            folder=folder,
            cpus=[CLIENT_CPU],
            extra=["-u", str(connections), "--cacert", str(certificate), *more],
        )

    def wrk(connections: int) -> Callable[[str, Path], list[str]]:
        return lambda url, folder: RIVALS["wrk"].command(url, connections, flags.seconds)

    def s_time(url: str, folder: Path) -> list[str]:
        place = url.removeprefix("https://").rstrip("/")
        flag = ["-new", "-time", str(flags.seconds), "-connect", place, "-www", "/"]
        return ["openssl", "s_time", *flag]

    found = []
    for connections in map(int, flags.connections.split(",")):
        found += [
            Entry("velroload", "requests", connections, ours(connections)),
            Entry("wrk", "requests", connections, wrk(connections)),
        ]
    users = HANDSHAKING_USERS
    found.append(Entry("velroload", "handshakes", users, ours(users, "--no-keepalive")))
    found.append(Entry("openssl", "handshakes", 1, s_time))
    return [entry for entry in found if entry.tool == "velroload" or shutil.which(entry.tool)]


def measure(entry: Entry, nginx: Nginx, seconds: int) -> Json:
    """One round of one row; {"failed": why} when there is nothing to measure."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        folder = Path(scratch) / "run"
        before = nginx.requests()
        command = entry.command(f"https://127.0.0.1:{nginx.secure_port}/", folder)
        done = run_tree(command, cpus=[CLIENT_CPU], timeout_s=seconds * 3 + 60)
        requests = nginx.requests() - before
        if (
            done.code not in (ourselves.READABLE_CODES if entry.tool == "velroload" else (0,))
            or not requests
        ):
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return {"command": done.command, "failed": f"exit {done.code}: {said[-1:]}"}
        lasted_s = float(seconds)
        if entry.tool == "openssl":
            match = S_TIME.search(done.stdout)
            if match is None:
                return {"command": done.command, "failed": "its output was not understood"}
            requests, lasted_s = int(match[1]), float(match[2])
        return {
            "command": done.command,
            "requests": requests,
            "rate_per_s": requests / lasted_s,
            "cpu_us_per_request": 1e6 * done.cpu_s / requests,
            "user_us_per_request": 1e6 * done.user_s / requests,
            "rate_per_cpu_s": requests / done.cpu_s,
        }


def summarise(entry: Entry, runs: list[Json]) -> Json:
    good = [run for run in runs if "failed" not in run]
    keys = ("cpu_us_per_request", "user_us_per_request", "rate_per_s", "rate_per_cpu_s")
    row: Json = {
        "tool": entry.tool,
        "mode": entry.mode,
        "connections": entry.connections,
        "command": runs[0]["command"],
        "rounds": len(good),
        "runs": runs,
        **{key: median([run.get(key) for run in good]) for key in keys},
    }
    if len(good) < len(runs):
        row["failed"] = next(run["failed"] for run in runs if "failed" in run)
    return row


def ratios(rows: list[Json]) -> list[Json]:
    """CPU per request to wrk's; handshakes per second of CPU to OpenSSL's."""
    by = {(row["tool"], row["mode"], row["connections"]): row for row in rows}
    found = []
    for tool, mode, connections in by:
        if (tool, mode) == ("velroload", "requests"):
            ours, wrk = by[tool, mode, connections], by.get(("wrk", mode, connections), {})
            cpu = "cpu_us_per_request"
            ratio = divide(ours.get(cpu), wrk.get(cpu))
            found.append({"what": "cpu", "connections": connections, "ratio": ratio})
    ours = by.get(("velroload", "handshakes", HANDSHAKING_USERS), {})
    theirs = by.get(("openssl", "handshakes", 1), {})
    for key in ("rate_per_s", "rate_per_cpu_s"):
        ratio = divide(ours.get(key), theirs.get(key))
        found.append({"what": f"handshakes {key}", "connections": None, "ratio": ratio})
    return found


def make_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """(authority, certificate with its chain, key) for 127.0.0.1."""
    import trustme

    authority = trustme.CA()
    cert = authority.issue_cert("127.0.0.1")
    paths = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    authority.cert_pem.write_to_path(str(paths[0]))
    cert.cert_chain_pems[0].write_to_path(str(paths[1]))
    cert.private_key_pem.write_to_path(str(paths[2]))
    return paths


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tls")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", default="64,1000")
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--short", action="store_true")
    flags = parser.parse_args(argv)
    if flags.short:
        flags.rounds, flags.seconds, flags.connections = 1, 2, "64"
    raise_descriptor_limit()
    head = announce("tls", argv)
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        authority, certificate, key = make_certificate(Path(scratch))
        entries = entries_for(flags, authority)
        say_length(len(entries) * flags.rounds * (flags.seconds + AROUND_S))
        runs: dict[int, list[Json]] = {}
        with Nginx([SERVER_CPU], secure=(certificate, key)) as nginx:
            for _, (place, entry) in alternate(list(enumerate(entries)), flags.rounds):
                run = measure(entry, nginx, flags.seconds)
                runs.setdefault(place, []).append(run)
                print(entry.tool, entry.mode, entry.connections, run.get("failed") or
                      f"{run['cpu_us_per_request']:.2f} us/request {run['rate_per_s']:.0f}/s",
                      flush=True)  # fmt: skip
        rows = [summarise(entry, runs[place]) for place, entry in enumerate(entries)]
    figures = {"seconds": flags.seconds, "rounds": flags.rounds, "rows": rows}
    save(head, {**figures, "ratios": ratios(rows)}, flags.results)
    for row in ratios(rows):
        print(row)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
