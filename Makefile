# The words of this project. `make demo` and `make test` each work as the first command in a fresh clone:
# tools/setup.py makes .venv, installs the packages and builds the Rust core, and does nothing if all is in place.

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests check test test-long sim bench docs demo clean

# The first Python on the PATH that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV_PYTHON := .venv/bin/python
export CARGO_TARGET_DIR := $(CURDIR)/target

SEED ?= 1
SEEDS ?= 1

help: ## show these words
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

setup: ## virtual environment, packages, Rust core
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) tools/setup.py

setup-tests:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) tools/setup.py --tests

check: setup ## format, lints, types, import law, stubs, specification
	@$(VENV_PYTHON) -m tools.gate check

test: setup-tests ## check, then the Rust and Python tests
	@$(VENV_PYTHON) -m tools.gate test

test-long: setup-tests ## the long tests; more seeds with SPECIE_SIM_SEEDS=n
	@$(VENV_PYTHON) -m tools.gate long

sim: setup ## replay the simulator: make sim SEED=123 [SEEDS=100]
	@$(VENV_PYTHON) -m tests.simulation --seed $(SEED) --seeds $(SEEDS)

bench: setup-tests ## measure every claim of speed; exit 1 if a bar is missed
	@.venv/bin/specie bench all --json

docs: setup ## write docs/reference from the code
	@$(VENV_PYTHON) tools/make_reference.py

demo: setup ## issue money, refuse some, redeem some, prove the books
	@.venv/bin/specie demo --play

clean: ## remove what was built (.venv, target)
	@rm -rf .venv target build dist src/specie/_core*.so .mypy_cache .ruff_cache .hypothesis .import_linter_cache
