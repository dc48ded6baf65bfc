"""`make fuzz`: build the harness with clang, feed every target for a while, say what was found.

Each target has the seeds of tests/fuzz/corpus or seeds.py and grows a corpus of its own in
build/fuzz; an input that breaks something is kept in build/fuzz/found. FUZZ_SECONDS (60) per
target, all at once; 0 only runs the seeds; --build only builds. Exit code 1 when something was
found.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import SEEDS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/fuzz"
LONGEST = {"http1": 8192, "records": 1024, "ring": 4096, "template": 4096}
"""Target → bytes of its longest input."""
GRACE_S = 60.0
"""Longer than its time and this, and the harness itself hangs."""
SANITIZERS = "-fsanitize=fuzzer,address,undefined"
INSTALL = (
    "no clang with libFuzzer and its sanitizers: install it "
    "(Debian: apt-get install clang libclang-rt-dev), or name one: CLANG=/path/to/clang"
)
DIRECTIVES = "cdivision=True,boundscheck=False,wraparound=False,initializedcheck=False"


class CannotFuzz(Exception):
    """In one line, what is missing or wrong."""


@dataclass(frozen=True)
class Told:
    """What became of one target: its log, and the inputs that broke it."""

    target: str
    code: int
    log: str
    found: tuple[Path, ...]

    @property
    def line(self) -> str:
        if self.found:
            again = " ".join(str(short(path)) for path in (BUILD / self.target, *self.found))
            return f"fuzz: {self.target}: BROKEN: {self.reason}\n  again: {again}"
        if self.code:
            return f"fuzz: {self.target}: the harness ended with {self.code}:\n{self.log[-2000:]}"
        runs = re.findall(r"^stat::number_of_executed_units: +(\d+)", self.log, re.MULTILINE)
        return f"fuzz: {self.target}: nothing found in {int(runs[-1]):,} inputs"

    @property
    def reason(self) -> str:
        """The sanitizer's or the property's own line."""
        said = re.search(r"does not hold: .*|runtime error: .*|ERROR: .*", self.log)
        return said[0] if said else f"exit {self.code}"


def short(path: Path) -> Path:
    """As it may be typed in the project's folder."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def find_clang() -> str:
    """A clang that can build a fuzzer. CannotFuzz without one."""
    clang = shutil.which(os.environ.get("CLANG", "clang"))
    if clang is None:
        raise CannotFuzz(INSTALL)
    empty = "int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }"
    probe = [clang, SANITIZERS, "-xc", "-", "-o", os.devnull]
    if subprocess.run(probe, input=empty.encode(), capture_output=True).returncode:
        raise CannotFuzz(INSTALL)
    return clang


def is_fresh(harness: Path) -> bool:
    sources = [*HERE.glob("*.c"), *(ROOT / "velroload/core").glob("*.pxi"), Path(__file__)]
    sources.append(ROOT / "velroload/_core.pyx")
    made = harness.stat().st_mtime if harness.exists() else 0.0
    return all(source.stat().st_mtime < made for source in sources)


def build() -> None:
    """Generate the core's C and compile it with the harness: one binary, a name per target."""
    harness = BUILD / "harness"
    clang = find_clang()
    if is_fresh(harness):
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    generated = BUILD / "_core.c"
    run([sys.executable, "-m", "cython", "-3", "-X", DIRECTIVES, "-o", generated,
         ROOT / "velroload/_core.pyx"])  # fmt: skip
    run([clang, "-O1", "-g", "-std=gnu11", "-Wall", "-Wno-unused-function",
         "-fno-omit-frame-pointer", SANITIZERS, "-fno-sanitize-recover=undefined",
         f'-DVL_PYTHON_HOME="{sys.base_prefix}"', '-DVL_PROFILE="fuzz"', "-DVL_DEBUG=1",
         f"-I{BUILD}", f"-I{HERE}", f"-I{sysconfig.get_path('include')}", HERE / "harness.c",
         "-o", harness, *python_library()])  # fmt: skip
    for target in LONGEST:
        (BUILD / target).unlink(missing_ok=True)
        os.link(harness, BUILD / target)


