"""Build the one extension module, velroload._core, in one of three profiles.

VELROLOAD_BUILD=release (default) | debug (bounds, line trace, asserts) | sanitize (ASan + UBSan).
Everything that is not compiled is declared in pyproject.toml.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # for the man page's parser
if not sys.platform.startswith("linux"):
    raise SystemExit("velroload runs on Linux only: its core needs epoll, timerfd and memfd.")

from build_manpages import build_manpages, build_py
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, find_packages, setup

PROFILE = os.environ.get("VELROLOAD_BUILD", "release")
FLAGS = {
    "release": ["-O2"],
    "debug": ["-O0"],
    "sanitize": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
}
if PROFILE not in FLAGS:
    raise SystemExit(f"VELROLOAD_BUILD={PROFILE}: not one of {', '.join(FLAGS)}.")
CHECKED, TRACED = PROFILE != "release", PROFILE == "debug"
Options.warning_errors = True
Options.annotate = TRACED
ALWAYS = "-g -std=gnu11 -Wall -Wno-unused-function -fno-omit-frame-pointer".split()
macros = [("VL_PROFILE", f'"{PROFILE}"'), ("VL_DEBUG", str(int(CHECKED)))]
if TRACED:  # sys.monitoring loses the .pxi chapters from coverage
    macros += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]

core = Extension(
    "velroload._core",
    ["velroload/_core.pyx"],
    libraries=["m"],
    extra_compile_args=[*FLAGS[PROFILE], *ALWAYS],
    extra_link_args=[f for f in FLAGS[PROFILE] if f.startswith("-fsan")],
    define_macros=macros,
)
setup(
    cmdclass={"build_manpages": build_manpages, "build_py": build_py},
    data_files=[("share/man/man1", ["velroload.1"])],
    packages=[*find_packages(include=["velroload*"]), "velroload.configs"],
    package_dir={"velroload.configs": "configs"},  # the shipped plans
    ext_modules=cythonize(
        [core],
        force=True,  # Cython does not notice changed directives
        build_dir=f"build/{PROFILE}",
        compiler_directives={
            "language_level": 3,
            **dict.fromkeys(("boundscheck", "initializedcheck"), CHECKED),
            "wraparound": False,
            **dict.fromkeys(("cdivision", "embedsignature"), True),
            "linetrace": TRACED,
        },
    ),
)
