"""Readings of one source, taken as the watch takes them."""

import asyncio
from collections.abc import Callable

import pytest

from velroload.probe.source import MissingError, Reading, Source
from velroload.probe.watch import reason


def ask(
    source: Source, times: int = 1, between: Callable[[], None] = lambda: None
) -> list[Reading]:
    """Readings one after the other; `between` them something may happen."""

    async def run() -> list[Reading]:
        found = []
        try:
            for turn in range(times):
                if turn:
                    await asyncio.to_thread(between)
                async with asyncio.timeout(source.timeout_ns / 1e9):
                    found.append(await source.read())
        finally:
            await source.close()
            await source.close()
        return found

    return asyncio.run(run())


def refusal(source: Source) -> str:
    """Why the watch would say that it is missing."""
    with pytest.raises((MissingError, OSError, TimeoutError)) as caught:
        ask(source)
    return reason(caught.value, source.timeout_ns)


def outcomes(source: Source, *between: Callable[[], None]) -> list[Reading | str]:
    """Readings, or why there was none, before and after each of `between`."""

    async def run() -> list[Reading | str]:
        found: list[Reading | str] = []
        for change in (None, *between):
            if change is not None:
                await asyncio.to_thread(change)
            try:
                async with asyncio.timeout(source.timeout_ns / 1e9):
                    found.append(await source.read())
            except (MissingError, OSError, TimeoutError) as error:
                found.append(reason(error, source.timeout_ns))
        await source.close()
        return found

    return asyncio.run(run())
