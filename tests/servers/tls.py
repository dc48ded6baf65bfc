"""TLS in front of a script: certificates made on the spot, and the ways in which they are wrong."""

import datetime
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import trustme

from tests.servers.scripted import Script, ScriptedServer, respond
from velroload.plan.tls import Tls


class Authority:
    """A certificate authority of one test run; `ca` is its PEM file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = trustme.CA()
        self.ca = str(folder / "ca.pem")
        self.made.cert_pem.write_to_path(self.ca)

    @property
    def trusted(self) -> Tls:
        """A client that trusts it, and nobody else."""
        return Tls(ca=self.ca)

    def server(
        self,
        *names: str,
        expired: bool = False,
        maximum: ssl.TLSVersion | None = None,
        minimum: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """A server's context with a certificate for these names (127.0.0.1 without any)."""
        day = datetime.timedelta(days=1)
        now = datetime.datetime.now(datetime.UTC)
        cert = self.made.issue_cert(
            *(names or ("127.0.0.1",)),
            not_before=now - 3 * day,
            not_after=now - day if expired else now + day,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert.configure_cert(context)
        if minimum is not None:
            context.minimum_version = minimum
        if maximum is not None:
            context.maximum_version = maximum
        return context

    def asking(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same server, which now wants a certificate of the client."""
        context.verify_mode = ssl.CERT_REQUIRED
        self.made.configure_trust(context)
        return context

    def client_files(self) -> tuple[str, str]:
        """A client's certificate and key, as paths."""
        cert = self.made.issue_cert("client@example.org")
        paths = str(self.folder / "client.pem"), str(self.folder / "client.key")
        cert.cert_chain_pems[0].write_to_path(paths[0])
        cert.private_key_pem.write_to_path(paths[1])
        return paths


class TlsServer(ScriptedServer):
    """A ScriptedServer whose scripts talk through TLS. A failed handshake ends its connection;
    `farewell` False: closed without close_notify. `resumed` counts sessions that went on."""

    def __init__(
        self,
        context: ssl.SSLContext,
        script: Script | None = None,
        *,
        farewell: bool = True,
        before: Callable[[socket.socket], None] | None = None,
    ) -> None:
        self.context = context
        self.plain_script = script or respond()
        self.farewell = farewell
        self.before = before
        self.resumed = 0
        self.names: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(self.secured)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def secured(self, connection: socket.socket, number: int) -> None:
        if self.before is not None:
            self.before(connection)
        wrapped = self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        with wrapped as secure, self.reachable(secure):
            try:
                secure.do_handshake()
            except ssl.SSLError:
                self.read_to_end(secure)
                return
            self.resumed += bool(secure.session_reused)
            self.plain_script(secure, number)
            if self.farewell:
                secure.unwrap()

    def read_to_end(self, secure: ssl.SSLSocket) -> None:
        """Let the client have our alert: closing with its bytes unread would send a reset."""
        with socket.socket(fileno=secure.detach()) as raw, self.reachable(raw):
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
