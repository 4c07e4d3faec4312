# Everything a newcomer or a build machine needs. `make serve` and `make test` begin from a bare machine with Python.
.DEFAULT_GOAL := help
.PHONY: help serve test test-all check unit second coverage bench docs texts site format clean

# Another Python than the one that is found, by its path or name: `make test PYTHON=python3.13`. It has its own environment.
PYTHON ?=
VENV := .venv$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
# Processes that the tests run in: one a core, but no more than the servers that they start leave memory for.
WORKERS ?= $(shell cores=$$(nproc 2> /dev/null || echo 1); echo $$((cores > 4 ? 4 : cores)))
# Which tests run, as pytest's `-m` takes it; empty for all.
SELECT ?= not heavy
# Which examples Hypothesis tries: the `same` each time, or to `explore` more (tests/examples.py).
EXAMPLES ?= same

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.serve: pyproject.toml uv.lock tools/bootstrap.sh
	@VENV=$(VENV) PYTHON=$(PYTHON) tools/bootstrap.sh serve

$(VENV)/.test: pyproject.toml uv.lock tools/bootstrap.sh
	@VENV=$(VENV) PYTHON=$(PYTHON) tools/bootstrap.sh test

serve: $(VENV)/.serve ## Run the service; prints endpoint, keys and a first call
	@exec $(BIN)/mien serve --dev

test: check unit $(if $(PYTHON),,second) ## Everything that CI runs: style, types, layers, the tests without those marked `heavy`

test-all: check ## The same with the tests marked `heavy`, and with examples that were not tried before
	@$(MAKE) unit $(if $(PYTHON),,second) SELECT= EXAMPLES=explore

check: $(VENV)/.test ## Style, types, layers, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

# What pytest makes of the tests' asserts is kept even where a machine tells Python to keep nothing: 10 seconds a process.
unit: $(VENV)/.test ## The tests without the heavy ones, in WORKERS processes
	$(BIN)/python -c "from mien.models import ModelStore; ModelStore().ensure()"
	@$(BIN)/python -m tests.portraits || true
	@if command -v npm > /dev/null; then npm --prefix tests/js ci --no-audit --no-fund \
	  || echo "npm cannot install the JavaScript SDKs: their tests skip"; \
	else echo "no npm: the tests of the JavaScript SDKs skip"; fi
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) $(if $(SELECT),-m "$(SELECT)") --hypothesis-profile $(EXAMPLES) $(PYTEST_ARGS)

second: $(VENV)/.test ## The fast tests on the newest other Python of this machine, if there is one
	@$(BIN)/python tools/second_python.py -n $(WORKERS) --hypothesis-profile $(if $(filter same,$(EXAMPLES)),few,$(EXAMPLES))

coverage: $(VENV)/.test ## The tests without the heavy ones, with branch coverage
	$(MAKE) unit PYTEST_ARGS="--cov --cov-report=term --cov-report=html:build/coverage"

bench: $(VENV)/.test ## The measurements in bench/, one after the other
	@failed=; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || failed="$$failed $$script"; done; \
	  [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

docs: $(VENV)/.test ## Write the pages of docs/ that are made from the code
	@for script in tools/write_*_docs.py; do $(BIN)/python $$script || exit 1; done

texts: $(VENV)/.test ## Gather the texts of the portal in the catalogues of its languages
	@$(BIN)/python tools/texts.py

component: $(VENV)/.test ## Join the modules of the liveness component into the file that browsers load
	@$(BIN)/python tools/join_component.py

site: $(VENV)/.test ## Build the documentation as a site, in build/site
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs build/site && echo "build/site/index.html"

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what was made here; data and models stay
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
