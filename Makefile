# The one place for commands. `make help` lists them; each sets up what it needs.
#
#   PYTHON=...    the interpreter of the environment (default: python3, when it is 3.11 or later)
#   ARGS=...      further arguments of the command, for example `make quick ARGS='-k cursor'`
#   WORKERS=...   processes of the test runner (default: one more than there are cores, since some wait for servers and disks)
#   CORPUS=...    the folder that the demo imports (default: the Python standard library)
#   FOLDER=...    where the demo's database goes (default: var/demo)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PRECIOUS: .venv-%/.ready  # made by way of a pattern, but no intermediate file
MAKEFLAGS += --no-builtin-rules

PYTHON ?=
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
ARGS ?=
CORPUS ?=
FOLDER ?= var/demo

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := .venv-bench
PYTEST := -m pytest -n $(WORKERS) --dist worksteal $(ARGS)
LOCK := $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --no-config --quiet --custom-compile-command "make lock" \
	$(ARGS)

.PHONY: help setup server-programs servers test lint format types contracts twins check-twins unit unit-others coverage quick docs \
	demo fuzz faults mutate bench guarantees growth imports work lock clean distclean

help: ## List the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do \
		printf '  make %-15s %s\n' "$$name" "$$text"; done

# ------------------------------------------------------------------------------------------------- environment
setup: $(READY) ## Make the development environment (.venv)

$(READY): requirements/dev.txt pyproject.toml tools/bootstrap.sh
	@tools/bootstrap.sh $(VENV) requirements/dev.txt $(PYTHON)
	@touch $@

# The environments of the other Python versions hold what the tests need and nothing else.
.venv-%/.ready: requirements/test.txt pyproject.toml tools/bootstrap.sh | $(READY)
	@tools/bootstrap.sh .venv-$* requirements/test.txt "$$($(BIN)/python tools/find_pythons.py --only $*)"
	@touch $@

# The peers that the benchmark measures are nobody else's business: they have an environment of their own.
$(BENCH)/.ready: requirements/bench.txt pyproject.toml tools/bootstrap.sh | $(READY)
	@tools/bootstrap.sh $(BENCH) requirements/bench.txt $(PYTHON)
	@touch $@

server-programs: $(READY) ## Find the programs of the test servers; as root, install what is missing
	@$(BIN)/python -m torematrix.core.storage.testing.servers --install --check

servers: server-programs ## Start the test servers and print their URLs, until Ctrl-C
	@$(BIN)/python -m torematrix.core.storage.testing.servers

demo: $(READY) ## Import, list, filter, page and search a real folder (CORPUS=..., FOLDER=...)
	@$(BIN)/python tools/demo.py --corpus "$(CORPUS)" --folder "$(FOLDER)"

fuzz: server-programs ## Compare every engine with the reference on random programs (ARGS=--help)
	@$(BIN)/python tools/fuzz.py $(ARGS)

faults: server-programs ## Kill clients and servers, cut connections and power, and count what is lost (ARGS=--help)
	@$(BIN)/python tools/faults.py $(ARGS)

mutate: $(READY) ## Break the package on purpose, change by change, and see the tests fail (ARGS=--help)
	@$(BIN)/python tools/mutate.py $(ARGS)

lock: $(READY) ## Resolve the requirements anew (ARGS=--upgrade takes newer versions)
	$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	$(LOCK) requirements/test.in --constraint requirements/dev.txt --output-file requirements/test.txt
	$(LOCK) requirements/bench.in --constraint requirements/dev.txt --output-file requirements/bench.txt

# --------------------------------------------------------------------------------------------------- the gate
test: $(READY) ## Set up, then run every check and the whole test suite on every Python found
	@tools/run_stages.sh lint types contracts check-twins docs unit \
		$$($(BIN)/python tools/find_pythons.py --others --minors | sed 's/^/unit-/')

lint: $(READY) ## Check style and form
	@failed=0; $(BIN)/ruff check . || failed=1; $(BIN)/ruff format --check . || failed=1; exit $$failed

format: $(READY) ## Bring style and form in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY) ## Check types with mypy and pyright, both in their strict mode
	@failed=0; $(BIN)/mypy || failed=1; $(BIN)/basedpyright || failed=1; exit $$failed

contracts: $(READY) ## Check that no floor imports what stands above it
	@$(BIN)/lint-imports

twins: $(READY) ## Generate the synchronous twins from the asynchronous modules
	@$(BIN)/python tools/generate_twins.py

check-twins: $(READY) ## Check that the synchronous twins are what would be generated
	@$(BIN)/python tools/generate_twins.py --check

unit: server-programs ## Run the whole test suite on real servers
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python $(PYTEST)

coverage: server-programs ## The same with branch coverage, which takes twice as long
	@mkdir -p .coverage
	@$(BIN)/coverage erase
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/coverage run $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# What is marked slow starts the type checkers, which do not depend on the Python that runs them. What differs by Python is
# in the library and its clients, not in the servers: the kit runs on the engines that are part of the process, the fuzzer
# on all of them, and the plans, faults and programs of the servers were looked at on the main Python.
ENGINES := memory:// sqlite:///{tmp}/kit.db
ELSEWHERE := tests/backends/postgresql tests/backends/mongodb tests/faults tests/migrations tests/move tests/servers tests/unit/bench \
	tests/contract/test_cost.py tests/contract/test_patches.py tests/contract/test_rolling.py tests/contract/test_waits.py
unit-%: .venv-%/.ready server-programs
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci-other} .venv-$*/bin/python $(PYTEST) -m "not slow" \
		$(foreach engine,$(ENGINES),--storage-url='$(engine)') $(foreach path,$(ELSEWHERE),--ignore=$(path))

unit-others: $(READY) ## Run the test suite on every other Python found (or one: make unit-3.12)
	@tools/run_stages.sh $$($(BIN)/python tools/find_pythons.py --others --minors | sed 's/^/unit-/')

quick: server-programs ## Run the fast tests, without coverage
	@$(BIN)/python $(PYTEST) -m "not slow"

bench: $(BENCH)/.ready ## Measure against hand-written code and other libraries (ARGS='--only get,list'); writes docs/benchmarks.md
	@$(BENCH)/bin/python bench/run.py $(if $(ARGS),$(ARGS),--page)

guarantees: $(READY) ## Measure what each guarantee costs (ARGS=--help); writes the table in docs/benchmarks.md
	@$(BIN)/python bench/guarantees.py $(if $(ARGS),$(ARGS),--page)

growth: $(READY) ## Measure how cost grows with the collection (ARGS=--help); writes docs/benchmarks.md
	@$(BIN)/python bench/growth.py $(if $(ARGS),$(ARGS),--page)

imports: $(READY) ## Measure what importing the library costs; writes the table in docs/benchmarks.md
	@$(BIN)/python bench/imports.py $(if $(ARGS),$(ARGS),--page)

work: server-programs ## Count what each operation executes, against bench/work.json (ARGS=--record keeps what is counted)
	@$(BIN)/python bench/work.py $(ARGS)

docs: $(READY) ## Build the documentation into site/, warnings being errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# -------------------------------------------------------------------------------------------------- tidying up
clean: ## Remove what the commands leave behind, but keep the environments
	rm -rf .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist site var
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environments too
	rm -rf .venv .venv-*
