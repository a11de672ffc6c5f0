# make verify: install into .venv and judge every shipped law.   make test: install and run the test-suite.
# make long: the tests that simulate whole laws.
# make docs: the documentation as a site in build/site; warnings are errors.
# make pages QUICK=DIR STANDARD=DIR FULL=DIR: docs/papers and docs/coverage.md from finished reports, any of the three.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?= --profile quick
PAGES ?= $(firstword $(FULL) $(STANDARD) $(QUICK))

.PHONY: verify test long lint docs pages clean

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

docs: $(VENV)/.ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pages: $(VENV)/.ready
	@test -f "$(PAGES)/report.json" || { echo "name a report, as in: make pages QUICK=bigtheta-report/DATE"; exit 2; }
	rm -rf docs/papers
	$(BIN)/bigtheta report $(PAGES) --format pages --out docs/papers
	$(BIN)/bigtheta report $(QUICK) $(STANDARD) $(FULL) --format coverage --out docs/coverage.md

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "bigtheta needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
