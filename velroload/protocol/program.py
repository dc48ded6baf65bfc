"""Compile a plan's flows to what the core executes, workers' Python included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from velroload.plan.model import Plan, Scenario
from velroload.plan.probe import CACHE_HEADER
from velroload.plan.slots import BUILT_IN_SLOTS
from velroload.protocol.address import ADDRESS_BYTES, Target, pack_sources
from velroload.protocol.flow import Flow
from velroload.protocol.layout import EXTRA, FILL, ORIGIN, SLOT, STEP, array
from velroload.protocol.parts import PART
from velroload.protocol.redirect import Origin, origin_of
from velroload.protocol.rows import tables_of
from velroload.protocol.table import Table
from velroload.protocol.tables import Tables
from velroload.protocol.writer import Endpoint, Writer
from velroload.sample import CacheLayer

TRANSPORTS = {"http": 0, "unix": 0, "https": 1}


@dataclass(frozen=True, slots=True)
class Compiled:
    """One scenario's place in the program: (first, count) of its steps, its pause, its row.
    `life_slot`: what says how long a token lives. rows: bits of the data sets of which its log-in
    reads a row, its users have one, each pass takes one."""

    setup: tuple[int, int]
    renew: tuple[int, int]
    life_slot: int | None
    flow: tuple[int, int]
    think: int | None
    iteration_endpoint: int | None
    rows: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Program:
    """All that workers need of the flows. `judges` are what answers are asked for, `computed` the
    expressions (protocol/ask.py, computed.py); `files` the paths that spans refer to, as 1, 2, …

    `origins`: scheme, host and port of every place that may be connected to, the target first.
    `tables`: the data sets, in the order of their numbers. `mixes`: (endpoint, own probability) of
    each chance that the phases of a suite have their own probabilities for. `wanted`: the headers
    of answers that are kept, and room for each. `scopes`: slots of cookies, with the origin and
    path that each is for. `cache`: rules of (header, value, sample.CacheLayer).
    """

    arrays: dict[str, bytes]
    files: tuple[str, ...]
    scenarios: tuple[Compiled, ...]
    endpoints: tuple[Endpoint, ...]
    judges: tuple[dict[str, Any], ...]
    computed: tuple[dict[str, Any], ...]
    wanted: tuple[tuple[str, int], ...]
    scopes: tuple[tuple[int, int, str], ...]
    mixes: tuple[tuple[str, Fraction], ...]
    origins: tuple[Origin, ...]
    cache: tuple[tuple[str, str, int], ...]
    sources_v4: int
    slot_numbers: dict[str, int]
    tables: tuple[Table, ...]
    user_slot: int | None
    user_bytes: int
    render_bytes: int

    @property
    def slot_names(self) -> tuple[str, ...]:
        """In the order of their numbers."""
        return tuple(self.slot_numbers)


def compile_scenario(writer: Writer, scenario: Scenario) -> Compiled:
    """Write the scenario's steps."""
    flow = Flow(writer, scenario)
    setup = flow.section(scenario.login, setup=True)
    renew = flow.section(scenario.renewal, setup=True)
    told = None if scenario.session is None else scenario.session.life_slot
    main = flow.section(scenario.flow, setup=False)
    pause = scenario.load.think
    row = None
    if scenario.flow != scenario.requests[:1]:  # with one request the request is the iteration
        row = writer.endpoint("iteration", "iteration", scenario.name, None, False)
    life = None if told is None else writer.parts.slot(told)
    return Compiled(
        setup,
        renew,
        life,
        main,
        None if pause is None else flow.think(pause),
        row,
        writer.tables.rows_of(scenario),
    )


def compile_program(
    plan: Plan,
    target: Target,
    addresses: bytes,
    others: Sequence[tuple[Target, bytes]] = (),
    tables: Sequence[Table] = (),
) -> Program:
    """Compile every scenario of the plan. `addresses` are the target's packed rows (pack_address),
    `others` where redirects may lead beside it, with theirs. `tables`: data sets whose rows are
    there already; the others that are used are read here (protocol/rows.py: ConfigError)."""
    places = ((target, addresses), *others)
    data = Tables(tables_of(plan, tables))
    writer = Writer(plan, tuple(target for target, _ in places), data)
    scenarios = tuple(compile_scenario(writer, scenario) for scenario in plan.scenarios)
    writer.hops()
    data.check_paths(plan)
    slots, user_bytes = writer.slots()
    sources, sources_v4 = pack_sources(plan.connecting.sources)
    arrays = {
        "steps": array(writer.steps, STEP),
        "parts": np.array(writer.parts.rows, dtype=PART).tobytes(),
        "fills": array(writer.fills.rows, FILL),
        "weights": np.array(writer.fills.weights, "<f8").tobytes(),
        "expects": b"".join(writer.expects),
        "literals": bytes(writer.parts.literals),
        "extras": array(writer.extras, EXTRA),
        "slots": array(slots, SLOT),
        **origins_of(places),
        "sources": sources,
    }
    return Program(
        arrays=arrays,
        files=tuple(writer.parts.files),
        scenarios=scenarios,
        endpoints=tuple(writer.endpoints),
        judges=tuple(writer.judges),
        computed=tuple(writer.fills.computed),
        wanted=tuple(writer.headers.items()),
        scopes=tuple((slot, 0, path) for path, slot in writer.scopes.items()),
        mixes=tuple(writer.mixes),
        origins=tuple(origin_of(target) for target, _ in places),
        cache=tuple(cache_rules(plan)),
        sources_v4=sources_v4,
        slot_numbers=dict(writer.parts.slots),
        tables=data.tables,
        user_slot=writer.parts.slots.get(BUILT_IN_SLOTS[0]),
        user_bytes=user_bytes,
        render_bytes=writer.longest(slots),
    )


def cache_rules(plan: Plan) -> Iterator[tuple[str, str, int]]:
    """What each value of a header says of the cache."""
    for probe in plan.probes:
        if probe.kind == CACHE_HEADER:
            for value, word in probe.values:
                yield probe.where.lower(), value, CacheLayer[word.upper()]


def origins_of(places: Sequence[tuple[Target, bytes]]) -> dict[str, bytes]:
    """The arrays of origins and addresses."""
    rows, addresses = [], b""
    for target, packed in places:
        first, count = len(addresses) // ADDRESS_BYTES, len(packed) // ADDRESS_BYTES
        rows.append((first, count, TRANSPORTS[target.scheme], b""))
        addresses += packed
    return {"origins": np.array(rows, ORIGIN).tobytes(), "addresses": addresses}
