"""The TLS handshake of the pre-flight: does the target accept us, and we its certificate?"""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from velroload.host.preflight import Address, Refused
from velroload.plan.model import Plan
from velroload.protocol.address import Target
from velroload.protocol.tls import make_context, refusal


@dataclass
class Handshakes:
    """Connects as the workers will, and closes; `agreed` says what the last one settled on.

    Called with an address and a time-out in seconds. Refused says why a handshake failed and what
    would accept it; other OSErrors are those of connecting.
    """

    context: ssl.SSLContext
    name: str
    agreed: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> "Handshakes | None":
        """None for a target that does not speak TLS."""
        target = Target.of(plan.target)
        if target.scheme != "https":
            return None
        return cls(make_context(plan.tls), plan.tls.server_name or target.host)

    def __call__(self, address: Address, timeout_s: float) -> None:
        with socket.create_connection(address, timeout=timeout_s) as connection:
            try:
                with self.context.wrap_socket(connection, server_hostname=self.name) as secure:
                    cipher = secure.cipher()
                    self.agreed = {
                        "version": secure.version() or "",
                        "cipher": cipher[0] if cipher else "",
                        "verified": self.context.verify_mode == ssl.CERT_REQUIRED,
                        "server_name": self.name,
                    }
            except TimeoutError:
                raise
            except OSError as error:
                raise Refused(refusal(error, self.name)) from error
