# A bare machine needs Python >= 3.11, a C compiler and the Python headers; the rest is made here.
#   make run    start the embedded target and run the main job    make test   build, pass the tests
SHELL := /bin/bash
VENV ?= .venv
CC ?= cc
BIN := $(VENV)/bin
PY := $(BIN)/python
# python3 when it will do, else the newest other one that does
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
INSTALLED := $(VENV)/.installed
CORE := velroload/_core.pyx $(wildcard velroload/core/*.pxi) setup.py
PROFILE ?= release
# each profile is built in a folder of its own; the one in use is copied beside the sources
BUILT := build/$(PROFILE)/_core.so
CORE_SO = velroload/_core$$($(PY) -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
# there when pip has just built the core from these sources
FRESH := $(VENV)/.fresh
PYTEST := $(PY) -m pytest
# most tests wait for something: two at a time; those that judge durations alone
PARALLEL := -n 2 --dist loadfile --max-worker-restart 0
# what runs the core, for the cores with checks on: the other rooms' tests would only be slower there;
# the sanitized one has the debug one's checks too, so whole runs are tried on it alone
TRACED := tests/core tests/engine
CHECKED := $(TRACED) tests/integration tests/protocol
ASAN := LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc

.PHONY: run test test-slow test-debug test-sanitize test-extra test-all fuzz core cores services \
	bench bench-full lint clean
.DELETE_ON_ERROR:

run: core
	@$(BIN)/velroload run

test: core
	$(PYTEST) $(PARALLEL) -m "not slow and not timing"
	$(PYTEST) -m "timing and not slow"

test-slow: core
	$(PYTEST) $(PARALLEL) -m "slow and not timing"
	$(PYTEST) -m "slow and timing"

test-debug:
	$(MAKE) core PROFILE=debug
	$(PYTEST) $(PARALLEL) -m "not slow and not timing" $(TRACED); \
	code=$$?; $(MAKE) core; exit $$code

test-sanitize:
	$(MAKE) core PROFILE=sanitize
	$(ASAN) $(PYTEST) $(PARALLEL) -m "not slow and not timing" $(CHECKED); \
	code=$$?; $(MAKE) core; exit $$code

# one after the other, also with -j: each puts its own core in place
test-extra:
	$(MAKE) test-slow
	$(MAKE) test-debug
	$(MAKE) test-sanitize

# FUZZ_SECONDS=60 for each of the targets, which run side by side; needs clang
fuzz: core
	$(PY) -m tests.fuzz.fuzz

test-all:
	$(MAKE) test
	$(MAKE) test-extra

core: $(BUILT)
	@cmp -s $(BUILT) $(CORE_SO) || cp --remove-destination $(BUILT) $(CORE_SO)

# all that the checks of a change compile: with -j at once
cores: $(INSTALLED) core-debug core-sanitize core-fuzz

core-debug core-sanitize: core-%: $(INSTALLED)
	@$(MAKE) --no-print-directory build/$*/_core.so PROFILE=$*

core-fuzz: $(INSTALLED)
	@if command -v $${CLANG:-clang} >/dev/null; then $(PY) -m tests.fuzz.fuzz --build; fi

# PostgreSQL and Redis of one's own, until Ctrl-C: prints the flags that `velroload target` needs
services: $(INSTALLED)
	@$(PY) -m tests.servers.services

bench: core
	$(PY) -m bench.short

bench-full: core
	$(PY) -m bench.all

lint: core
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint velroload

clean:
	rm -rf build dist *.egg-info velroload.1 velroload/_core*.so

$(BUILT): $(INSTALLED) $(CORE)
	@mkdir -p $(@D)
	@if [ -e $(FRESH) ] && [ $(PROFILE) = release ]; then cp $(CORE_SO) $@; rm $(FRESH); \
	else echo "building the core: $(PROFILE)"; \
		VELROLOAD_BUILD=$(PROFILE) $(PY) setup.py -q build_ext --build-lib $(@D)/lib \
			--build-temp $(@D)/temp && cp $(@D)/lib/$(CORE_SO) $@; fi

$(INSTALLED): $(PY) pyproject.toml setup.py
	$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@ $(FRESH)

$(PY):
	@python="$(PYTHON)"; python="$${python:-python3}"; \
	say() { echo "make: $$1" >&2; exit 1; }; \
	command -v "$$python" >/dev/null || \
		say "no $$python: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		say "$$("$$python" --version) is too old: velroload needs 3.11 or newer (make PYTHON=…)"; \
	"$$python" -c 'import venv, ensurepip' 2>/dev/null || \
		say "$$python cannot make a venv: install its venv module (Debian: apt-get install python3-venv)"; \
	test -e "$$("$$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" || \
		say "$$python has no headers (Python.h): install them (Debian: apt-get install python3-dev)"; \
	command -v $(CC) >/dev/null || \
		say "no C compiler ($(CC)): install one (Debian: apt-get install gcc libc6-dev)"; \
	echo "make: $(VENV) is made with $$("$$python" --version)"; \
	"$$python" -m venv "$(VENV)"
