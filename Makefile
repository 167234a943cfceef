# Two commands on a fresh machine with Python 3.11 or later and make:
#
#   make demo   environment, install, the tutorial to COMPLETED, then a rollback
#   make test   environment, install, every check and every test

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test check bench sim mutants clean

demo: $(VENV)/installed
	$(BIN)/hms-orch demo
	$(BIN)/hms-orch demo --fail send_notices

test: check
	$(BIN)/python -m pytest -n auto -rs

check: $(VENV)/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/tested
	$(BIN)/python -m bench $(ARGS)

sim: $(VENV)/tested
	$(BIN)/python -m tests.simulation $(ARGS)

mutants: $(VENV)/tested
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("hms-orch needs Python 3.11 or later: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist bench/.build
