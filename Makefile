# Everything that is done to this repository. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

NAME ?= demo
VENV := .venv
BIN := $(VENV)/bin
CODE := operator/backfleet api tests hack

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/ready ## Make the virtual environment for development

$(VENV)/ready: requirements-dev.lock pyproject.toml hack/find-python
	@python=$$(hack/find-python) && echo "Setting up $(VENV) with $$python (about a minute)" && \
	$$python -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	touch $@

.PHONY: preflight
preflight:
	@python=$$(hack/find-python) && "$$python" hack/cluster preflight

.PHONY: demo
demo: preflight setup ## Bring up a Kubernetes, install Backfleet, run two batches and leave everything running
	@$(BIN)/python hack/demo

.PHONY: demo-down
demo-down: setup ## Delete the demo's cluster and everything that it left
	@$(BIN)/python hack/cluster down --name demo

.PHONY: cluster-up cluster-down cluster-status
cluster-up: setup ## Bring up a local Kubernetes (NAME=demo)
	@$(BIN)/python hack/cluster up --name $(NAME)
cluster-down: setup ## Delete a local Kubernetes (NAME=demo)
	@$(BIN)/python hack/cluster down --name $(NAME)
cluster-status: setup ## Show the state of a local Kubernetes (NAME=demo)
	@$(BIN)/python hack/cluster status --name $(NAME)

.PHONY: check
check: setup lint types imports ## Format, lint, types, import rules; unit tests, property tests and scenarios: under a minute, no root
	@$(BIN)/python -m pytest -q -n 2 -m "not postgres" tests/unit tests/properties tests/scenarios

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff format -q $(CODE) && $(BIN)/ruff check -q --fix $(CODE)

.PHONY: lint types imports
lint: setup ## Check format and lint
	@$(BIN)/ruff format --check -q $(CODE) && $(BIN)/ruff check -q $(CODE)
types: setup ## Check types
	@$(BIN)/mypy
imports: setup ## Check the import rules
	@PYTHONPATH=operator:api $(BIN)/lint-imports --no-cache > $(VENV)/imports.txt 2>&1 || { cat $(VENV)/imports.txt; exit 1; }

.PHONY: test-below
test-below: setup lint types imports ## Run all tests that need no cluster, with a real Postgres and coverage: no root needed
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run -m pytest -q -n 2 --dist loadfile --ignore tests/properties/world/test_worlds.py --ignore tests/properties/world/test_more_worlds.py tests/unit tests/properties tests/contract tests/scenarios tests/integration
	@$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report

.PHONY: test-e2e test-tutorial
test-e2e: preflight setup ## Run the end-to-end tests on a real Kubernetes, but for the tutorial
	@$(BIN)/python -m pytest tests/e2e --ignore tests/e2e/test_demo.py -v
test-tutorial: preflight setup ## Run the commands of docs/tutorial.md, on the demo's own Kubernetes
	@$(BIN)/python -m pytest tests/e2e/test_demo.py -v

# Not written as make itself in the recipe: make -n would run that line.
SUITE := $(MAKE)
LOGS := build/tests
.PHONY: test
test: suites ## Run every test, as CI does. Tests that need no cluster have a lower priority
	@$(eval FAILED := $(shell cat $(LOGS)/failed 2> /dev/null; rm -f $(LOGS)/failed))$(if $(FAILED),$(error $(FAILED))):

# make ends with a line of its own after a recipe that fails. So a failure with a verdict is left to `test`: its line is the verdict.
.PHONY: suites
suites: preflight setup
	@$(BIN)/python hack/suites.py --logs $(LOGS) "below-the-cluster=nice -n 10 $(SUITE) test-below" \
	    "end-to-end=$(SUITE) test-e2e" "tutorial=$(SUITE) test-tutorial" \
	  || test -s $(LOGS)/failed

.PHONY: test-ahead
test-ahead: setup ## Run unit, property and contract tests and scenarios with the clock 400 days ahead (needs Debian's faketime)
	@command -v faketime > /dev/null || { echo "faketime is missing: apt-get install faketime"; exit 1; }
	@faketime -f +400d $(BIN)/python -m pytest -q -n 2 -m "not postgres" tests/unit tests/properties tests/scenarios tests/contract \
	  --ignore tests/unit/controller/test_loop_thread.py --ignore tests/unit/engines/test_shim.py

