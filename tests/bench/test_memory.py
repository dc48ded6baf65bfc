"""The slope, the verdict and what a process takes."""

import os
import subprocess
import sys

import pytest

from bench.background import Gone, running, until
from bench.memory import memory_kib, slope_mib_per_min, verdict, without_ring_mib


def test_a_slope_is_found_through_noise_and_outliers() -> None:
    points = [(float(t), 50 + t / 60 + (20 if t == 100 else 0)) for t in range(300)]
    assert slope_mib_per_min(points) == pytest.approx(1.0)
    assert slope_mib_per_min([(float(t), 50.0) for t in range(1000)]) == 0
    assert slope_mib_per_min(points[:2]) is None


def test_shared_memory_is_left_out() -> None:
    found = memory_kib(os.getpid())
    assert found.keys() == {"VmRSS", "RssShmem", "VmHWM"}
    assert 0 < without_ring_mib(os.getpid()) <= found["VmHWM"] / 1024


def test_what_ends_too_early_is_said_with_its_last_words() -> None:
    command = [sys.executable, "-c", "print('no such flag'); raise SystemExit(2)"]
    words = r"^velroload ended with exit 2; it said: no such flag$"
    with pytest.raises(Gone, match=words), running(command) as process:
        until(process, lambda: False, 20)


def test_it_is_ended_with_the_block() -> None:
    with running([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert isinstance(process, subprocess.Popen)
    assert process.returncode is not None


def test_verdicts() -> None:
    assert [verdict(v, 1.0) for v in (None, 0.9, 1.0)] == ["NOT MEASURED", "PASS", "FAIL"]
