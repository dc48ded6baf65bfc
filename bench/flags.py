"""Flags that several benches share."""

import argparse
from pathlib import Path

from bench import ourselves
from bench.harness import RESULTS


def parser_for(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with --velroload, --server-cpu, --client-cpu, --results and --short."""
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--short", action="store_true")
    return parser
