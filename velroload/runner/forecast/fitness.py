"""Whether this machine can carry the plan: the checks of the pre-flight, before the day."""

from collections.abc import Iterator

from velroload.host.preflight import REUSE_ALWAYS, TIME_WAIT_S, Ports
from velroload.plan.model import Plan
from velroload.runner.forecast.machine import Facts, Needs
from velroload.runner.forecast.obstacle import MACHINE, Obstacle, unfit
from velroload.runner.forecast.pace import rate_text
from velroload.runner.forecast.traffic import Stretch

CPU_SHARE_MOST = 0.7
"""Above it the generator's own queues begin to show in what it measures."""
MIB = 1 << 20


def fitness_obstacles(
    plan: Plan, stretches: tuple[Stretch, ...], needs: Needs, facts: Facts
) -> Iterator[Obstacle]:
    """Everything that is too little."""
    if needs.descriptors > facts.descriptors:
        yield unfit(
            f"{needs.connections:,} connections on {needs.workers} workers need "
            f"{needs.descriptors:,} file descriptors each, the limit is {facts.descriptors:,}: "
            f"`ulimit -Hn {needs.descriptors}` as root, more workers or fewer users"
        )
    yield from _ports(plan, stretches, needs, facts.ports)
    if 2 * needs.memory_bytes > facts.memory_bytes:
        yield unfit(
            f"the workers need {needs.memory_bytes / MIB:,.0f} MiB, "
            f"{facts.memory_bytes / MIB:,.0f} MiB of memory are free and half of that may be taken"
        )
    if needs.disk_bytes > facts.disk_bytes:
        yield unfit(
            f"the run folder takes about {needs.disk_bytes / MIB:,.0f} MiB, "
            f"{facts.disk_bytes / MIB:,.0f} MiB are free there; name another one with output: dir"
        )
    if needs.cpu_share is not None and needs.cpu_share > CPU_SHARE_MOST:
        yield Obstacle(
            f"{needs.workers} workers would be busy for {100 * needs.cpu_share:.0f} % of the time "
            "at the highest rate: what they measure then is partly themselves; take more CPUs",
            needs.cpu_share > 1.0,
            MACHINE,
        )


def _ports(
    plan: Plan, stretches: tuple[Stretch, ...], needs: Needs, ports: Ports
) -> Iterator[Obstacle]:
    """As for one address of the target; several would each have the whole range."""
    free = ports.count * max(1, len(plan.connecting.sources))
    mend = (
        "widen net.ipv4.ip_local_port_range, add source addresses (defaults: connecting: sources) "
        "or take fewer connections"
    )
    if needs.connections > free and not plan.target.startswith("unix:"):
        yield unfit(
            f"{needs.connections:,} connections need as many local ports per address of the "
            f"target, there are {free:,}: {mend}"
        )
    peaks = [stretch.peak_per_s for stretch in stretches]
    known = [peak for peak in peaks if peak is not None]
    if plan.connecting.keep_alive or not known or ports.tw_reuse == REUSE_ALWAYS:
        return
    held = float(max(known)) * TIME_WAIT_S
    if held > free:
        yield unfit(
            f"a connection for each of {rate_text(max(known))} requests/s holds {held:,.0f} local "
            f"ports in TIME_WAIT, there are {free:,}: `sysctl -w net.ipv4.tcp_tw_reuse=1`, or "
            f"{mend}"
        )
