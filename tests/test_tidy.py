"""The rules of style and structure, as tests: layers, sizes, words, tables, build log, stub."""

import ast
import os
import re
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from velroload.cli.main import COMMANDS
from velroload.cli.parser import MEANINGS, build_parser, subcommands
from velroload.errors import Exit

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "velroload"
PYTHON = sorted(path for folder in ("velroload", "tests", "bench") for path in
                (ROOT / folder).rglob("*.py") if path.is_file())  # fmt: skip
HOUSE_PYTHON = [path for path in PYTHON if HOUSE in path.parents]
CYTHON = [HOUSE / "_core.pyx", *sorted((HOUSE / "core").glob("*.pxi"))]
COLUMNS = 100

GROUND = (
    "errors", "environment", "units", "quantity", "sample", "_core", "histogram", "ledger",
    "journal", "index", "rundata", "runfolder",
)  # fmt: skip
"""Layer 0: single modules; each may import those before it."""

LAYERS = {
    **dict.fromkeys((*GROUND, "core"), 0),
    "plan": 1,
    **dict.fromkeys(("load", "protocol"), 2),
    **dict.fromkeys(("engine", "probe", "host", "analysis"), 3),
    "report": 4,
    "runner": 5,
    "cli": 6,
}
"""Room → layer. A room imports lower layers or itself; those of layer 3 are strangers."""

BESIDE = {"target": {"errors", "environment", "units", "target"}}
"""Rooms beside the house → what they may import."""

USES_BESIDE = {"runner", "cli"}
"""Rooms that may use what stands beside the house."""

STD_ONLY = {"errors", "environment", "units"}
STD_ONLY_AT_TOP = {"cli"}
BANNED = {"latency": "say response_time, service_time, generator_lag …", "TODO": "do it now"}
FAULT_FILES = {"faults.py"}
"""Files of the target whose faults may be called latency."""

NEED_UNITS = re.compile(r"^(?:.*_)?(?:timeout|duration|(?<!run_)delay|deadline|elapsed)$")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules_imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        module = node.module or ""
        return [f"velroload.{alias.name}" for alias in node.names] if module == "velroload" else [
            module
        ]  # fmt: skip
    return []


def rooms_imported(tree: ast.Module) -> set[str]:
    """Rooms of the house that a module imports anywhere, TYPE_CHECKING and functions included."""
    modules = [module for node in ast.walk(tree) for module in modules_imported(node)]
    parts = [module.split(".") for module in modules if module.startswith("velroload.")]
    return {part[1] for part in parts} - {"__version__"}


@pytest.mark.parametrize("path", HOUSE_PYTHON, ids=name_of)
def test_imports_go_down_the_layers(path: Path) -> None:
    room, imported = room_of(path), rooms_imported(tree_of(path))
    if room in ("__init__", "__main__"):
        return
    if room in BESIDE:
        assert imported <= BESIDE[room]
        return
    assert room in LAYERS, f"{room}: a new room; give it a layer"
    allowed = {other for other, layer in LAYERS.items() if layer < LAYERS[room]} | {room}
    if room in GROUND:
        allowed = set(GROUND[: GROUND.index(room)])
    if room in USES_BESIDE:
        allowed |= set(BESIDE)
    assert imported <= allowed


def executed_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported; not those under TYPE_CHECKING."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from executed_at_import(node.body)


@pytest.mark.parametrize(
    "path",
    [path for path in HOUSE_PYTHON if room_of(path) in STD_ONLY_AT_TOP | STD_ONLY | {"__init__"}],
    ids=name_of,
)
def test_the_command_line_imports_the_standard_library_only(path: Path) -> None:
    known = {"velroload", "velroload.errors", "velroload.units", "velroload.__version__"}
    for node in executed_at_import(tree_of(path).body):
        for module in modules_imported(node):
            std = module.split(".")[0] in sys.stdlib_module_names
            assert std or module in known or module.startswith("velroload.cli."), module


def functions_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def cython_functions(path: Path) -> Iterator[tuple[str, bool, list[str]]]:
    """(name, hot, lines) of every function of a chapter."""
    lines = path.read_text(encoding="utf-8").splitlines()
    heads = [
        i for i, line in enumerate(lines)
        if re.match(r"\s*(cdef|cpdef|def)\b[^=]*\(", line) and "ctypedef" not in line
    ]  # fmt: skip
    for head in heads:
        indent = len(lines[head]) - len(lines[head].lstrip())
        end = head + 1
        while end < len(lines) and not lines[end - 1].rstrip().endswith(":"):
            end += 1  # the signature may go on
        signature = " ".join(lines[head:end])
        while end < len(lines) and (
            not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent
        ):
            end += 1
        body = lines[head:end]
        while body and not body[-1].strip():
            body.pop()
        match = re.search(r"(\w+)\s*\(", signature)
        assert match
        yield match[1], "noexcept nogil" in signature, body


@pytest.mark.parametrize("path", [*PYTHON, *CYTHON, ROOT / "setup.py"], ids=name_of)
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    too_wide = [number for number, line in enumerate(text, 1) if len(line) > COLUMNS]
    assert not too_wide, f"lines over {COLUMNS} columns"
    if len(text) > 400:
        warn(f"{name_of(path)}: {len(text)} lines, 400 are plenty")
    assert len(text) <= 600
    if path in CYTHON:
        for name, hot, body in cython_functions(path):
            judge_length(path, name, len(body), 40 if hot else 50)
    else:
        for name, length in functions_of(tree_of(path)):
            judge_length(path, name, length, 50)


