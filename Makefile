# GAS: what can be done here. `make help` lists it.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/installed
LOCAL   := $(VENV)/local
CHECKOV := .venv-checkov
ANSIBLE := .venv-ansible
MINISTACK := .venv-ministack
AUDIT   := .venv-audit
OPTIONS ?=
SIZE    ?= 200
ACCOUNT ?= 5000
SERVICE ?= pypi
# Python compiles a module when it is first imported, which is a fraction of what is installed; each process would do so again
# where the environment forbids to keep what it compiled
unexport PYTHONDONTWRITEBYTECODE
PIP     := --quiet --disable-pip-version-check --no-compile
PYTEST  := $(BIN)/pytest -q -n auto --dist worksteal
# tests that wait for others, as for a lease to run out, leave room for one more process than there are cores
WAITING := $(BIN)/pytest -q -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal
# a run of tests; with AGAIN set what failed is run once more by itself, for a busy machine can make a test fail
tested   = $(call cached,$(1)) $(if $(AGAIN),|| { $(SAY_AGAIN); $(call cached,$(1)) --last-failed --last-failed-no-failures none --numprocesses 0; })
# what failed last is remembered apart, for lanes that run side by side
cached   = $(1) -o cache_dir=.pytest_cache/$@
SAY_AGAIN = echo "== What failed is run once more. Each test of it that passes now has a fault of its own, and is to be mended. =="
TESTS   := tests --ignore tests/web/browser --ignore tests/infra
# neither what takes long nor what is the second of its kind; what `slow` and `night` mean stands in setup.cfg
QUICK   := -m 'not slow and not night'

.DEFAULT_GOAL := help
.PHONY: help run demo check test test-quick environments test-slow test-browser test-infra test-plans test-hosts checkov test-night test-times chaos bench bench-compare bench-engine bench-streaming fuzz amplify truth load load-annotators simulate cost audit lint format docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

define RIGHT_PYTHON
$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	echo "GAS needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo 'not to be found'):" \
		"name another one, as in 'make PYTHON=python3.11 $(or $(MAKECMDGOALS),run)'." >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) cannot make a virtual environment: on Debian or Ubuntu, 'apt-get install python3-venv' mends that." >&2; exit 1; }
endef

# what `make run` needs, and what tests, linters and load tests need besides
$(LOCAL): setup.cfg pyproject.toml
	@$(RIGHT_PYTHON)
	@echo "Installing GAS and its local stand-ins into $(VENV): about a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install $(PIP) --editable '.[local]'
	@touch $@

$(STAMP): $(LOCAL)
	@echo "Installing what tests need into $(VENV): about a minute, once."
	@$(BIN)/pip install $(PIP) --editable '.[test]'
	@touch $@

run: $(LOCAL)  ## Run the whole service on this machine, until Ctrl-C (OPTIONS='--retention 20s --retrieval 10s')
	@$(BIN)/gas stack $(OPTIONS)

demo: $(LOCAL)  ## Play a user's whole journey on a stack of its own and print the timeline
	@$(BIN)/gas stack --demo --folder .local/demo --port 0 --retention 5s --retrieval 5s $(OPTIONS)

check: $(STAMP) lint  ## Lint, types, import rules and unit tests: less than a minute
	$(PYTEST) tests/unit $(QUICK)

# side by side: mypy has one core only
test: $(STAMP)  ## The same, and every test that is quick: adapters, daemons, portal, engine
	@$(MAKE) --no-print-directory --jobs 2 lint test-quick

test-quick: $(STAMP)
	$(call tested,$(WAITING) $(TESTS) $(QUICK))

test-slow: $(STAMP) $(MINISTACK)/installed  ## Run a sample of what is long: faults, storms, kills, load runs, API fuzz, the whole stack
	$(call tested,$(WAITING) $(TESTS) -m 'slow and not night')
	$(call tested,$(BIN)/python -m tests.support.second_emulator $(WAITING) tests/aws tests/system/test_second_emulator.py)

test-night: $(STAMP) $(ANSIBLE)/installed chaos fuzz amplify  ## Run all that is long, whole: what chaos and fuzz do, ten more storms, API fuzz, a hundred jobs, and what the other lanes have a sample of
	for seed in 1 2 3 4 5 6 7 8 9 10; do GAS_FAULTS_SEED=$$seed GAS_STORM_JOBS=$(SIZE) $(PYTEST) tests/faults/test_storm.py || exit 1; done
	GAS_TEST_EXAMPLES=100 $(PYTEST) tests/web/test_schema.py
	GAS_SYSTEM_JOBS=100 $(PYTEST) tests/system
	$(PYTEST) $(TESTS) -m night
	$(BIN)/pytest -q tests/infra -m night
	$(WAITING) tests/web/browser -m night

test-times: $(STAMP)  ## Show the twenty slowest of the quick tests and the sum by folder (OPTIONS='-m slow' of the others)
	$(BIN)/python -m pytest -q -n auto --dist worksteal -p tests.support.times $(TESTS) $(QUICK) $(OPTIONS)

test-browser: $(STAMP)  ## Run the tests that drive a browser (needs Debian's chromium-headless-shell)
	$(call tested,$(WAITING) tests/web/browser -m 'not night')

# side by side, for a host that is configured waits most of the time; each to its end, and what it says in one piece
test-infra: $(STAMP) $(CHECKOV)/installed $(ANSIBLE)/installed  ## Plan the infrastructure offline, and configure a real systemd host (as root)
	@$(MAKE) --no-print-directory --jobs 3 --keep-going --output-sync=target test-hosts test-plans checkov