EXAMPLES ?= 2000
FUZZ := PYTHONPATH=operator:api:. $(BIN)/python -m tests.properties.world
.PHONY: fuzz fuzz-bugs
fuzz: setup ## Run the operator in 2,000 generated worlds with a real Postgres (EXAMPLES=, SEED=; not in CI)
	@$(FUZZ).fuzz --worlds $(EXAMPLES) $(if $(SEED),--seed $(SEED))
fuzz-bugs: setup ## Show in how many of those worlds each planted bug is found (SEED=; some minutes, not in CI)
	@$(FUZZ).fuzz_bugs $(if $(SEED),--seed $(SEED))

.PHONY: soak soak-nodes
soak: preflight setup ## Run all 486 combinations of a strategy on a real Kubernetes (about 6 minutes, not in CI)
	@$(BIN)/python -m pytest tests/soak/test_full_space.py -q
soak-nodes: preflight setup ## Run 1,000 Jobs on simulated nodes of a real Kubernetes (not in CI)
	@$(BIN)/python -m pytest tests/soak/test_simulated_nodes.py -q

.PHONY: bench
bench: setup ## Measure what a backtest costs compared to a native Job, on a local Kubernetes (about 15 minutes, not in CI)
	@$(BIN)/python tests/benchmarks/makespan.py

.PHONY: bench-bars
bench-bars: setup ## Measure the speed of the engine `bars` against its limits (a minute, not in CI)
	@$(BIN)/python tests/benchmarks/bars.py

.PHONY: bench-packs
bench-packs: setup ## Measure searches in packs against backtesting.py's, on a local Kubernetes (about 10 minutes, not in CI)
	@$(BIN)/python tests/benchmarks/packs.py

.PHONY: bench-warm-lean
bench-warm-lean: preflight setup ## Measure what warm runs of LEAN save, with a stand-in on a local Kubernetes (about 8 minutes, not in CI)
	@$(BIN)/python tests/benchmarks/warm_lean.py

.PHONY: bench-lean
bench-lean: setup ## Measure what a result of LEAN costs the recorder, against its limits (a few seconds, not in CI)
	@$(BIN)/python tests/benchmarks/lean_result.py

.PHONY: bench-api
bench-api: setup ## Measure the API with 100,000 results, against its limits (two minutes, not in CI)
	@$(BIN)/python tests/benchmarks/api_results.py

.PHONY: verify-lean
verify-lean: setup ## Run LEAN's own image through the engine `lean` and check every rule (Docker, CONTEXT=a cluster, or FOLDER=finished results; ONLY=some cases)
	@$(BIN)/python hack/verify_lean $(if $(CONTEXT),--context $(CONTEXT)) $(if $(IMAGE),--image $(IMAGE)) $(if $(FOLDER),--folder $(FOLDER)) $(foreach case,$(ONLY),--only $(case))

.PHONY: docs
docs: setup ## Make every generated file: custom resource page, values table, install.yaml, the chart's CRD, picture
	@$(BIN)/python -m hack.generate

.PHONY: vendor
vendor: setup ## Fetch the libraries of the web page with npm, check their hashes, and put them where the API serves them
	@$(BIN)/python hack/vendor.py

.PHONY: test-page
test-page: vendor ## Test the web page in Chromium, over a real Postgres (needs node, chromium and playwright; not in CI yet)
	@node --test tests/page/*.test.mjs
	@$(BIN)/python -m pytest tests/page -q

.PHONY: lock
lock: setup ## Generate the hashed requirements from pyproject.toml
	@$(BIN)/uv pip compile -q --no-header --python-version 3.12 --universal --generate-hashes pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --no-header --python-version 3.12 --universal --generate-hashes --group dev pyproject.toml -o requirements-dev.lock

.PHONY: clean
clean: ## Remove build output in this folder (caches elsewhere stay)
	@rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
