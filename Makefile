# pkibuild: `make example` and `make test` work on a fresh clone; everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?= -n auto
# Scenarios that run a second time with every cache off: they have to end with the same files.
WITHOUT_CACHES := $(addprefix tests/scenarios/test_,rebuild.py authorities.py lock_only.py moves.py released_trees.py)
# Only for the example, unless MYROOTCA_PASSPHRASE is set. A real one comes from a secret store: `key.passphrase`.
DEMO := demo only, choose your own

.PHONY: help example test lint check bench wheel clean

help:
	@echo "make example   install into $(VENV) and build examples/pki.yaml"
	@echo "make test      run the tests (as root on Debian or Ubuntu with the real servers)"
	@echo "make lint      types and style"
	@echo "make check     lint and test"
	@echo "make bench     speed, as ratios"
	@echo "make wheel     a wheel in dist/"
	@echo "make clean     remove what was made, the example's output too"

example: $(VENV)/.run
	MYROOTCA_PASSPHRASE="$${MYROOTCA_PASSPHRASE:-$(DEMO)}" $(BIN)/pkibuild apply examples/pki.yaml

test: $(VENV)/.test
	tests/install-servers
	$(BIN)/python -m pytest $(PYTEST_ARGS)
	PKIBUILD_CACHE=off $(BIN)/python -m pytest $(PYTEST_ARGS) $(WITHOUT_CACHES)

lint: $(VENV)/.lint
	$(BIN)/python -m mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

check: lint test

bench: $(VENV)/.run
	$(BIN)/python benchmarks/run.py

wheel: $(VENV)/.test
	$(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf $(VENV) build dist pkibuild.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf examples/out examples/*.lock
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what is installed is installed again only when pyproject.toml changes.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pkibuild needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "no virtual environment could be made: on Debian, apt-get install python3-venv"; exit 1; }

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.run
	$(PIP) install --editable '.[test]'
	@touch $@

$(VENV)/.lint: pyproject.toml $(VENV)/.run
	$(PIP) install --editable '.[test,lint]'
	@touch $@
