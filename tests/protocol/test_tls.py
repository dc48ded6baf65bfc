"""Contexts from settings, and every text about a file or a handshake that is no good."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.servers.tls import Authority
from velroload.errors import ConfigError
from velroload.plan.tls import Tls
from velroload.protocol.tls import from_settings, make_context, refusal, to_settings


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("tls")))


def test_verification_is_on_and_renegotiation_off() -> None:
    context = make_context(Tls())
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_settings_survive_the_way_to_a_worker(authority: Authority) -> None:
    cert, key = authority.client_files()
    tls = Tls(ca=authority.ca, cert=cert, key=key, maximum="1.2", ciphers="AES128", resume=True)
    made = from_settings(to_settings(tls, "h.test"))
    assert made is not None
    context, name, resume = made
    assert (name, resume) == ("h.test", True)
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert from_settings(None) is None
    named = from_settings(to_settings(Tls(server_name="other.test"), "h.test"))
    assert named is not None
    assert named[1] == "other.test"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"minimum": "1.1"}, "TLS minimum '1.1': write 1.2 or 1.3"),
        ({"maximum": "1.4"}, "TLS maximum '1.4': write 1.2 or 1.3"),
        (
            {"minimum": "1.3", "maximum": "1.2"},
            "TLS minimum 1.3 is above the maximum 1.2: swap them",
        ),
        ({"key": "k.pem"}, "TLS key without a certificate: name it too (--cert FILE)"),
        (
            {"ca": "ca.pem", "verify": False},
            "TLS CA file with --insecure: nothing is checked then; leave out one",
        ),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tls(**settings)
    assert str(caught.value) == said


def refused(tls: Tls) -> str:
    with pytest.raises(ConfigError) as caught:
        make_context(tls)
    return str(caught.value)


def test_files_that_are_no_good(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.client_files()
    text = tmp_path / "text.pem"
    text.write_text("no certificate\n")
    other = tmp_path / "other.key"
    authority.made.issue_cert("x.test").private_key_pem.write_to_path(str(other))
    encrypted = tmp_path / "encrypted.key"
    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    encrypted.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    absent = "/absent.pem"
    unread = "it cannot be read: no such file or directory"
    assert refused(Tls(ca=absent)) == f"--cacert {absent!r}: {unread}"
    assert refused(Tls(ca=str(text))) == f"--cacert {str(text)!r}: no PEM certificate in it"
    assert refused(Tls(cert=absent)) == f"--cert {absent!r}: {unread}"
    assert refused(Tls(cert=cert, key=absent)) == f"--key {absent!r}: {unread}"
    assert refused(Tls(cert=cert)) == f"--cert {cert!r}: no PEM certificate with its key in it"
    assert refused(Tls(cert=str(text), key=key)) == (
        f"--cert {str(text)!r}, --key {key!r}: not a PEM certificate and its key"
    )
    assert refused(Tls(cert=cert, key=str(other))) == (
        f"--key {str(other)!r}: it does not belong to {cert!r}"
    )
    assert refused(Tls(cert=cert, key=str(encrypted))) == (
        f"--key {str(encrypted)!r}: it is encrypted; give one without a passphrase "
        "(`openssl pkey -in KEY -out PLAIN`)"
    )
    assert refused(Tls(ciphers="NO-SUCH")) == (
        "--ciphers 'NO-SUCH': no cipher of this name (see `openssl ciphers`)"
    )


def test_reasons_that_are_not_certificates() -> None:
    def failure(reason: str) -> ssl.SSLError:
        error = ssl.SSLError(1, reason)
        error.reason = reason
        return error

    assert refusal(failure("WRONG_VERSION_NUMBER"), "h") == (
        "it does not speak TLS there; write http:// or another port"
    )
    assert refusal(failure("TLSV1_ALERT_PROTOCOL_VERSION"), "h") == (
        "it refuses us: tlsv1 alert protocol version"
    )
    assert refusal(failure("UNSUPPORTED_PROTOCOL"), "h") == (
        "the TLS handshake failed: unsupported protocol"
    )
    assert refusal(ConnectionResetError(104, "Connection reset by peer"), "h") == (
        "[Errno 104] Connection reset by peer"
    )
