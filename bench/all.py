"""The whole set one after the other, in about half an hour, and then the tables.

    python -m bench.all [--velroload "CMD"] [--results DIR] [--page docs/performance.md]

`make bench-full`. Nothing else should run on the machine. Each bench keeps its own result, so one
that breaks or is cut off costs only itself: exit 1 names it, and its table says "not measured" or
keeps what was measured before.
"""

import argparse
import shlex
import time
import traceback
from pathlib import Path

from bench import ourselves, table
from bench.harness import RESULTS, ROOT, say_length
from bench.short import BENCHES

SETTINGS = {
    "micro": "--repeat 9",
    "startup": "--rounds 9",
    "connects": "--users 15000 --seconds 8",
    "scale": "--users 100000 --every 60",
    "scaling": "--rounds 3 --seconds 8",
    "target": "--ramp 120",
    "tls": "--rounds 3 --seconds 10",
    "steady": "--rounds 2 --window 5",
    "flows": "--rounds 3 --window 8",
    "accuracy": "--rounds 3 --seconds 4 --calibrate 500",
    "capacity": "--rounds 3 --extra-rounds 1 --seconds 20",
    "memory": "--seconds 300",
    "analysis": "",
}
"""In this order: what says least when it is cut off comes last."""

LENGTH_S = 40 * 60


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.all", description=__doc__)
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    flags = parser.parse_args(argv)
    where = [] if flags.velroload == ourselves.DEFAULT_COMMAND else ["--velroload", flags.velroload]
    where += [] if flags.results == RESULTS else ["--results", str(flags.results)]
    say_length(LENGTH_S)
    started_s = time.monotonic()
    broken = []
    for name, settings in SETTINGS.items():
        print(f"== {name}, {(time.monotonic() - started_s) / 60:.1f} min so far", flush=True)
        try:
            BENCHES[name]([*shlex.split(settings), *where])
        except Exception:
            traceback.print_exc()
            broken.append(name)
    table.main(["--results", str(flags.results), "--page", str(flags.page)])
    print(f"took     {(time.monotonic() - started_s) / 60:.1f} min; tables: {flags.page}")
    for name in broken:
        print(f"BROKEN   {name}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
