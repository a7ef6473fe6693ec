# Needs Python 3.11 or later, its pip, and make. Everything else is installed into .venv.

PYTHON ?= python3
JOBS ?= 3
ARGS ?=
ROUNDS ?= 3000
EXAMPLES ?= 300
KILLS ?= 24
VENV := .venv
BIN := $(VENV)/bin
INTEROP := tests/interop/node_modules
MACHINE := tests/integration/test_drawing_right_machine.py
GROUPS := tests/integration/payments/test_payments_groups_many.py
KILLED := $(addprefix tests/integration/notifications/test_notifications_,feed.py killed.py lanes.py meddled.py newest.py races.py restarts.py slow.py standing.py stopped.py)
LONG := tests/integration/test_demo.py tests/integration/test_http_any_input.py tests/integration/cli \
	tests/policy/test_policy_canary.py $(KILLED) $(MACHINE) $(GROUPS) tests/crashes tests/races
HOLDS := tests/integration/payments/test_payments_hold_machine.py
RACES := $(MACHINE) $(GROUPS) $(HOLDS) $(KILLED) tests/crashes \
	$(addprefix tests/races/test_,drawing_right_races.py payments_limits.py payments_locks.py provisioning_races.py)
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# Dozens of processes start in the tests, each a second sooner where bytecode is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-check test test-long races test-interop node lint format bench lock audit clean

help: ## list the targets
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([^:]+):.*## /\1\t/' | expand -t 14

.venv: $(VENV)/.installed ## make the virtual environment (again, where the requirements changed)

demo: .venv ## start everything on loopback with made-up people, and stay up (ARGS="--port 9000")
	@$(BIN)/wallet demo $(ARGS)

demo-check: .venv ## run the whole story over HTTP against a fresh data folder; fails if a step does
	@$(BIN)/wallet demo --check $(ARGS)

test: .venv ## run the tests on a real PostgreSQL and Redis, all but the long ones (ARGS="-k block", JOBS=4)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(addprefix --ignore=,$(LONG)) $(ARGS)

test-long: .venv ## run the long ones: demo, commands and relays as processes of their own, races, any input on every route
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(LONG) $(ARGS)

races: .venv ## run what is raced, killed or tried in any order at full length (ROUNDS=3000 EXAMPLES=300 KILLS=24)
	@ROUNDS=$(ROUNDS) EXAMPLES=$(EXAMPLES) KILLS=$(KILLS) $(BIN)/pytest -n $(JOBS) --dist worksteal $(RACES) $(ARGS)

test-interop: node .venv $(INTEROP)/.installed ## hold us against OAuth clients and an OpenID provider of others (wants Node.js 20 and npm)
	@$(BIN)/pytest tests/interop $(ARGS)

lint: .venv ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv ## put the code in order
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: .venv ## measure what this version does on this machine (ARGS="--only vault"); results go to bench/results/
	@$(BIN)/python -m bench $(ARGS)

lock: .venv ## pin requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for the newest)
	$(BIN)/$(LOCK) $(ARGS) pyproject.toml -o requirements/runtime.txt
	$(BIN)/$(LOCK) $(ARGS) pyproject.toml --extra dev -c requirements/runtime.txt -o requirements/dev.txt

audit: .venv ## look for known weaknesses in what is pinned (asks the network)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements/dev.txt

clean: ## remove .venv, caches and build results; the data in var/ stays
	rm -rf $(VENV) $(INTEROP) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The host's pip installs into an environment without one: Debian's Python has no ensurepip unless python3-venv is installed.
$(VENV)/.locked: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tegnebog needs Python 3.11 or later, and '$(PYTHON)' is not: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then pip="$(PYTHON) -m pip --python $(BIN)/python"; \
	elif $(BIN)/python -m ensurepip >/dev/null 2>&1; then pip="$(BIN)/python -m pip"; \
	else echo "'$(PYTHON)' has neither pip nor ensurepip: install one (Debian: apt install python3-pip)" >&2; exit 1; fi; \
	echo "Installing requirements/dev.txt into $(VENV)"; $$pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip install -qq --no-build-isolation --no-deps --editable .
	@touch $@

node:
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1 || \
		{ echo "make test-interop wants Node.js 20 or later and its npm; nothing else here does" >&2; exit 1; }

$(INTEROP)/.installed: tests/interop/package.json tests/interop/package-lock.json
	@cd tests/interop && npm ci --no-progress --loglevel error
	@touch $@