def judge_length(path: Path, name: str, length: int, plenty: int) -> None:
    if length > plenty:
        warn(f"{name_of(path)}: {name} has {length} lines, {plenty} are plenty")
    assert length <= 80, f"{name} has {length} lines"


def warn(line: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # a warning here is advice, never a failure
        warnings.warn(line, stacklevel=3)


def test_setup_and_the_contents_page_stay_small() -> None:
    assert len((ROOT / "setup.py").read_text().splitlines()) <= 60
    assert len((HOUSE / "_core.pyx").read_text().splitlines()) <= 80


@pytest.mark.parametrize("path", CYTHON, ids=name_of)
def test_the_core_keeps_to_its_three_signatures(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert not re.search(r"^\s*DEF ", code, re.MULTILINE), "DEF"
    assert not re.search(r"\b(?:int|double|char|u?int\d+_t)\s*\[::?1?\]", code), "memoryview"
    assert "volatile" not in code
    for name, _, body in cython_functions(path):
        last = next(i for i, line in enumerate(body) if line.rstrip().endswith(":"))
        head = " ".join(body[: last + 1])
        if "noexcept" in head and "with gil" not in head:
            assert not re.search(r"^\s*raise\b", "\n".join(body), re.MULTILINE), f"raise in {name}"
        if " nogil" in head:
            assert "noexcept" in head, f"{name}: a nogil function that may raise retakes the GIL"


@pytest.mark.parametrize("path", CYTHON, ids=name_of)
def test_every_class_of_the_core_is_final(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("cdef class"):
            assert lines[number - 1] == "@cython.final", line


def identifiers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.keyword(arg=str(name)):
                yield name


@pytest.mark.parametrize("path", [*HOUSE_PYTHON, *CYTHON], ids=name_of)
def test_banned_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "TODO" not in text, BANNED["TODO"]
    if path.name in FAULT_FILES:
        return
    words = identifiers(tree_of(path)) if path.suffix == ".py" else re.findall(r"\w+", text)
    assert not [word for word in words if "latency" in word.lower()], BANNED["latency"]


@pytest.mark.parametrize("path", HOUSE_PYTHON, ids=name_of)
def test_durations_have_their_unit_in_the_name(path: Path) -> None:
    """Names that we choose: parameters, assignments and fields; not attributes of others."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                assert not NEED_UNITS.match(name), f"{name}: which unit?"
            case _:
                pass


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.slow
def test_every_module_can_be_imported_alone_without_a_warning() -> None:
    """Each in a forked child of its own, so that no other module of ours helps it."""
    modules = [module_of(path) for path in HOUSE_PYTHON if path.name != "__main__.py"]
    code = """
import importlib, os, sys
import aiohttp.web, asyncpg, cachetools, jwt, numpy, orjson  # not ours, and slow to import
import jinja2, psutil, redis, scipy.stats, uvloop
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(bool(failed))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *modules],
        cwd=ROOT, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tables_are_complete() -> None:
    grammar = subcommands(build_parser())
    assert list(grammar) == list(COMMANDS)
    for module in COMMANDS.values():
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        assert "main" in {name for name, _ in functions_of(tree_of(path))}
    assert set(MEANINGS) == set(Exit)


@pytest.mark.timing
def test_help_is_fast() -> None:
    """In CPU time, which is the time on the clock where nothing else wants the CPU."""
    times_s = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "velroload", "--help"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        times_s.append(used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times_s) < 0.15


def test_help_imports_nothing_heavy() -> None:
    """What keeps --help fast on any machine, however busy."""
    code = (
        "import sys; from velroload.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, [m for m in ('numpy', 'rich', 'uvloop', 'aiohttp', 'dataclasses', "
        "'velroload._core') if m in sys.modules])"
    )
    for words in (["--help"], ["run", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, check=True,
                              capture_output=True, text=True)  # fmt: skip
        assert done.stdout.splitlines()[-1] == "0 []"


def test_the_build_log_has_no_performance_hint(tmp_path: Path) -> None:
    output = tmp_path / "_core.c"
    done = subprocess.run(
        [sys.executable, "-m", "cython", "-3", "-X", "cdivision=True", "-X", "boundscheck=False",
         "-o", str(output), "velroload/_core.pyx"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert output.exists()
    assert (done.stdout, done.stderr) == ("", "")


def test_the_stub_says_what_the_core_has() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--allowlist", "tests/stub_allowlist.txt",
         "--ignore-unused-allowlist", "velroload._core"],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```\w*\n(.*?)```", text, re.DOTALL)
    assert code
    commands = [line.partition("#")[0].strip() for line in code[1].splitlines()]
    assert commands == ["make run", "make test"]
    assert text.index("```") < text.index("\n## ")


def shipped() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return [*PYTHON, *CYTHON]
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_path_of_one_machine() -> None:
    """Nothing names a home, a workplace or a registry's host."""
    machine = re.compile(r"/(?:home|Users|root|work)/\w|\bfiles\.pythonhosted\b|\bpypi\.org\b")
    for path in shipped():
        if path == Path(__file__) or path.suffix in (".npz", ".npy", ".png"):
            continue
        found = machine.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{name_of(path)}: {found and found[0]}"
