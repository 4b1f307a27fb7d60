# The two commands to know: `make demo` shows rxsse at work, `make test` checks everything.

PORT ?= 8000
VENV ?= .venv
# The first interpreter that is new enough, unless the caller names one.
PYTHON ?= $(shell scripts/provision python)
BIN := $(abspath $(VENV))/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Some packages have no wheel and an old build script; an old pip would talk about that at length.
export PIP_USE_PEP517 = 1

# The example's page is built where there is Node; without it, its API and streams are served all the same.
NODE := $(shell node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)
FRONT_END := $(if $(filter true,$(NODE)),example/frontend/dist/index.html,no-front-end)

.DEFAULT_GOAL := list
.PHONY: list demo test quick test-matrix coverage lint docs format bench long requirements servers clean no-front-end

list: ## Show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/.demo $(FRONT_END) ## Serve the example on 127.0.0.1:8000 (PORT=…), and say how to look at it
	@cd example && $(BIN)/python manage.py migrate --verbosity 0
	@cd example && $(BIN)/python manage.py seed --url http://127.0.0.1:$(PORT)
	@cd example && exec $(BIN)/uvicorn board.asgi:application --host 127.0.0.1 --port $(PORT)

test: $(VENV)/.dev servers $(FRONT_END) ## Install what is missing, then run every gate and every test
	@$(BIN)/python -m tests.services $(BIN)/python scripts/gates.py

quick: $(VENV)/.dev ## Run the tests that take no long time, with the servers that are there
	@$(BIN)/python -m tests.services $(BIN)/python -m pytest -q -m "not slow"

test-matrix: servers ## Run the tests on every newer Python that is present, with Django 6.0
	@scripts/matrix

coverage: $(VENV)/.dev servers ## Say which branches of all floors the tests meet (`make test` counts floors 0 to 2)
	@$(BIN)/coverage erase
	@$(BIN)/python -m tests.services $(BIN)/coverage run -m pytest -q --ignore=tests/e2e --ignore=tests/reliability
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(VENV)/.dev ## Check style, types and floors
	@$(BIN)/python scripts/gates.py --lint

docs: $(VENV)/.dev ## Write docs/settings.md anew from rxsse/conf.py
	@$(BIN)/python scripts/settings_reference.py > docs/settings.md

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev servers ## Run every benchmark, one after the other
	@$(BIN)/python -m tests.services sh -c 'set -e; for file in benchmarks/[a-z]*.py; do \
	  case $$file in *_*) continue;; esac; name=$${file%.py}; \
	  echo; echo "== $$name"; $(BIN)/python -m "$$(echo "$$name" | tr / .)"; done'

long: $(VENV)/.dev servers ## Run the convergence suite for 10,000 steps (STEPS=…)
	@$(BIN)/python -m tests.services $(BIN)/python -m tests.convergence --steps $(or $(STEPS),10000)

requirements: $(VENV)/.dev ## Pin the newest versions that fit, into requirements/
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile $(PIN) --python-version 3.11 --group example -o requirements/demo.txt pyproject.toml
	@$(BIN)/uv pip compile $(PIN) --python-version 3.11 --group dev -o requirements/dev.txt pyproject.toml
	@$(BIN)/uv pip compile $(PIN) --python-version 3.12 --group dev -o requirements/dev-django60.txt pyproject.toml
# Nothing in the files tells where the packages came from.
PIN := --quiet --upgrade --no-header --no-annotate

servers: $(VENV)/.dev
	@scripts/provision servers
	@$(BIN)/python -m tests.services --setup || test "$(CI)" != true

clean: ## Remove what the other targets have made
	rm -rf $(VENV) $(VENV)-3* .cache .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf frontend_runtime/node_modules frontend_runtime/dist example/frontend/node_modules example/frontend/dist
	rm -f example/*.sqlite3*

$(VENV)/bin/python:
	@scripts/provision venv
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python requirements/demo.txt pyproject.toml
	@echo "Installing the demo into $(VENV)"
	@$(BIN)/pip install --quiet -r requirements/demo.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

no-front-end:
	@echo "No Node 20 or newer on the PATH: the page at / is left out, the curl lines below work without it"
	@test "$(CI)" != true

example/frontend/dist/index.html: frontend_runtime/dist/index.mjs example/frontend/node_modules/.package-lock.json \
  $(shell find example/frontend/src example/frontend/public -type f) $(wildcard example/frontend/*.* example/frontend/.npmrc)
	@echo "Building the example's page"
	@cd example/frontend && npm run --silent build -- --logLevel warn

frontend_runtime/dist/index.mjs: frontend_runtime/node_modules/.package-lock.json \
  $(shell find frontend_runtime/src -type f) $(wildcard frontend_runtime/*.json frontend_runtime/tsdown.config.ts)
	@echo "Building the front end's runtime"
	@cd frontend_runtime && npm run --silent build -- --logLevel error

%/node_modules/.package-lock.json: %/package-lock.json
	@echo "Installing what $* needs"
	@cd $* && npm ci --ignore-scripts --loglevel error --no-progress
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements/dev.txt pyproject.toml
	@echo "Installing the tests into $(VENV)"
	@$(BIN)/pip install --quiet -r requirements/dev.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
