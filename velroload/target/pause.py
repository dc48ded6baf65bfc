"""Waiting that never ends early."""

import asyncio
import time

STEP_LEAST_S = 0.001


async def pause(duration_s: float) -> None:
    """Wait at least that long, and rarely a millisecond longer.

    The loop's own timers count from the start of its turn and end up to a millisecond early.
    """
    deadline_s = time.monotonic() + duration_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        await asyncio.sleep(max(left_s, STEP_LEAST_S))
