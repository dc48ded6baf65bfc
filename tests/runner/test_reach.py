"""Which addresses are loaded, and what a machine must have for it."""

from fractions import Fraction

import pytest

from tests.rig import SECOND_NS, iterations, plan_for
from velroload.errors import PreflightError
from velroload.host import preflight
from velroload.host.preflight import Ports
from velroload.plan.model import Connecting, Load
from velroload.runner import reach
from velroload.runner.jobs import Work


def test_new_connections_beyond_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load("constant-arrival-rate", rate=Fraction(1000), duration_ns=SECOND_NS, users=10)
    plan = plan_for("http://h", load, connecting=Connecting(keep_alive=False))
    monkeypatch.setattr(preflight, "read_ports", lambda: Ports(tw_reuse=0))
    monkeypatch.setattr(preflight, "count_time_wait", lambda address: 0)
    reach.enough_ports(("127.0.0.1", 80), 3, Work.of(plan))
    with pytest.raises(
        PreflightError, match=r"^1,000 new connections/s to 127\.0\.0\.1:80 hold 60,"
    ):
        reach.enough_ports(("127.0.0.1", 80), 1, Work.of(plan))


def test_too_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "ADDRESSES_MAX", 1)
    work = Work.of(plan_for("http://h", iterations(1)))
    addresses = (("127.0.0.1", 80), ("192.0.2.1", 80))
    with pytest.raises(PreflightError) as caught:
        reach.reachable(addresses, work, 1, None, lambda line: None)
    assert str(caught.value) == "the name has 2 addresses: at most 1"
