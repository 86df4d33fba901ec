# Counterseal. Every recipe makes the environments it needs; nothing has to be active.
PYTHON ?= python3
ENV := .env
PIP_FLAGS := --quiet --disable-pip-version-check --no-input --require-hashes
export PYTHONPATH := src

.DEFAULT_GOAL := help
.PHONY: help run test test-computing test-processes test-others coverage lint bench bench-ws bench-load compiled compiled-test full slow slow-computing \
  slow-processes slow-campaign campaign fuzz mutants timing crash docs lock sdk clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is newer than the lock it was made from, or the environment is made again.
$(ENV)/%/.stamp: requirements/%.txt
	@echo "making the environment '$*' from $<"
	@rm -rf $(ENV)/$* && $(PYTHON) -m venv $(ENV)/$*
	@$(ENV)/$*/bin/pip install $(PIP_FLAGS) -r $<
	@touch $@

run: $(ENV)/product/.stamp ## start everything with the paper exchange and a demo bot; Ctrl-C stops it
	@exec $(ENV)/product/bin/python -m counterseal.cli.main demo

# Three sessions side by side: what computes gives way to what waits for real processes.
test: $(ENV)/test/.stamp ## the tests that fit five minutes
	@$(MAKE) --no-print-directory --output-sync=target -j3 test-computing test-processes test-others

COMPUTING := tests/core tests/adapters tests/captures tests/gateway tests/limits tests/paper tests/fuzz
test-computing: $(ENV)/test/.stamp
	nice $(ENV)/test/bin/python -m pytest -m "not slow and not sdk" $(COMPUTING) $(PYTEST)

test-processes: $(ENV)/test/.stamp
	$(ENV)/test/bin/python -m pytest -m "not slow and not sdk" -p no:cacheprovider tests/scenarios $(PYTEST)

test-others: $(ENV)/test/.stamp
	nice $(ENV)/test/bin/python -m pytest -m "not slow and not sdk" -p no:cacheprovider tests \
	  $(COMPUTING:%=--ignore=%) --ignore=tests/scenarios $(PYTEST)

# Counting branches makes the tests of core three times as slow.
coverage: $(ENV)/test/.stamp ## the tests of core again: 100 % of its branches
	@rm -f .coverage
	nice $(ENV)/test/bin/python -m coverage run -m pytest -q -m "not slow and not sdk" -p no:cacheprovider tests/core $(PYTEST)
	$(ENV)/test/bin/python -m coverage report --fail-under=100

lint: $(ENV)/tools/.stamp $(ENV)/test/.stamp ## style, types, import contract
	$(ENV)/tools/bin/ruff check .
	$(ENV)/tools/bin/ruff format --check .
	$(ENV)/tools/bin/mypy --python-executable $(ENV)/test/bin/python
	$(ENV)/tools/bin/lint-imports

sdk: $(ENV)/test/.stamp ## install the pinned third-party SDKs and drive each through the gateway
	$(ENV)/test/bin/python tests/sdk/environments.py install
	$(ENV)/test/bin/python -m pytest -m sdk tests/scenarios $(PYTEST)

slow: $(ENV)/test/.stamp ## what `make test` leaves to CI, the SDKs apart
	@$(MAKE) --no-print-directory --output-sync=target -j2 slow-computing slow-processes slow-campaign

slow-processes: $(ENV)/test/.stamp
	$(ENV)/test/bin/python -m pytest -m "slow and not sdk" -p no:cacheprovider tests/scenarios $(PYTEST)

# What computes gives way to what has deadlines in real time.
slow-computing: $(ENV)/test/.stamp
	nice $(ENV)/test/bin/python -m pytest -m "slow and not sdk" tests --ignore=tests/scenarios --ignore=tests/campaign $(PYTEST)

slow-campaign: $(ENV)/test/.stamp
	nice $(ENV)/test/bin/python -m pytest -m slow -p no:cacheprovider tests/campaign $(PYTEST)

CAMPAIGN := $(ENV)/campaign
campaign: $(ENV)/test/.stamp ## hostile input at its full counts, half an hour; writes docs/reference/campaign.md
	@rm -rf $(CAMPAIGN)
	CAMPAIGN_SHARE=1 CAMPAIGN_OUT=$(CAMPAIGN) $(ENV)/test/bin/python -m pytest -m slow -p no:cacheprovider tests/campaign $(PYTEST)
	$(ENV)/test/bin/python tools/generate_campaign_doc.py $(CAMPAIGN)

fuzz: $(ENV)/fuzz/.stamp ## coverage-guided fuzzing of every parser, FUZZ_SECONDS (10) each; FUZZ_RUNS counts inputs instead
	nice $(ENV)/fuzz/bin/python -m tests.fuzz.run all --jobs 2

crash: $(ENV)/test/.stamp ## kill -9 of gateway and signer: under load 100 times, and at every system call of seven kinds of work
	$(ENV)/test/bin/python -m pytest -m slow tests/scenarios -k kill $(PYTEST)

