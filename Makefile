# GAS: what can be done here. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

run: $(STAMP)  ## Run the whole service on this machine, until Ctrl-C (OPTIONS='--retention 20s --retrieval 10s')
	@$(BIN)/gas stack $(OPTIONS)

demo: $(STAMP)  ## Play a user's whole journey on a stack of its own and print the timeline
	@$(BIN)/gas stack --demo --folder .local/demo --port 0 --retention 5s --retrieval 5s $(OPTIONS)

test: $(STAMP) lint  ## Run every test
	$(BIN)/pytest -n auto --dist worksteal -q

lint: $(STAMP)  ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## Format the code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

clean:  ## Remove what was built and what the local stack left
	rm -rf $(VENV) .local build dist *.egg-info
