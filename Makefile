# Two commands for a newcomer: make run, make test. `make help` lists the rest.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
READY_TO_RUN := $(VENV)/.ready-to-run
READY_TO_TEST := $(VENV)/.ready-to-test
SOURCES := manage.py classifier ml tasks webapp tests clients docs/examples
# The examples of brokers stand alone, each with a classify.py of its own, as one reads and copies them.
TYPED := $(filter-out docs/examples,$(SOURCES)) docs/examples/send_picture.py docs/examples/browser/serve.py
ARGS ?=

# Tests that start processes or a browser wait more than they work: three at a time, each file's in one place, as they
# share what was started. All others: as many at a time as there are cores.
SHARED := not processes and not browser and not faults and not long
STARTING := (processes or browser or faults) and not long
THREADS := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
WORKERS := -n auto --maxprocesses 4 --dist loadfile
# Waiting too long, and nothing else, gets one more try there, which is printed: another program may have had the machine.
TOO_LATE := ^(AssertionError: not within [0-9.]+ s: |TimeoutError|TimeoutExpired|ReadTimeout|ConnectTimeout|ConnectError)
STARTERS := -n 3 --dist loadfile --reruns 1 --only-rerun '$(TOO_LATE)' --rerun-show-tracebacks

.PHONY: help run test all format format-check lint types test-postgres test-faults test-long soak fuzz bench bench-learning audit requirements resolve-gpu

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' $(MAKEFILE_LIST)

run: $(READY_TO_RUN) ## start everything on this machine; options: make run ARGS="--port 8080"
	@exec $(PYTHON) manage.py up $(ARGS)

test: $(READY_TO_TEST) ## run the whole test suite
	@status=0; \
	$(THREADS) $(PYTHON) -m pytest -q $(WORKERS) -m "$(SHARED)" $(ARGS) || status=$$?; \
	$(THREADS) $(PYTHON) -m pytest -q $(STARTERS) -m "$(STARTING)" $(ARGS) || status=$$?; \
	exit $$status

all: format-check lint types test ## what CI runs

format: $(READY_TO_TEST) ## put the sources into one format
	$(PYTHON) -m ruff format $(SOURCES)
	$(PYTHON) -m ruff check --fix-only --quiet $(SOURCES)

format-check: $(READY_TO_TEST)
	$(PYTHON) -m ruff format --check $(SOURCES)

lint: $(READY_TO_TEST) ## look for mistakes
	$(PYTHON) -m ruff check $(SOURCES)

types: $(READY_TO_TEST) ## check the types
	$(PYTHON) -m mypy $(TYPED)

# What reads and writes rows; trainings, models and brokers know no database.
ON_POSTGRES := tests/classifier tests/tasks \
	$(patsubst %,tests/faults/test_%_faults.py,worker web redis) tests/faults/test_promotions.py \
	$(patsubst %,tests/flows/test_%.py,upload_to_answer priorities deletion)
NOT_ON_POSTGRES := $(patsubst %,--ignore=tests/tasks/test_%.py,exporting odd_datasets proving transfer_runs trial_process)

test-postgres: $(READY_TO_TEST) ## rows, claims and faults again, on Debian's PostgreSQL
	$(THREADS) $(PYTHON) -m tests.postgres_server \
		$(PYTHON) -m pytest -q $(STARTERS) -m "not browser and not long" $(ON_POSTGRES) $(NOT_ON_POSTGRES) $(ARGS)

test-faults: $(READY_TO_TEST) ## what may break, broken on purpose, at full length; writes docs/reliability.md
	FAULT_REPORT=docs/reliability.md $(THREADS) $(PYTHON) -m pytest -q tests/faults $(ARGS)

SOAK_MINUTES ?= 480

soak: $(READY_TO_TEST) ## hours of uploads, faults and new versions: does anything grow?; options: make soak SOAK_MINUTES=30
	FAULT_REPORT=docs/reliability.md SOAK_MINUTES=$(SOAK_MINUTES) $(THREADS) \
		$(PYTHON) -m pytest -q -s tests/faults/test_soak.py $(ARGS)

test-long: $(READY_TO_TEST) ## the tests that take minutes each, beside those of test-faults
	$(THREADS) $(PYTHON) -m pytest -q -m long --ignore=tests/faults $(ARGS)

FUZZ_SECONDS ?= 3600
FUZZ := var/fuzz

fuzz: $(READY_TO_TEST) ## look for pictures that break the upload gate; options: make fuzz FUZZ_SECONDS=600
	$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements-fuzz.txt
	mkdir -p $(FUZZ)/found
	$(PYTHON) -m tests.fuzz.picture_seeds $(FUZZ)/seeds
	DJANGO_SETTINGS_MODULE=classifier.settings $(PYTHON) -m tests.fuzz.fuzz_gate \
		-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$(FUZZ)/broke- $(FUZZ)/found $(FUZZ)/seeds

bench: $(READY_TO_TEST) ## measure beside the peers and write docs/benchmarks.md; options: make bench ARGS="--rounds 1"
	$(PYTHON) -m tests.benchmarks $(ARGS)

bench-learning: $(READY_TO_TEST) ## measure imports and trainings and write docs/benchmarks-learning.md
	$(PYTHON) -m tests.benchmarks.learning $(ARGS)

audit: $(READY_TO_TEST) ## look for known vulnerabilities in the pinned packages
	$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements-audit.txt
	$(PYTHON) tests/package_audit.py

# Everything is resolved once, with the longest list; the shorter ones follow it.
COMPILE := $(PYTHON) -m uv pip compile -q --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --generate-hashes
FOLLOWERS := $(patsubst requirements/%.in,%,$(filter-out requirements/base.in requirements/dev.in,$(wildcard requirements/*.in)))

requirements: $(READY_TO_TEST) ## pin the input lists of requirements/ again
	$(PYTHON) -m pip install -q uv
	$(COMPILE) $(UPGRADE) requirements/dev.in -o requirements-dev.txt
	$(COMPILE) requirements/base.in -c requirements-dev.txt -o requirements.txt
	for name in $(FOLLOWERS); do \
		$(COMPILE) requirements/$$name.in -c requirements-dev.txt -o requirements-$$name.txt || exit 1; \
	done

# Nothing is downloaded. Whether TensorFlow then finds a GPU, only a machine with one can tell.
resolve-gpu: $(READY_TO_TEST) ## would requirements-gpu.txt install on a Linux machine with a GPU?
	$(PYTHON) -m pip install -q --disable-pip-version-check uv
	for version in 3.11 3.12; do \
		$(PYTHON) -m uv pip install -q --dry-run --require-hashes --python-platform x86_64-unknown-linux-gnu \
			--python-version $$version --target $(VENV)/gpu -r requirements-gpu.txt -r requirements-storage.txt || exit 1; \
	done

# The installed lists, each marked by a stamp that is older than a changed list.
$(VENV)/pyvenv.cfg:
	@for candidate in python3.12 python3.11 python3 python; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$candidate --version) …"; \
			$$candidate -m venv --clear $(VENV) && exit 0; \
			rm -rf $(VENV); \
			echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; \
			exit 1; \
		fi; \
	done; \
	echo "Whatsit needs Python 3.11 or 3.12, and none was found. Install one of them and type make again." >&2; \
	exit 1

$(READY_TO_RUN): $(VENV)/pyvenv.cfg requirements.txt
	@echo "Installing what Whatsit needs: about 1.7 GB, one to three minutes …"
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(READY_TO_TEST): $(READY_TO_RUN) requirements-dev.txt
	@echo "Installing what the tests need …"
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@