def python_library() -> list[str]:
    """What links Python in, be it shared or static."""
    said = {name: str(sysconfig.get_config_var(name) or "") for name in
            ("LIBDIR", "LIBPL", "LDVERSION", "LIBS", "SYSLIBS")}  # fmt: skip
    folders = [f"-L{said['LIBDIR']}", f"-L{said['LIBPL']}", f"-Wl,-rpath,{said['LIBDIR']}"]
    return [*folders, f"-lpython{said['LDVERSION']}", *said["LIBS"].split(),
            *said["SYSLIBS"].split(), "-lm"]  # fmt: skip


def run(words: list[str | Path]) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CannotFuzz(f"cannot build the harness:\n{done.stdout}{done.stderr}")


def seeds_of(target: str) -> Path:
    """The folder of a target's seeds; those that follow the core's layouts are written anew."""
    if target not in SEEDS:
        return HERE / "corpus" / target
    folder = BUILD / "seeds" / target
    shutil.rmtree(folder, ignore_errors=True)  # of other layouts
    folder.mkdir(parents=True)
    for name, data in SEEDS[target]().items():
        (folder / name).write_bytes(data)
    return folder


def check_seeds() -> None:
    """Every seed of a program gets past the door: behind it is what there is to try."""
    for seed in sorted(seeds_of("template").iterdir()):
        words = [str(BUILD / "template"), str(seed)]
        done = subprocess.run(words, env={**os.environ, "FUZZ_SEEDS": "1"}, capture_output=True)
        if done.returncode:
            raise CannotFuzz(f"the seed {short(seed)} is refused or broken:\n"
                             f"{done.stderr.decode(errors='replace')[-2000:]}")  # fmt: skip


def command(target: str, seconds: int) -> list[str]:
    """libFuzzer's words: bounded in time, length and memory."""
    grown, found = BUILD / "corpus" / target, BUILD / "found"
    for folder in (grown, found):
        folder.mkdir(parents=True, exist_ok=True)
    words = [
        str(BUILD / target), f"-max_len={LONGEST[target]}", "-timeout=20", "-rss_limit_mb=2048",
        f"-artifact_prefix={found}/{target}-", "-print_final_stats=1",
        "-detect_leaks=0",  # after each input that is 4 times slower; at its end it looks
        f"-max_total_time={seconds}" if seconds else "-runs=0",
    ]  # fmt: skip
    dictionary = HERE / f"{target}.dict"
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    return [*words, str(grown), str(seeds_of(target))]


def artifacts(target: str) -> set[Path]:
    return set((BUILD / "found").glob(f"{target}-*"))


def feed(targets: list[str], seconds: int) -> list[Told]:
    """Run the targets side by side; ends by itself, whatever they do."""
    running = []
    for target in targets:
        words, before = command(target, seconds), artifacts(target)
        log = (BUILD / f"{target}.log").open("wb")
        with log:
            process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)  # fmt: skip
        running.append((target, process, before))
    until_s = time.monotonic() + seconds + GRACE_S
    told = []
    for target, process, before in running:
        try:
            code = process.wait(max(until_s - time.monotonic(), 1.0))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        log_text = (BUILD / f"{target}.log").read_text(errors="replace")
        told.append(Told(target, code, log_text, tuple(sorted(artifacts(target) - before))))
    return told


def read_seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        raise CannotFuzz(f"FUZZ_SECONDS={text!r}: write a number of seconds, 0 for the seeds only")
    return int(text)


def main(words: list[str]) -> int:
    try:
        seconds = read_seconds(os.environ.get("FUZZ_SECONDS") or "60")
        build()
        check_seeds()
    except CannotFuzz as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    if words == ["--build"]:
        return 0
    print(f"fuzz: {', '.join(LONGEST)}, {seconds} s each", flush=True)
    told = feed(list(LONGEST), seconds)
    for one in told:
        print(one.line)
    return int(any(one.code or one.found for one in told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
