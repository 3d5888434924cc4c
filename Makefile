# `make` lists what there is. Everything happens in .venv, installed from requirements.lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
# Tests start hundreds of processes, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# For images: the same versions and hashes, without what is for development only.
PART_OF_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate -c requirements.lock

.PHONY: help install demo dev test test-slow test-browser test-cluster check format lint types bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## Make .venv and install what the lock file pins

# uv is quick; where it cannot reach its index, pip with its own configuration can.
.venv/installed: requirements.lock pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed, $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || true
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e ./sdk -e . \
	  || $(BIN)/python -m pip install --quiet --no-deps -e ./sdk -e .
	@touch $@

demo: install ## Train a network on handwritten digits: a sweep of 24 trials, about two minutes
	$(BIN)/sweepworks run examples/digits/sweep.yaml

dev: install ## Dagster UI, daemon and gateway, until Ctrl-C
	$(BIN)/sweepworks up

test: install ## All tests but the slow and the browser ones
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not slow and not browser and not cluster"

test-slow: install ## Kill, soak and large tests
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "slow and not cluster"

test-browser: install ## Pages in headless Chromium (apt-get install chromium)
	$(BIN)/python -m pytest -m browser

test-cluster: install ## Launching, reaping and faults on a real Kubernetes cluster (docs/kubernetes.md)
	$(BIN)/python -m pytest -m cluster -p no:randomly

check: lint types ## All that CI blocks on besides tests

format: install ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --exit-zero .

lint: install ## Style, and imports that point down
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: install ## pyright, strict below the orchestration
	$(BIN)/pyright

bench: install ## Every benchmark; one JSON object on the last line of each
	@for name in $$(cd benchmarks && ls *.py | sed 's/\.py$$//' | grep -v -e __init__ -e machine); do \
	  echo "== $$name"; $(BIN)/python -m benchmarks.$$name --json; done

lock: install ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-package sweepworks --group dev pyproject.toml -o requirements.lock --upgrade
	$(PART_OF_LOCK) --no-emit-package sweepworks pyproject.toml -o deploy/docker/platform.lock
	$(PART_OF_LOCK) deploy/docker/trainer.in -o deploy/docker/trainer.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate deploy/docker/build.in -o deploy/docker/build.lock --upgrade

clean: ## Stop what runs here; remove .venv and caches, but not your data in .sweepworks
	-@test -x $(BIN)/sweepworks && $(BIN)/sweepworks down
	rm -rf .venv .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache build dist *.egg-info sdk/src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
