"""The flags of https://: what is trusted, what is shown, which versions."""

from typing import TYPE_CHECKING

from velroload.cli.values import Values
from velroload.errors import ConfigError

if TYPE_CHECKING:
    from velroload.plan.model import Plan
    from velroload.plan.tls import Tls

TLS_FLAGS = ("insecure", "cacert", "cert", "key", "tls_min", "tls_max", "ciphers", "server_name",
             "tls_resume")  # fmt: skip


def make_tls(values: Values, plan: "Plan") -> "Tls":
    """How https is spoken; its files are opened here once, so that a bad one is a usage error.

    A flag wins over the plan.
    """
    from velroload.plan.tls import Tls

    known = plan.tls
    given = [flag for flag in TLS_FLAGS if values.has(flag)]
    if not plan.target.startswith("https:"):
        for flag in given:
            raise ConfigError(f"{values.noun(flag)}: the target does not speak TLS; "
                              "write https://")  # fmt: skip
        return known
    from velroload.protocol.tls import make_context

    tls = Tls(
        verify=known.verify and not values.yes("insecure"),
        ca=values.text("cacert") or known.ca,
        cert=values.text("cert") or known.cert,
        key=values.text("key") or known.key,
        minimum=values.text("tls_min") or known.minimum,
        maximum=values.text("tls_max") or known.maximum,
        ciphers=values.text("ciphers") or known.ciphers,
        server_name=values.text("server_name") or known.server_name,
        resume=known.resume or values.yes("tls_resume"),
    )
    make_context(tls)
    return tls
