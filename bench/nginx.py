"""A private nginx: a worker per CPU, a static answer of ~350 bytes, its own request count."""

import http.client
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from bench.harness import free_port, on_cpus, stop

BODY = "velroload " * 19 + "end."
CONFIG = """\
{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile {files};
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off;
  keepalive_timeout {keep};
  keepalive_requests {most};
  client_header_timeout 3600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type text/plain;
  server {{
    listen 127.0.0.1:{port} backlog=16384{shared};
    location / {{ return 200 "{body}"; }}
    {more}
  }}
{secure}  server {{ listen 127.0.0.1:{status}; location / {{ stub_status; }} }}
}}
"""

SECURE = """\
  server {{
    listen 127.0.0.1:{port} ssl backlog=16384;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_session_cache off;
    ssl_session_tickets off;
    location / {{ return 200 "{body}"; }}
  }}
"""


class Nginx:
    """A context manager. `requests()` is the server's own count since its start.

    `workers`: as many as there are `cpus`; of more, each listens on a socket of its own, and the
    kernel spreads the connections over them, so that none runs out of descriptors. `keep`: how long
    a connection may be idle, `most`: how many requests it may carry. `secure`: a certificate and
    its key, for TLS 1.3 with AES-128-GCM and whole handshakes only on a port of its own. `more`:
    lines for its plain server, in which {folder} is its own.
    """

    def __init__(
        self,
        cpus: Sequence[int] = (0,),
        workers: int | None = None,
        *,
        keep: str = "3600s",
        most: int = 1_000_000_000,
        secure: tuple[Path, Path] | None = None,
        more: str = "",
    ) -> None:
        self.keep, self.most, self.secure, self.more = keep, most, secure, more
        self.cpus = list(cpus)
        self.workers = workers or len(self.cpus)
        self.port = free_port()
        self.status_port = free_port()
        self.secure_port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="velroload-nginx-"))
        self.process: subprocess.Popen[str] | None = None
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def secure_server(self) -> str:
        """Its part of the configuration, where there is a certificate."""
        if self.secure is None:
            return ""
        certificate, key = self.secure
        return SECURE.format(port=self.secure_port, certificate=certificate, key=key, body=BODY)

    def __enter__(self) -> "Nginx":
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise RuntimeError("nginx is not installed: it is the server of this bench")
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        config = self.folder / "nginx.conf"
        config.write_text(
            CONFIG.format(
                workers=self.workers,
                keep=self.keep,
                more=self.more.format(folder=self.folder),
                most=self.most,
                shared=" reuseport" if self.workers > len(self.cpus) else "",
                user="user root;\n" if os.geteuid() == 0 else "",
                folder=self.folder,
                files=files,
                connections=max(512, min(files - 64, 65_535)),
                port=self.port,
                status=self.status_port,
                secure=self.secure_server(),
                body=BODY,
            )
        )
        command = [program, "-p", str(self.folder), "-c", str(config), "-e", "stderr"]
        with (self.folder / "stderr.log").open("w") as errors:
            self.process = subprocess.Popen(
                on_cpus(command, self.cpus),
                stderr=errors,
                text=True,
            )
        self._wait_until_up()
        return self

    def _wait_until_up(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 5
        while True:
            try:
                self.status()
            except OSError:
                if self.process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                words = (self.folder / "stderr.log").read_text()
                self.close()
                raise RuntimeError(f"nginx did not start: {words}") from None
            return

    def status(self) -> dict[str, int]:
        """active connections, accepted connections, requests (this question left out)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.status_port, timeout=10)
        try:
            connection.request("GET", "/")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        self.asked += 1
        numbers = [int(n) for n in re.findall(r"\d+", text)]
        return {
            "active": numbers[0] - 1,
            "accepted": numbers[1] - self.asked,
            "requests": numbers[3] - self.asked,
        }

    def requests(self) -> int:
        """Requests that the server has begun to serve, our own questions left out."""
        return self.status()["requests"]

    def cpu_s(self) -> float:
        """CPU of all its processes so far, user and system."""
        assert self.process is not None
        master = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in [master, *master.children()]]
        return float(sum(each.user + each.system for each in times))

    def close(self) -> None:
        """Stop and remove everything; twice-safe."""
        if self.process is not None:
            stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
