# `make run` runs the pipeline, `make test` the tests; `make help` lists all targets.
# Needs Python 3.11 or newer, make and a package index; `make setup` installs everything else.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.complete
# Dagster reads dagster.yaml from here, even if a command changes the folder.
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMP) ## Create .venv with the locked dependencies and the `ouspark` command

# An installation that was interrupted left no stamp and is repeated.
$(STAMP): requirements/dev.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is required. Set PYTHON=/path/to/python3."; exit 1; fi
	@command -v $(firstword $(PYTHON)) >/dev/null || { echo "PYTHON=$(PYTHON): no such program. Set it to Python 3.11 or newer."; exit 1; }
	@[ "$$($(PYTHON) -c 'print(42)')" = 42 ] || { echo "PYTHON=$(PYTHON) does not run as Python. Set it to Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PYTHON=$(PYTHON) is $$($(PYTHON) --version). Python 3.11 or newer is required."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. Install it (Debian: python3-venv)."; exit 1; }
	@echo "1/3 Creating .venv with $$($(PYTHON) --version)"
	@rm -f $(STAMP); [ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "2/3 Installing the locked dependencies (about a minute)"
	@$(BIN)/python requirements/install.py requirements/dev.txt
	@echo "3/3 Installing the project and checking the dependencies"
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/pip check --quiet
	@touch $(STAMP)
	@echo "Done. \`make run\` runs the pipeline, \`make help\` lists the other targets."

.PHONY: run
run: setup ## Run the pipeline: discover, scrape, clean, compute, publish, prewarm
	@$(BIN)/ouspark run

.PHONY: ui
ui: setup ## Start the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/ouspark ui --host 127.0.0.1 --port 3000

.PHONY: test
test: setup ## Run the tests
	@$(BIN)/pytest

.PHONY: check
check: setup ## Run formatter, linter, type checker, dependency audit and tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/dev.txt -r requirements/image.txt
	@$(BIN)/pytest

.PHONY: check-full
check-full: check ## Also run the long tests: clean clone, fuzzing, kills, outages, seeds
	@$(BIN)/pytest -m full

.PHONY: check-deploy
check-deploy: setup ## Run the image and compose.yaml in containers and kill each service
	@$(BIN)/python -m ouspark_assets_tests.deploy.check_deploy

.PHONY: bench
bench: setup $(BENCH_STAMP) ## Run every benchmark and its reference; fail if a budget is missed
	@$(BIN)/ouspark bench

$(BENCH_STAMP): requirements/bench.txt
	@rm -f $@; $(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/pip install --quiet --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: chaos
chaos: setup ## Try to break a pipeline for ten minutes (SECONDS=, SEED=, STUDENTS=, DAEMON=1)
	@$(BIN)/python -m ouspark_assets_tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(STUDENTS),--students $(STUDENTS)) $(if $(DAEMON),--daemon)

.PHONY: mutate
mutate: setup ## Put faults into copies of the code; fail if the tests miss one (ONLY=, JOBS=)
	@$(BIN)/python -m ouspark_assets_tests.mutations $(if $(ONLY),--only $(ONLY)) $(if $(JOBS),--jobs $(JOBS))

.PHONY: format
format: setup ## Format the code and fix what ruff can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: setup ## Regenerate docs/architecture.svg and docs/settings.md
	@$(BIN)/python -m ouspark_assets_tests.draw_architecture
	@$(BIN)/python -m ouspark_assets_tests.write_settings_page

.PHONY: lock
lock: setup ## Update the locked dependencies
	@$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml --extra celery --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/celery.txt
	@$(BIN)/uv pip compile pyproject.toml --extra celery --extra kubernetes --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/image.txt
	@$(BIN)/uv pip compile --group build --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/build.txt
	@$(BIN)/uv pip compile pyproject.toml --extra celery --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/dev.txt
	@$(BIN)/uv pip compile --group bench --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements/bench.txt

.PHONY: clean
clean: ## Remove the virtual environment, caches and local state
	@if [ -x $(BIN)/ouspark ]; then $(BIN)/ouspark services down; fi
	@rm -rf $(VENV) $(BENCH_VENV) .ouspark .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp_dagster_home_*
