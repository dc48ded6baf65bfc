"""What is shipped installs, and carries what it must: in venvs of their own. Slow."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LEFT_BEHIND = (".git", ".venv", "build", "dist", "*.egg-info", "runs", "*.so", "_core.c",
               "velroload.1", "__pycache__", ".*_cache", ".hypothesis")  # fmt: skip


def run(*words: str | Path, cwd: Path) -> str:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VELROLOAD"))}
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources without anything that a build has left."""
    copy = tmp_path_factory.mktemp("checkout") / "velroload"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
    return copy


@pytest.fixture(scope="module")
def distributions(checkout: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it: as `pip install velroload` would."""
    run(sys.executable, "-m", "build", "--outdir", "dist", ".", cwd=checkout)
    (sdist,) = (checkout / "dist").glob("*.tar.gz")
    (wheel,) = (checkout / "dist").glob("*.whl")
    return sdist, wheel


def test_the_sdist_has_what_a_wheel_needs(distributions: tuple[Path, Path]) -> None:
    with tarfile.open(distributions[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    core = {f"velroload/core/{path.name}" for path in (ROOT / "velroload/core").iterdir()
            if path.suffix == ".pxi"}  # fmt: skip
    assert names >= core | {
        "velroload/_core.pyx", "velroload/_core.pyi", "velroload/py.typed", "setup.py",
        "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "Makefile",
        "docs/architecture.md", "tests/test_tidy.py",
    }  # fmt: skip
    assert not [name for name in names if name.endswith((".so", ".pyc", "_core.c"))]


def test_the_wheel_has_what_it_must_and_no_more(distributions: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(distributions[1]) as archive:
        names = archive.namelist()
    schemas = {str(path.relative_to(ROOT)) for path in (ROOT / "velroload").rglob("*.json")}
    plans = {f"velroload/{path.relative_to(ROOT)}" for path in (ROOT / "configs").rglob("*.*")}
    assert "velroload/configs/data/prompts.jsonl" in plans
    assert schemas | plans | {"velroload/_core.pyi", "velroload/py.typed"} <= set(names)
    assert [name for name in names if name.endswith("share/man/man1/velroload.1")]
    assert [name for name in names if name.startswith("velroload/_core.") and name.endswith(".so")]
    assert not [name for name in names if name.endswith((".pyx", ".pxi", ".c"))]
    rooms = {name.partition("/")[0] for name in names}
    assert {room for room in rooms if "." not in room} == {"velroload"}


def test_the_wheel_from_the_sdist_works(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    """In a fresh venv, with what it asks for itself: command, core, completion, page."""
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    there = tmp_path / "venv"
    run(there / "bin/python", "-m", "pip", "install", "-q", distributions[1], cwd=tmp_path)
    assert "profile release" in run(there / "bin/velroload", "--version", cwd=tmp_path)
    assert "#compdef velroload" in run(there / "bin/velroload", "completion", "zsh", cwd=tmp_path)
    page = (there / "share/man/man1/velroload.1").read_text()
    assert page.startswith(".TH VELROLOAD")
    assert "\\-\\-request\\-rate" in page


def test_this_checkout_is_installed_editable(tmp_path: Path) -> None:
    """As `make core` has done it, from a clean clone where the whole suite runs."""
    where = run(sys.executable, "-c", "import velroload; print(velroload.__file__)", cwd=tmp_path)
    assert where.strip() == str(ROOT / "velroload/__init__.py")
    completion = run(Path(sys.prefix, "bin/velroload"), "completion", "zsh", cwd=tmp_path)
    assert "#compdef velroload" in completion


def test_elsewhere_than_on_linux_it_says_so(checkout: Path) -> None:
    code = "import sys; sys.platform = 'darwin'; exec(open('setup.py').read())"
    done = subprocess.run([sys.executable, "-c", f"__file__ = 'setup.py'; {code}"], cwd=checkout,
                          capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1, "velroload runs on Linux only: its core needs epoll, timerfd and memfd.\n"
    )  # fmt: skip
