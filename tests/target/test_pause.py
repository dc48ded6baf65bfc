"""Waiting is never too short."""

import time

import uvloop

from velroload.target.pause import pause


def test_it_is_never_too_short() -> None:
    async def main() -> None:
        for duration_s in (0.0, 0.0005, 0.0015, 0.0107):
            began_s = time.monotonic()
            time.sleep(0.0007)  # the loop's own idea of now is that old
            await pause(duration_s)
            assert time.monotonic() - began_s >= duration_s + 0.0007

    uvloop.run(main())