test-plans: $(STAMP) $(ANSIBLE)/installed
	$(call tested,$(PYTEST) tests/infra --ignore tests/infra/hosts -m 'not night')

test-hosts: $(STAMP) $(ANSIBLE)/installed
	$(call tested,$(BIN)/pytest -q tests/infra/hosts -m 'not night')

checkov: $(CHECKOV)/installed
	LOG_LEVEL=ERROR $(CHECKOV)/bin/checkov --config-file terraform/.checkov.yaml --compact --quiet

# what the lanes need besides that of `make test`
environments: $(CHECKOV)/installed $(ANSIBLE)/installed $(MINISTACK)/installed

# apart from the rest: these pin versions of what we use in others
$(CHECKOV)/installed:
	$(PYTHON) -m venv $(CHECKOV)
	$(CHECKOV)/bin/pip install $(PIP) 'checkov>=3.2,<4'
	@touch $@

$(ANSIBLE)/installed:
	$(PYTHON) -m venv $(ANSIBLE)
	$(ANSIBLE)/bin/pip install $(PIP) 'ansible>=12,<13' 'ansible-lint>=25' 'awscli>=1.40,<2' boto3
	@touch $@

# its version is pinned, for each has faults of its own that tests know; with awscrt it computes the checksums that S3 has
$(MINISTACK)/installed:
	$(PYTHON) -m venv $(MINISTACK)
	$(MINISTACK)/bin/pip install $(PIP) ministack==1.5.33 'awscrt>=0.38,<1'
	@touch $@

$(AUDIT)/installed:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install $(PIP) 'pip-audit>=2.10,<3'
	@touch $@

chaos: $(STAMP)  ## Every fault at every call, long storms (SIZE=200 jobs), an account of ACCOUNT=5000 jobs, the whole model: hours
	GAS_FAULTS=all GAS_STORM_JOBS=$(SIZE) GAS_ACCOUNT_JOBS=$(ACCOUNT) $(BIN)/pytest -q -n 2 tests/faults
	$(BIN)/python -m tests.support.model.model

bench: $(STAMP)  ## Measure daemons, portal, looks into results, live pages and start-up (OPTIONS='portal --repeat 1 --out before.json')
	$(BIN)/python -m scripts.bench $(OPTIONS)

bench-compare: $(STAMP)  ## Put two runs of `make bench` side by side (OPTIONS='before.json after.json')
	$(BIN)/python -m scripts.bench compare $(OPTIONS)

bench-engine: $(STAMP)  ## Measure the CPU of the engine beside the floor and a pipeline of bcftools, and say which bars are missed
	$(BIN)/python -m scripts.bench_engine $(OPTIONS)

bench-streaming: $(STAMP)  ## Measure the memory of the archive and thaw daemons at a result of 2 GiB, for both archives
	$(BIN)/python scripts/bench_streaming.py $(OPTIONS)

fuzz: $(STAMP)  ## Damage VCFs in a hundred thousand ways, and see the engine keep its promises: half an hour or more
	$(BIN)/python scripts/fuzz_engine.py $(OPTIONS)

amplify: $(STAMP)  ## Give the engine one token a million times in every place of a VCF, compressed, and see what memory it and the portal take
	$(BIN)/python scripts/amplify_engine.py $(OPTIONS)

truth: $(STAMP)  ## Compare consequences with those of Ensembl VEP (and on VEP=x.vep.vcf.gz FASTA=x.fa.gz GFF3=x.gff3)
	$(BIN)/python -m scripts.truth tests/truth/mitochondrion.vep.vcf.gz --bundle rcrs --extra-ok $(OPTIONS)
	$(BIN)/python -m scripts.truth tests/truth/generated/vep.vcf.gz --fasta tests/truth/generated/genome.fa.gz --gff3 tests/truth/generated/genes.gff3.gz $(OPTIONS)
	$(if $(VEP),$(BIN)/python -m scripts.truth $(VEP) --fasta $(FASTA) --gff3 $(GFF3) $(OPTIONS))

lint: $(STAMP)  ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## Format the code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

load: $(STAMP)  ## Load-test a stack of its own, checking every result (OPTIONS='--mix everyday --shape spike --users 20')
	$(BIN)/python -m scripts.load --local $(OPTIONS)

load-annotators: $(STAMP)  ## Publish requests straight to the topic, to measure the annotators alone (OPTIONS='--jobs 50 --rate 5')
	$(BIN)/python -m scripts.load.annotators $(OPTIONS)

simulate: $(STAMP)  ## Replay a day of jobs through the autoscaling that Terraform has (OPTIONS='--rate 10 --search')
	$(BIN)/python -m scripts.simulate_fleet $(OPTIONS)

cost: $(STAMP)  ## Count what each stage asks of AWS, and price it: docs/measurements/cost.md
	$(BIN)/python -m scripts.cost
	$(BIN)/python scripts/generate_docs.py

audit: $(STAMP) $(AUDIT)/installed  ## Look up what is installed among known vulnerabilities (asks the Python package index, or OSV with SERVICE=osv)
	$(AUDIT)/bin/pip-audit --skip-editable --vulnerability-service $(SERVICE) --path $$(echo $(VENV)/lib/python3*/site-packages)

docs: $(STAMP)  ## Write the pages of docs/ that follow from the code
	$(BIN)/python scripts/generate_docs.py

clean:  ## Remove what was built and what the local stack left
	rm -rf $(VENV) $(CHECKOV) $(ANSIBLE) $(MINISTACK) $(AUDIT) .local build dist *.egg-info
