# make verify: install into .venv and judge every shipped law.   make test: install and run the test-suite.
# make long: the tests that simulate whole laws.
# make dist: sdist and wheel in dist, installed into an environment of their own (build/clean) and tried.
# make lowest: the tests with the oldest versions that pyproject.toml admits, torch's CUDA build included; needs uv.
# make highest PYTHON=python3.13: the same with the newest versions there are.
# make lock: requirements.lock anew, from pyproject.toml; needs uv.
# make docs: the documentation as a site in build/site; warnings are errors.
# make pages QUICK=DIR STANDARD=DIR FULL=DIR: docs/papers and docs/coverage.md from finished reports, any of the three.
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
CLEAN := build/clean
BIN := $(VENV)/bin
ARGS ?= --profile quick
PAGES ?= $(firstword $(FULL) $(STANDARD) $(QUICK))

.PHONY: verify test long lint docs pages dist lowest highest lock clean

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

docs: $(VENV)/.ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pages: $(VENV)/.ready
	@test -f "$(PAGES)/report.json" || { echo "name a report, as in: make pages QUICK=bigtheta-report/DATE"; exit 2; }
	rm -rf docs/papers
	$(BIN)/bigtheta report $(PAGES) --format pages --out docs/papers
	$(BIN)/bigtheta report $(QUICK) $(STANDARD) $(FULL) --format coverage --out docs/coverage.md

# The wheel is built from the sdist, so both are tried.
dist: $(VENV)/.ready
	rm -rf dist $(CLEAN) && mkdir -p build
	$(BIN)/python -m build --no-isolation --outdir dist >build/dist.log 2>&1 || { cat build/dist.log; exit 1; }
	sed 's/ \\$$//; /--hash/d' requirements.lock >build/constraints.txt
	$(PYTHON) -m venv $(CLEAN)
	$(CLEAN)/bin/python -m pip install --quiet $(TORCH) --constraint build/constraints.txt
	$(CLEAN)/bin/python -m pip install --quiet dist/*.whl --constraint build/constraints.txt
	cd $(CLEAN) && bin/bigtheta --version && bin/bigtheta hermite tanh --order 3 && bin/python -m pip check

# matplotlib 3.8 calls what a newer pyparsing warns of.
lowest: RESOLUTION = lowest-direct
lowest: CONSTRAINT = pyparsing<3.2
highest: RESOLUTION = highest
lowest highest:
	mkdir -p build && echo '$(CONSTRAINT)' >build/$@-constraints.txt
	uv venv --quiet --clear --python $(PYTHON) build/$@
	uv pip compile pyproject.toml --extra cluster --extra data --extra dev --resolution $(RESOLUTION) --python build/$@ \
		--constraint build/$@-constraints.txt --quiet --output-file build/$@.txt
	uv pip install --quiet --python build/$@ -r build/$@.txt && uv pip install --quiet --python build/$@ --no-deps -e .
	build/$@/bin/python -m pytest -n auto $(TESTS)

# torch is left out: which build of it is right depends on the machine.
lock:
	mkdir -p build && cp requirements.lock build
	uv pip compile pyproject.toml --extra cluster --extra data --extra dev --extra docs --universal --python-version 3.11.5 \
		--generate-hashes --no-annotate --no-header --quiet $(UPGRADE) --output-file build/requirements.lock
	awk '/^[a-z]/ { ours = !/^(torch|triton|cuda-|nvidia-)/ } ours' build/requirements.lock >requirements.lock

$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "bigtheta needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