full: $(ENV)/test/.stamp ## everything, also what CI leaves out
	$(ENV)/test/bin/python tests/sdk/environments.py install
	$(ENV)/test/bin/python tests/verifiers/reference.py install
	$(ENV)/test/bin/python tests/conformance/suite.py install
	RATE1_MINUTES=30 SIGN1_MESSAGES=10000000 DUP1_OPERATIONS=1000000 DUP2_REPETITIONS=5000 KA1_TIMES=1000 \
	  PWR1_STATES=1000 AUD1_PLACES=100 RATE2_ROUNDS=10 LIM1_STEPS=50000 LIM2_ROUNDS=10000 LIM4_CASES=200 \
	  WSF2_MINUTES=10 MARKET_MINUTES=60 STREAM_GAP_ROUNDS=200 COUNTERSEAL_WS_CELLS=9999 \
	  $(ENV)/test/bin/python -m pytest $(PYTEST)

$(ENV)/bench/.stamp: bench/requirements.txt
	@rm -rf $(ENV)/bench && $(PYTHON) -m venv $(ENV)/bench
	@$(ENV)/bench/bin/pip install $(PIP_FLAGS) -r $<
	@touch $@

# Its own environment, so that no compiled module can shadow a source that has changed since.
$(ENV)/compiled/.stamp: setup.py $(ENV)/compile/.stamp $(ENV)/product/.stamp $(shell find src/counterseal -name '*.py')
	@command -v cc >/dev/null || { echo "a C compiler is missing; install it with: sudo apt-get install gcc"; exit 1; }
	@rm -rf $(ENV)/compiled build && $(PYTHON) -m venv $(ENV)/compiled
	@$(ENV)/compiled/bin/pip install $(PIP_FLAGS) -r requirements/product.txt
	@echo "compiling the hot path (a minute)"
	@env -u PYTHONPATH COUNTERSEAL_COMPILE=1 COUNTERSEAL_TYPES_OF=$(ENV)/product/bin/python \
	  nice $(ENV)/compile/bin/python -m pip wheel --quiet --disable-pip-version-check --no-input --no-build-isolation \
	  --no-deps --wheel-dir $(ENV)/compiled/wheel . >$(ENV)/compiled/build.log 2>&1 || { tail -n 40 $(ENV)/compiled/build.log; exit 1; }
	@env -u PYTHONPATH $(ENV)/compiled/bin/pip install --quiet --disable-pip-version-check --no-deps $(ENV)/compiled/wheel/*.whl
	@touch $@

compiled: $(ENV)/compiled/.stamp ## the package with its hot path compiled to C, in .env/compiled (needs a C compiler)

# Left out: a test that puts a stand-in where a compiled class takes only its own kind.
compiled-test: $(ENV)/compiled/.stamp $(ENV)/test/.stamp ## the in-process tests of the hot path against the compiled package
	nice $(ENV)/test/bin/python -m pytest -p no:cacheprovider -o pythonpath="$$($(ENV)/compiled/bin/python -P -c 'import sysconfig; print(sysconfig.get_path("purelib"))') . tools" \
	  -m "not slow and not sdk" -k "not file_of_marks" $$($(ENV)/test/bin/python tests/compiled.py) $(PYTEST)

bench: $(ENV)/bench/.stamp $(ENV)/product/.stamp $(ENV)/compiled/.stamp ## throughput and latency beside nginx, nginx + Lua and Envoy
	$(ENV)/bench/bin/python bench/run.py $(BENCH)

bench-ws: $(ENV)/bench/.stamp $(ENV)/product/.stamp ## streams beside the websockets library's fan-out, orders of the WebSocket API beside REST's
	$(ENV)/product/bin/python bench/ws_run.py $(BENCH)

mutants: $(ENV)/test/.stamp ## one small mistake at a time where money depends on it: does a test notice? Hours; MUTANTS= names groups
	nice $(ENV)/test/bin/python tools/mutants.py $(MUTANTS)
	$(ENV)/test/bin/python tools/generate_mutants_doc.py

timing: $(ENV)/product/.stamp ## TIMING-1: whether the time of a refusal tells what was wrong; a million samples each
	$(ENV)/product/bin/python bench/timing_1.py

bench-load: $(ENV)/bench/.stamp $(ENV)/product/.stamp ## load borne, shed and forgotten: overload, streams, starts, idle connections
	$(ENV)/product/bin/python bench/load_run.py $(BENCH)

docs: $(ENV)/product/.stamp ## write the generated reference pages again
	$(ENV)/product/bin/python tools/generate_settings_doc.py
	$(ENV)/product/bin/python tools/generate_reasons_doc.py
	$(ENV)/product/bin/python tools/generate_cli_doc.py
	$(ENV)/product/bin/python tools/generate_endpoints_doc.py
	$(ENV)/product/bin/python tools/generate_threats_doc.py
	$(ENV)/product/bin/python tools/generate_failing_doc.py
	$(ENV)/product/bin/python tools/generate_mutants_doc.py

lock: ## resolve requirements again and lock them by hash (needs uv)
	for name in product test tools compile hsm fuzz; do \
	  uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove environments and what a run left
	rm -rf $(ENV) .run .coverage .mypy_cache .ruff_cache .pytest_cache
