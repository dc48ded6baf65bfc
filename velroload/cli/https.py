"""The flags of https://: what is trusted, what is shown, which versions."""

from typing import TYPE_CHECKING

from velroload.cli.values import Values
from velroload.errors import ConfigError

if TYPE_CHECKING:
    from velroload.plan.tls import Tls

TLS_FLAGS = ("insecure", "cacert", "cert", "key", "tls_min", "tls_max", "ciphers", "server_name",
             "tls_resume")  # fmt: skip


def make_tls(values: Values, target: str) -> "Tls":
    """How https is spoken; its files are opened here once, so that a bad one is a usage error."""
    from velroload.plan.tls import Tls

    given = [flag for flag in TLS_FLAGS if values.has(flag)]
    if not target.startswith("https:"):
        for flag in given:
            raise ConfigError(f"{values.noun(flag)}: the target does not speak TLS; "
                              "write https://")  # fmt: skip
        return Tls()
    from velroload.protocol.tls import make_context

    tls = Tls(
        verify=not values.yes("insecure"),
        ca=values.text("cacert"),
        cert=values.text("cert"),
        key=values.text("key"),
        minimum=values.text("tls_min") or "1.2",
        maximum=values.text("tls_max") or "1.3",
        ciphers=values.text("ciphers"),
        server_name=values.text("server_name"),
        resume=values.yes("tls_resume"),
    )
    make_context(tls)
    return tls
