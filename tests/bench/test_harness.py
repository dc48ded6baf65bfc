"""Processes and their CPU, compiling, alternating, keeping results."""

import json
import sys
from pathlib import Path

import pytest

from bench import harness
from bench.harness import (
    alternate,
    announce,
    compile_c,
    machine,
    median,
    on_cpus,
    run_tree,
    save,
    show,
)

BURN = "import time\nwhile time.thread_time() < {}: pass"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_cpu_of_the_whole_tree_is_measured() -> None:
    child = BURN.format(0.2)
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n{child}"
    done = run_tree(python(parent))
    assert done.code == 0
    assert 0.4 <= done.cpu_s < 2
    assert done.user_s + done.system_s == done.cpu_s
    assert done.left == 0


def test_an_orphan_is_adopted_and_counted() -> None:
    child = BURN.format(0.3)
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}])"
    done = run_tree(python(parent))
    assert done.cpu_s >= 0.3
    assert done.left == 0


def test_what_does_not_end_is_killed_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "ORPHANS_WAIT_S", 0.1)
    endless = "import time\nwhile True: time.sleep(9)"
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {endless!r}])"
    assert run_tree(python(parent)).left == 1
    assert run_tree(python(endless), timeout_s=0.2).code == -9


def test_output_exit_code_and_environment_come_back() -> None:
    code = "import os, sys\nprint(os.environ['VL_X'])\nprint('no', file=sys.stderr)\nsys.exit(7)"
    done = run_tree(python(code), environment={"VL_X": "yes"})
    assert (done.code, done.stdout, done.stderr) == (7, "yes\n", "no\n")


def test_a_command_is_bound_and_shown_as_one_types_it() -> None:
    assert on_cpus(["a"], None) == ["a"]
    assert show(on_cpus(["a", "b c"], [1, 3])) == "taskset -c 1,3 a 'b c'"
    assert show([str(harness.ROOT / "bench" / "x")]) == "bench/x"
    assert show(["a", "redis://:secret@127.0.0.1:1/0"]) == "a redis://***@127.0.0.1:1/0"
    done = run_tree(python("import os; print(*os.sched_getaffinity(0))"), cpus=[0])
    assert done.stdout == "0\n"


def test_every_entry_once_per_round_in_turning_order() -> None:
    assert list(alternate("abc", 3)) == [
        *[(0, x) for x in "abc"],
        *[(1, x) for x in "cba"],
        *[(2, x) for x in "abc"],
    ]


def test_the_median_of_what_there_is() -> None:
    assert median([3.0, None, 1.0, 2.0]) == 2.0
    assert median([None]) is None


def test_a_source_that_does_not_compile_is_said(tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return x; }\n")
    with pytest.raises(RuntimeError, match=r"(?s)^broken.c does not compile:\n.*undeclared"):
        compile_c(source, tmp_path)


def test_a_result_is_kept_with_command_machine_and_build(tmp_path: Path) -> None:
    head = announce("probe")
    path = save(head, {"rows": [1]}, tmp_path)
    kept = json.loads(path.read_text())
    assert path == tmp_path / "probe.json"
    assert list(tmp_path.iterdir()) == [path]
    assert kept["rows"] == [1]
    assert kept["format"] == "velroload-bench/1"
    assert kept["command"].startswith("python -m bench.probe")
    assert kept["machine"].keys() == machine().keys()
    assert kept["build"]
