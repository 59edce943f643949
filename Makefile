# The front door. `make` lists the targets; each sets up what it needs.
# A distribution's own Python is built with profile-guided optimisation, which a hand-compiled one often is not: it is
# preferred where it is new enough. PYTHON=... chooses another.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/python3 || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# So many at a time, a file at a time: tests of a file may share a server.
SIDE_BY_SIDE := $(BIN)/pytest --dist loadfile -n

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-postgres check lint units fix bench docs lock clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the locked packages (quick when nothing changed)

# uv brings the packages in a seventh of pip's time; where it cannot (packages by way of pip's own settings), pip does. Not
# compiled ahead: of 17,000 files a few thousand are ever loaded, and Python keeps those compiled.
$(STAMP): requirements.lock pyproject.toml package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit("Krawall needs Python 3.11 or newer: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv does not work here; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing the locked packages into $(VENV) ..."
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@UV_HTTP_TIMEOUT=15 $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m krawall.web.vendor
	@touch $(STAMP)

demo: setup  ## play a session against the built-in mock bot and write its report
	@$(BIN)/krawall demo

check: setup  ## format, lint, types, imports; unit, contract and invariant tests beside them
	@$(MAKE) --no-print-directory -j 2 lint units

lint: setup
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/ruff check src tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry src

units: setup
	@$(SIDE_BY_SIDE) 2 tests/unit tests/contract tests/invariants tests/typing

# More processes than there are cores, for tests wait now and then; in the order of their files, so that the long ones of e2e do
# not come last and alone. Pages have processes of their own: a browser's event loop stays in its process, and tests of
# coroutines need one that is theirs.
test: check  ## check, then the tests over real sockets, processes and browsers
	@$(SIDE_BY_SIDE) 4 --no-loadscope-reorder tests/e2e tests/integration; rest=$$?; \
	$(SIDE_BY_SIDE) 3 --no-loadscope-reorder tests/web && exit $$rest

test-postgres: setup  ## the tests of API, access and store once more, on PostgreSQL
	@KRAWALL_TEST_DATABASE=postgresql $(BIN)/pytest tests/contract/store tests/integration/access tests/integration/api tests/integration/sessions_api

fix: setup  ## repair what can be repaired
	@$(BIN)/ruff format src tests bench
	@$(BIN)/ruff check --fix src tests bench

docs: setup  ## generate docs/reference from the code
	@$(BIN)/python -m krawall.cli.reference docs/reference

bench: setup  ## measure against the peers, as ratios in one run (needs a C compiler)
	@$(BIN)/python bench/run.py

lock: setup  ## resolve again and write requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock

clean:  ## remove what set-up and tests made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist src/krawall/web/static/vendor
