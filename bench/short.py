"""Every bench in its short form, one after the other: `make bench`.

    python -m bench.short [--velroload "CMD"]

Results go to bench/results/short/, which is not published: short runs are too short to claim
anything. Exit 1 when a bench itself breaks.
"""

import argparse
import traceback

from bench import (
    accuracy,
    analysis,
    capacity,
    connects,
    flows,
    memory,
    micro,
    ourselves,
    scale,
    scaling,
    startup,
    steady,
    target,
    tls,
)
from bench.harness import RESULTS

BENCHES = {
    "micro": micro.main,
    "startup": startup.main,
    "capacity": capacity.main,
    "steady": steady.main,
    "accuracy": accuracy.main,
    "memory": memory.main,
    "connects": connects.main,
    "flows": flows.main,
    "scale": scale.main,
    "scaling": scaling.main,
    "target": target.main,
    "tls": tls.main,
    "analysis": analysis.main,
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.short", description=__doc__)
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    flags = parser.parse_args(argv)
    folder = RESULTS / "short"
    broken = []
    for name, run in BENCHES.items():
        print(f"== {name}", flush=True)
        try:
            run(["--short", "--velroload", flags.velroload, "--results", str(folder)])
        except Exception:
            traceback.print_exc()
            broken.append(name)
    for name in broken:
        print(f"BROKEN   {name}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
