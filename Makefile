# Needs nothing but Python 3.11 or newer: PYTHON=python3.12 make run
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := controlcenter accounts auditlog tests
# As root, PostgreSQL is run as another user, who must be able to read it.
READABLE := umask 022 &&
PIP := $(READABLE) $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run test lint bench bench-full shell format lock clean

run: .venv/runtime  ## serve the product here, with a demo
	@exec $(BIN)/python -m controlcenter.local

shell: .venv/runtime  ## Python beside the local database
	@exec $(BIN)/python -m controlcenter.local shell

test: .venv/development  ## everything, in a browser too; ONLY="tests/accounts -x" narrows
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.pgbouncer --install
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ONLY)

lint: .venv/development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@SECRET_KEY=lint DATABASE_URL=postgresql:///lint $(BIN)/mypy $(PACKAGES)

format: .venv/development
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: .venv/development  ## what everything costs beside its limit, in 5 minutes
	@exec $(BIN)/python -m tests.bench

bench-full: .venv/development  ## the same at ten million entries, in half an hour
	@exec $(BIN)/python -m tests.bench --full

lock:  ## needs uv; writes the pinned packages that pyproject.toml allows
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements.txt --group dev -o requirements-dev.txt

clean:  ## everything made here, the local database included
	rm -rf .venv .data .static .test-results .mypy_cache .pytest_cache .ruff_cache

.venv/runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Control Center needs Python 3.11 or newer, $(PYTHON) is not: try PYTHON=python3.12 make run"; exit 1; }
	@test -x $(BIN)/pip || { echo "Installing the pinned packages in .venv …"; $(READABLE) $(PYTHON) -m venv .venv; }
	@$(PIP) -r requirements.txt
	@touch $@

.venv/development: .venv/runtime requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
