"""The data sets of a program, by number: what flows take of them, and where each cell is."""

from collections.abc import Iterable, Sequence

from velroload.errors import ConfigError
from velroload.plan.flow import Steps, Take, reads, walk
from velroload.plan.model import Plan
from velroload.plan.scenario import Scenario
from velroload.plan.slots import references
from velroload.protocol.table import Table

TABLES_MAX = 64
"""A scenario names its data sets by the bits of a word."""


class Tables:
    """`tables` in the order of their numbers. ConfigError when they are too many."""

    def __init__(self, tables: Sequence[Table]) -> None:
        if len(tables) > TABLES_MAX:
            raise ConfigError(f"data: a plan can use {TABLES_MAX} data sets, got {len(tables)}")
        self.tables = tuple(tables)
        self.numbers = {table.name: number for number, table in enumerate(tables)}
        self.widths = {
            f"{table.name}.{column}": width
            for table in tables
            for column, width in zip(table.columns, table.widths, strict=True)
        }
        """Bytes of the longest cell of each column."""

    def __len__(self) -> int:
        return len(self.tables)

    def number_to_take(self, name: str) -> int:
        """The number of a data set of which a step takes the next row."""
        number = self.numbers[name]
        if self.tables[number].pick == "unique":
            raise ConfigError(
                f"take: the rows of {name} stay with their users (pick: unique): there is no next "
                "one; take sequential or once with per: user"
            )
        return number

    def cell(self, name: str) -> dict[str, float]:
        """The row of a slot that is a column of a data set."""
        data, _, column = name.partition(".")
        number = self.numbers[data]
        place = self.tables[number].columns.index(column)
        return {"at": place, "room": self.widths[name], "table": number + 1}

    def rows_of(self, scenario: Scenario) -> tuple[int, int, int]:
        """Bits of the data sets of which the scenario's setup reads a row, each user has one, and
        each iteration takes a new one."""
        setup = used_in([scenario.login, scenario.renewal])
        told = None if scenario.session is None else scenario.session.life_slot
        if told is not None and "." in told:
            setup.add(told.partition(".")[0])
        flow = set(scenario.data) - (setup - used_in([scenario.flow]))
        once = {name for name in flow if self.tables[self.numbers[name]].per == "user"}
        return self._bits(setup), self._bits(once), self._bits(flow - once)

    def _bits(self, names: Iterable[str]) -> int:
        return sum(1 << self.numbers[name] for name in names)

    def check_paths(self, plan: Plan) -> None:
        """ConfigError when a cell would break the path that it stands in."""
        for scenario in plan.scenarios:
            for request in scenario.every_request:
                for name in references(request.path):
                    data, dot, column = name.partition(".")
                    if dot:
                        self._check_path(self.tables[self.numbers[data]], column, request.endpoint)

    def _check_path(self, table: Table, column: str, endpoint: str) -> None:
        row = table.unfit[table.columns.index(column)]
        if row is not None:
            raise ConfigError(
                f"data {table.name}: row {row + 1}: its {column} cannot stand in the path of "
                f"{endpoint}: write it %-encoded, in ASCII without spaces and #"
            )


def used_in(sections: Iterable[Steps]) -> set[str]:
    """The data sets that steps read or take."""
    used = set()
    for step in (step for steps in sections for step in walk(steps)):
        used |= {name.partition(".")[0] for name in reads(step) if "." in name}
        if isinstance(step, Take):
            used.add(step.data)
    return used
