# The one task runner. Everything it makes lies in build*/, .venv/ and .cache/; `make clean` removes all of that.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS := $(shell getconf _NPROCESSORS_ONLN)
CLANG ?= clang
SKIPPED := tools/check/skipped.sh
export PYTHON

comma := ,
space := $() $()

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' Makefile)

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# ---- what the system lacks -------------------------------------------------------------------------------------------
deps: ## Install what all of it needs from the system, or print the line to run; deps-c, deps-python, deps-node: less
	@tools/setup/deps.sh c python node redis

deps-c:
	@tools/setup/deps.sh c

deps-python:
	@tools/setup/deps.sh python

deps-node:
	@tools/setup/deps.sh node

deps-redis:
	@tools/setup/deps.sh redis

deps-clang:
	@tools/setup/deps.sh c python clang

vectors: ## Fetch published test vectors, with cargo
	@tools/setup/vectors.sh

# ---- Python ----------------------------------------------------------------------------------------------------------
# The environment is remade when what goes into the extension changes.
CORE := core/sources.txt $(wildcard core/include/* core/src/*/*.[ch] core/src/*/*/*.[ch])
PYTHON_INPUTS := setup.py pyproject.toml $(CORE) $(wildcard bindings/python/*)

$(BIN)/python:
	@tools/setup/deps.sh python
	@$(PYTHON) -m venv $(VENV)

$(VENV)/lint: $(BIN)/python tools/setup/lint.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tools/setup/lint.txt
	@touch $@

$(VENV)/built: $(BIN)/python $(PYTHON_INPUTS) tools/setup/requirements.txt
	@echo "building the Python extension"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tools/setup/requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: deps-python ## A real FastMCP server, guarded; a real client; refusals and a good call
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(BIN)/python -c 'import fastmcp' 2>/dev/null || $(BIN)/python -m pip install --quiet fastmcp
	@$(BIN)/python examples/python/demo.py

# ---- Node ------------------------------------------------------------------------------------------------------------
NODE_INPUTS := package.json CMakeLists.txt $(CORE) $(wildcard bindings/node/*)

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null

build-node/fastbearer.node: node_modules/.package-lock.json $(NODE_INPUTS)
	@echo "building the Node addon"
	@npm run --silent build >/dev/null
	@touch $@

demo-node: deps-node ## The same for Node: an MCP server of the official SDK, guarded by a Verifier
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@node tests/node/hosts/setup.mjs
	@node examples/node/demo.mjs

# ---- tests -----------------------------------------------------------------------------------------------------------
test: deps vectors ## Every test there is
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(SKIPPED) $(MAKE) --no-print-directory test-c test-portable test-python test-node test-docs

check: $(VENV)/lint ## Offline, in a minute: format, lint, includes, unit tests and vectors of what is built
	@$(SKIPPED) tools/check/check.sh

lint: $(VENV)/lint ## Format and lint of all sources
	@$(SKIPPED) tools/check/lint.sh

format: $(VENV)/lint ## Format all sources, or those below PATHS=, and mend what the linters can mend
	@tools/check/lint.sh --fix $(PATHS)

configure: deps-c
	@cmake -S . -B build -DFB_TESTS=ON -DFB_BENCH=ON >/dev/null

test-c: configure vectors ## C: unit tests, vectors, mutations, fuzz seeds
	@cmake --build build -j $(JOBS)
	@$(SKIPPED) ctest --test-dir build --output-on-failure -j $(JOBS)

PORTABLE := test_selection test_p256 test_ed25519 test_rsa test_signature test_rfc test_wycheproof

test-portable: configure vectors ## The arithmetic without code for particular processors
	@cmake -S . -B build-portable -DFB_PORTABLE=ON -DFB_TESTS=ON >/dev/null
	@cmake --build build-portable -j $(JOBS) --target $(PORTABLE)
	@$(SKIPPED) ctest --test-dir build-portable --output-on-failure -j $(JOBS) -R '^($(subst $(space),|,$(PORTABLE)))$$'

test-python: deps-python deps-redis ## Python: binding, package, vectors, and the hosts in their own environments
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(SKIPPED) $(BIN)/python -m pytest

test-node: deps-node deps-python configure ## Node: addon, package, vectors, types; under Node 22 and 24 too; hosts
	@$(MAKE) --no-print-directory $(VENV)/built build-node/fastbearer.node
	@cmake --build build -j $(JOBS) --target fb_vectors
	@node --test tests/node/*.test.mjs
	@npm run --silent check
	@node tests/node/versions.mjs
	@node tests/node/hosts/setup.mjs
	@node --test tests/node/hosts/hosts.test.mjs

OLD_PYTHON = $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 11))'

test-docs: deps-python deps-node configure ## The site: built, its links, every code block of it and README, a browser
	@$(MAKE) --no-print-directory $(VENV)/built build-node/fastbearer.node
	@if $(OLD_PYTHON); then echo "the site is not tested: it needs Python 3.11" | tee -a "$${FB_SKIPPED:-/dev/null}"; \
		else $(MAKE) --no-print-directory built-and-tested-docs; fi

built-and-tested-docs:
	@$(MAKE) --no-print-directory $(SITE)
	@node tests/node/hosts/setup.mjs
	@cd tests/docs/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@cmake --build build -j $(JOBS) --target fastbearer fastbearer_static
	@$(BIN)/python tools/docs/build.py
	@$(SKIPPED) $(BIN)/python -m pytest tests/docs

test-matrix: deps-python deps-node ## The host tests under every FastMCP, SDK and Node version, not only the usual ones
	@$(PYTHON) tests/python/hosts/matrix.py --all
	@$(PYTHON) tests/python/hosts/fastmcp_tests.py
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@for version in 22 24; do \
		echo "node $$version" && npm exec --yes --package=node@$$version -- \
			node --test --test-reporter=dot tests/node/hosts/hosts.test.mjs || exit 1; done

test-pythons: deps-python ## Build and test with every CPython on PATH and in pyenv, or those of PYTHONS=
	@$(PYTHON) tests/python/pythons.py $(PYTHONS)

$(VENV)/docs: $(VENV)/built tools/setup/docs.txt
	@echo "installing what builds the site"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tools/setup/docs.txt
	@touch $@

tools/docs/node_modules/.package-lock.json: tools/docs/package-lock.json
	@cd tools/docs && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null

SITE := $(VENV)/docs tools/docs/node_modules/.package-lock.json build-node/fastbearer.node

docs: deps-python deps-node ## The site, to build-docs/html; offline once its tools are installed
	@$(MAKE) --no-print-directory $(SITE)
	@$(BIN)/python tools/docs/build.py

.PHONY: generate
generate: deps-python ## Write what follows from the option table, the command line and the header: sources, manuals
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(BIN)/python tools/generate/python_options.py
	@$(BIN)/python tools/docs/manual.py

types: deps-python ## mypy --strict, pyright --verifytypes and the stub against the extension, with every host at hand
	@$(PYTHON) tests/python/hosts/matrix.py types

test-arithmetic: configure vectors ## A million good and a million bad signatures for each arithmetic, beside OpenSSL
	@cmake --build build -j $(JOBS)
	@for test in build/tests/test_rsa build/tests/test_p256 build/tests/test_ed25519; do \
		echo "$$(basename $$test)" && $(SKIPPED) $$test 1000000 || [ $$? -eq 77 ] || exit 1; done

bench: configure ## Budgets, beside bare primitives and peers, C, Python, Node, whole servers: BENCH="--rounds 9"
	@tools/setup/deps.sh c python node
	@cmake --build build -j $(JOBS)
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@$(PYTHON) tests/bench/run.py $(BENCH)

bench-c: configure ## C alone: ratios to the bare primitives, hostile tokens, instructions
	@cmake --build build -j $(JOBS)
	@build/bench/bench_verify
	@build/bench/bench_hostile
	@$(PYTHON) tests/bench/instructions.py build

bench-builds: $(VENV)/built build-node/fastbearer.node ## What make dist made beside what this checkout's compiler makes
	@$(BIN)/python tests/bench/builds.py $(BENCH)

where: ## Where the time of one verification goes, a table a language; after make bench, with perf
	@$(PYTHON) tests/bench/where.py

# ---- proof -----------------------------------------------------------------------------------------------------------
define sanitized # build folder, compiler, sanitizers
	@cmake -S . -B $(1) -DCMAKE_C_COMPILER=$(2) -DCMAKE_BUILD_TYPE=Debug -DFB_SANITIZE=$(3) -DFB_TESTS=ON >/dev/null
	@cmake --build $(1) -j $(JOBS)
endef

sanitize: deps-clang ## The C tests, then the Python tests, under AddressSanitizer, LeakSanitizer and UBSan
	$(call sanitized,build-asan,$(CLANG),address$(comma)undefined)
	@$(SKIPPED) ctest --test-dir build-asan --output-on-failure -j $(JOBS)
	@tools/check/sanitized_python.sh

THREADED := threads cache key_source signature http_curl outage selection background resolving issuers replay request \
	proof_keys revocations stored_keys

tsan: deps-clang ## Threads, cache and key sets under ThreadSanitizer
	$(call sanitized,build-tsan,gcc,thread)
	@$(SKIPPED) ctest --test-dir build-tsan --output-on-failure -R '$(subst $(space),|,$(THREADED))'

valgrind: configure ## The C unit tests under memcheck
	@tools/setup/deps.sh valgrind
	@cmake --build build -j $(JOBS)
	@tools/check/valgrind.sh build/tests

analyze: deps-clang $(VENV)/lint ## gcc -fanalyzer, clang --analyze, clang-tidy; hardening of the built objects
	@tools/check/analyze.sh

coverage: deps-c deps-python ## Line and branch coverage of core/, and what is not covered
	@tools/check/coverage.sh

fuzz: deps-clang ## Every fuzz target for MINUTES (1) each, and the library beside a second verifier
	@$(MAKE) --no-print-directory $(VENV)/built
	@CLANG=$(CLANG) PYTHON=$(BIN)/python tests/fuzz/run.sh $(or $(MINUTES),1)

timing: configure ## Whether the time of an HMAC verification tells anything about tag or secret (after dudect)
	@cmake --build build -j $(JOBS) --target timing
	@build/timing/timing

soak: deps-python deps-node deps-redis ## A fleet for MINUTES (10): hostile tokens, rotations, revocations, outages
	@$(MAKE) --no-print-directory $(VENV)/built build-node/fastbearer.node
	@$(BIN)/python -c 'import fastmcp' 2>/dev/null || $(BIN)/python -m pip install --quiet fastmcp
	@node tests/node/hosts/setup.mjs
	@$(BIN)/python -m tests.soak $(or $(MINUTES),10)

# ---- what is published -----------------------------------------------------------------------------------------------
# By a Python of its own: the lock is TOML, which Python reads from 3.11 on.
DIST_TARGETS ?=

dist: ## All that is published, for every system, from pinned sources: DIST_TARGETS=linux-x64,...
	@tools/dist/deps.sh
	@$(PYTHON) -m tools.dist $(if $(DIST_TARGETS),--targets $(DIST_TARGETS))

dist-check: $(VENV)/built ## Compile for every system, link one and run it under an emulator; without a network: says so
	@$(SKIPPED) $(BIN)/python -m tools.dist.portable

$(VENV)/trial: $(BIN)/python tools/dist/trial/requirements.txt
	@$(PYTHON) -m venv build-dist-venv
	@build-dist-venv/bin/pip install --quiet --require-hashes --requirement tools/dist/trial/requirements.txt
	@touch $@

dist-test: $(VENV)/trial ## Install and run what make dist made on every system at hand or emulated
	@tools/dist/deps.sh test
	@tools/dist/trial/systems.sh
	@build-dist-venv/bin/pip install --quiet --force-reinstall --no-index --find-links dist fastbearer
	@build-dist-venv/bin/python -m tools.dist.trial dist

clean: ## Remove everything that was built or installed here
	rm -rf build build-* dist $(VENV) .cache *.egg-info python/*.egg-info
	rm -rf node_modules tests/node/hosts/node_modules examples/node/node_modules
	find python -name '*.so' -delete
