"""What `make fuzz` says and how it ends, with stand-ins for clang and for the harness."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import fuzz
from tests.fuzz.seeds import SEEDS

ROOT = Path(__file__).parents[2]


def make(**environ: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz"], cwd=ROOT, env={**os.environ, **environ},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("clang", ["/no/such/clang", "false"])
def test_without_clang(clang: str) -> None:
    said = (
        "fuzz: no clang with libFuzzer and its sanitizers: install it "
        "(Debian: apt-get install clang libclang-rt-dev), or name one: CLANG=/path/to/clang\n"
    )
    assert make(CLANG=clang) == (2, "", said)


def test_a_number_of_seconds_is_asked_for() -> None:
    said = "fuzz: FUZZ_SECONDS='5m': write a number of seconds, 0 for the seeds only\n"
    assert make(FUZZ_SECONDS="5m") == (2, "", said)


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a stand-in of the harness; give it a script."""
    monkeypatch.setattr(fuzz, "BUILD", tmp_path)
    monkeypatch.setattr(fuzz, "GRACE_S", 0.0)
    path = tmp_path / "ring"
    path.touch(0o755)
    return path


def told(harness: Path, script: str, seconds: int = 20) -> fuzz.Told:
    harness.write_text(f"#!/bin/sh\n{script}\n")
    (one,) = fuzz.feed([harness.name], seconds)
    return one


def test_nothing_found(harness: Path) -> None:
    one = told(harness, "echo stat::number_of_executed_units: 12345 >&2")
    assert (one.code, one.line) == (0, "fuzz: ring: nothing found in 12,345 inputs")


def test_what_breaks_it_is_kept_and_named(harness: Path) -> None:
    (harness.parent / "found").mkdir()
    (harness.parent / "found/ring-crash-of-before").touch()
    script = "echo 'ring.c:7: does not hold: a == b'; echo x > $(dirname $0)/found/ring-crash-1"
    one = told(harness, f"{script}; exit 77")
    crash = harness.parent / "found/ring-crash-1"
    assert one.found == (crash,)
    assert one.line == f"fuzz: ring: BROKEN: does not hold: a == b\n  again: {harness} {crash}"


def test_a_harness_that_fails_otherwise_is_told(harness: Path) -> None:
    assert told(harness, "echo no memory; exit 3").line == (
        "fuzz: ring: the harness ended with 3:\nno memory\n"
    )


def test_a_harness_that_hangs_is_ended(harness: Path) -> None:
    assert told(harness, "exec sleep 100", seconds=1).code == -9


def test_a_seed_that_is_refused_is_named(harness: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEEDS, "template", lambda: {"bad": b"x", "good": b""})
    template = harness.parent / "template"
    template.write_text('#!/bin/sh\n[ "$FUZZ_SEEDS" ] && [ -s $1 ] && echo no >&2 && exit 1; true')
    template.chmod(0o755)
    with pytest.raises(fuzz.CannotFuzz) as caught:
        fuzz.check_seeds()
    seed = harness.parent / "seeds/template/bad"
    assert str(caught.value) == f"the seed {seed} is refused or broken:\nno\n"
    monkeypatch.setitem(SEEDS, "template", lambda: {"good": b""})
    fuzz.check_seeds()


def test_it_is_bounded() -> None:
    words = fuzz.command("http1", 7)
    assert {"-max_total_time=7", "-max_len=8192", "-timeout=20", "-rss_limit_mb=2048"} < set(words)
    assert words[-1].endswith("tests/fuzz/corpus/http1")
    assert "-runs=0" in fuzz.command("http1", 0)
