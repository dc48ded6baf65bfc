"""The package's own face: nothing is imported before it is asked for."""

import subprocess
import sys

import pytest

import velroload


def test_importing_the_package_imports_nothing_of_it() -> None:
    code = "import sys, velroload; print([m for m in sys.modules if m.startswith('velroload')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['velroload']\n"


@pytest.mark.parametrize("name", sorted(velroload.PUBLIC))
def test_public_names(name: str) -> None:
    assert callable(getattr(velroload, name))
    assert name in dir(velroload)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = velroload.nothing_of_the_kind
    assert str(caught.value) == "module 'velroload' has no attribute 'nothing_of_the_kind'"


def test_a_core_that_is_not_built() -> None:
    code = "import sys; sys.modules['velroload._core'] = None; import velroload; velroload.run"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "ImportError: core not built: run `pip install -e .`"
