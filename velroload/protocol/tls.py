"""TLS contexts from a plan's settings, and what a failed handshake is called."""

import ssl
from dataclasses import asdict
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.tls import Tls

_VERSION = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

Origin = tuple[ssl.SSLContext, str, bool]
"""What the core needs per origin: context, server name, whether sessions are resumed."""


def make_context(tls: Tls) -> ssl.SSLContext:
    """A client's context; ALPN offers http/1.1 only. ConfigError names the file that is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.minimum_version = _VERSION[tls.minimum]
    context.maximum_version = _VERSION[tls.maximum]
    context.set_alpn_protocols(["http/1.1"])
    if tls.ciphers is not None:
        try:
            context.set_ciphers(tls.ciphers)
        except ssl.SSLError:
            raise ConfigError(
                f"--ciphers {tls.ciphers!r}: no cipher of this name (see `openssl ciphers`)"
            ) from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs()
    else:
        load_ca(context, tls.ca)
    if tls.cert is not None:
        load_own(context, tls.cert, tls.key)
    return context


def load_ca(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ConfigError(f"--cacert {path!r}: no PEM certificate in it") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--cacert {path!r}: {why(error)}") from None


def load_own(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    """Never asks for a passphrase: nobody may sit at this terminal."""

    def no_passphrase() -> str:
        raise ConfigError(
            f"--key {key or cert!r}: it is encrypted; give one without a passphrase "
            "(`openssl pkey -in KEY -out PLAIN`)"
        )

    for flag, path in (("--cert", cert), ("--key", key)):
        try:
            if path is not None:
                with open(path, "rb"):
                    pass
        except (OSError, ValueError) as error:
            raise ConfigError(f"{flag} {path!r}: {why(error)}") from None
    try:
        context.load_cert_chain(cert, key, no_passphrase)
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in (error.reason or ""):
            raise ConfigError(f"--key {key or cert!r}: it does not belong to {cert!r}") from None
        raise ConfigError(
            f"--cert {cert!r}: no PEM certificate with its key in it"
            if key is None
            else f"--cert {cert!r}, --key {key!r}: not a PEM certificate and its key"
        ) from None


def why(error: Exception) -> str:
    """An operating system's reason in a user's words."""
    return f"it cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"


def to_settings(tls: Tls, host: str) -> dict[str, Any]:
    """What a worker needs to make the same context, as JSON."""
    return {**asdict(tls), "server_name": tls.server_name or host}


def from_settings(settings: dict[str, Any] | None) -> Origin | None:
    """The worker's side of to_settings; None stays None: an origin without TLS."""
    if settings is None:
        return None
    tls = Tls(**settings)
    return make_context(tls), str(tls.server_name), tls.resume


def refusal(error: Exception, host: str) -> str:
    """Why a handshake failed, and what would accept it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_refusal(error, host)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        if "wrong version number" in reason:
            return "it does not speak TLS there; write http:// or another port"
        if "alert" in reason:
            return f"it refuses us: {reason}"
        return f"the TLS handshake failed: {reason}"
    return str(error)


UNTRUSTED = (18, 19, 20, 21)  # self-signed, so in the chain, no issuer found, a leaf alone
OTHER_HOST = (62, 64)  # by name, by IP address
"""Verification codes of OpenSSL's X509_STORE_CTX_get_error(3)."""


def certificate_refusal(error: ssl.SSLCertVerificationError, host: str) -> str:
    """What is wrong with a certificate, and the flag that accepts it."""
    if error.verify_code in OTHER_HOST:
        return (
            f"its certificate is not for {host}: name the right one with --server-name, or check "
            "nothing with --insecure"
        )
    remedy = "renew it, or check nothing with --insecure"
    if error.verify_code in UNTRUSTED:
        remedy = "trust its issuer with --cacert FILE, or check nothing with --insecure"
    return f"its certificate is refused: {error.verify_message}; {remedy}"
