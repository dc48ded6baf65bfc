"""How HTTPS is spoken: what is trusted, what is shown, which versions and ciphers."""

from dataclasses import dataclass

from velroload.errors import ConfigError

VERSIONS = ("1.2", "1.3")
"""TLS 1.0 and 1.1 are refused: RFC 8996 deprecates them, and OpenSSL's default level too."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Settings of every TLS connection of a plan; paths are opened by each worker.

    verify: the server's certificate and name are checked. ca: PEM file trusted instead of the
    system's. cert, key: our own certificate and its unencrypted key (one PEM file may hold both).
    ciphers: an OpenSSL list, for TLS 1.2. server_name: sent as SNI and checked instead of the
    URL's host. resume: a connection continues the session of its user's last one.
    """

    verify: bool = True
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    minimum: str = "1.2"
    maximum: str = "1.3"
    ciphers: str | None = None
    server_name: str | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for name, version in (("minimum", self.minimum), ("maximum", self.maximum)):
            if version not in VERSIONS:
                raise ConfigError(f"TLS {name} {version!r}: write {' or '.join(VERSIONS)}")
        if self.minimum > self.maximum:
            raise ConfigError(
                f"TLS minimum {self.minimum} is above the maximum {self.maximum}: swap them"
            )
        if self.key is not None and self.cert is None:
            raise ConfigError("TLS key without a certificate: name it too (--cert FILE)")
        if self.ca is not None and not self.verify:
            raise ConfigError("TLS CA file with --insecure: nothing is checked then; leave out one")
