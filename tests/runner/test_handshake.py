"""The pre-flight's handshake: what is agreed, and the line for each certificate that is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig import SECOND_NS, iterations, plan_for
from tests.servers.tls import Authority, TlsServer
from velroload.errors import PreflightError
from velroload.host.preflight import check_reachable
from velroload.plan.tls import Tls
from velroload.runner.handshake import Handshakes


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("tls")))


def shake(server: TlsServer, tls: Tls) -> Handshakes:
    """Reach the server as a run would; PreflightError when that fails."""
    hands = Handshakes.of(plan_for(server.url, iterations(1), tls=tls))
    assert hands is not None
    address = ("127.0.0.1", server.port)
    assert check_reachable([address], SECOND_NS, hands) == (address,)
    return hands


def refused(server: TlsServer, tls: Tls) -> str:
    with pytest.raises(PreflightError) as caught:
        shake(server, tls)
    return str(caught.value).replace(str(server.port), "PORT")


def test_plain_targets_need_none() -> None:
    assert Handshakes.of(plan_for("http://127.0.0.1:1", iterations(1))) is None


def test_what_is_agreed(authority: Authority) -> None:
    with TlsServer(authority.server("service.test")) as server:
        named = replace(authority.trusted, server_name="service.test", maximum="1.2")
        agreed = shake(server, named).agreed
        assert (agreed["version"], agreed["verified"]) == ("TLSv1.2", True)
        assert agreed["server_name"] == "service.test"
        assert agreed["cipher"]
        assert not shake(server, Tls(verify=False)).agreed["verified"]


def test_certificates_that_are_refused(authority: Authority) -> None:
    begin = "cannot reach 127.0.0.1:PORT: its certificate is refused: "
    with TlsServer(authority.server()) as server:
        assert refused(server, Tls()) == (
            f"{begin}unable to get local issuer certificate; trust its issuer with --cacert FILE, "
            "or check nothing with --insecure"
        )
    with TlsServer(authority.server(expired=True)) as server:
        assert refused(server, authority.trusted) == (
            f"{begin}certificate has expired; renew it, or check nothing with --insecure"
        )
    with TlsServer(authority.server("other.test")) as server:
        assert refused(server, authority.trusted) == (
            "cannot reach 127.0.0.1:PORT: its certificate is not for 127.0.0.1: name the right one "
            "with --server-name, or check nothing with --insecure"
        )


def test_no_tls_there(authority: Authority) -> None:
    with TlsServer(
        authority.server(), before=lambda c: c.sendall(b"220 hello there\r\n")
    ) as server:
        assert refused(server, authority.trusted) == (
            "cannot reach 127.0.0.1:PORT: it does not speak TLS there; write http:// or another "
            "port"
        )
