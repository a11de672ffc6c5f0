# make verify: install into .venv and judge every shipped law.   make test: install and run the test-suite.
# make long: the tests that simulate whole laws.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?= --profile quick

.PHONY: verify test long lint clean

verify: $(VENV)/.ready
	$(BIN)/bigtheta verify $(ARGS)

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto $(TESTS)

long: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto -m long

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "bigtheta needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
