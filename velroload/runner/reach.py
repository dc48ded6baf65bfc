"""Which of a target's addresses are loaded, after every check of what this machine must have."""

from collections.abc import Callable

from velroload.errors import PreflightError
from velroload.host import preflight
from velroload.host.preflight import Address
from velroload.protocol.address import ADDRESSES_MAX
from velroload.runner.handshake import Handshakes
from velroload.runner.jobs import Work


def reachable(
    addresses: tuple[Address, ...],
    work: Work,
    workers: int,
    hands: Handshakes | None,
    say: Callable[[str], None],
) -> tuple[Address, ...]:
    """The addresses that answer; those that do not are said. PreflightError when none does, or
    when descriptors, ports or sources are missing."""
    preflight.raise_descriptors(work.connections, workers)
    if len(addresses) > ADDRESSES_MAX:
        raise PreflightError(f"the name has {len(addresses)} addresses: at most {ADDRESSES_MAX}")
    reached = preflight.check_reachable(addresses, work.plan.timeouts.connect_ns, hands)
    for address in addresses:
        if address not in reached:
            say(f"not loaded: {preflight.shown(address)} does not answer")
    preflight.check_sources(work.plan.connecting.sources, reached)
    for address in reached:
        if not preflight.is_unix(address):
            enough_ports(address, len(reached), work)
    return reached


def enough_ports(address: Address, addresses: int, work: Work) -> None:
    """PreflightError when one of so many addresses needs more local ports than there are."""
    asked, ports = work.plan.connecting, preflight.read_ports()
    waiting = 0 if preflight.reuses(address, ports) else preflight.count_time_wait(address)
    v6 = ":" in address[0]
    sources = max(1, sum((":" in source) == v6 for source in asked.sources))
    share = -(-work.connections // addresses)
    preflight.check_ports(share, address, waiting, ports, sources)
    offered = work.offered_rate_per_s()
    if offered is not None and not asked.keep_alive:
        preflight.check_churn(offered / addresses, address, waiting, ports, sources)
