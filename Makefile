# The one task runner. Everything it makes lies in build*/, .venv/ and .cache/; `make clean` removes all of that.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS := $(shell nproc)
MINUTES ?= 1
CLANG ?= clang

.DEFAULT_GOAL := help
.PHONY: help deps demo test test-c test-python test-matrix test-arithmetic test-portable sanitize tsan valgrind analyze coverage bench format check-format clean test-pythons types fuzz timing soak sbom bench-c where test-node

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

deps: ## Install what the C, Python and Node parts need from the system (or print the line to run)
	@tools/setup/deps.sh c python node

# ---- Python -----------------------------------------------------------------------------------------------------------
# The environment is remade when what goes into the extension changes.
PYTHON_INPUTS := setup.py pyproject.toml core/sources.txt $(wildcard core/src/*/* core/src/*/*/* core/include/* bindings/python/*)

.PHONY: deps-python deps-tools
deps-python:
	@tools/setup/deps.sh python

$(BIN)/python:
	@tools/setup/deps.sh python
	@$(PYTHON) -m venv $(VENV)

$(VENV)/built: $(BIN)/python $(PYTHON_INPUTS) tools/setup/requirements.txt
	@echo "building the Python extension"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tools/setup/requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: deps-python ## A real FastMCP server, guarded; a real client; refusals and a good call
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(BIN)/python -c 'import fastmcp' 2>/dev/null || $(BIN)/python -m pip install --quiet fastmcp
	@$(BIN)/python tests/python/hosts/demo.py

# ---- Node -------------------------------------------------------------------------------------------------------------
NODE_INPUTS := package.json CMakeLists.txt core/sources.txt $(wildcard core/src/*/* core/src/*/*/* core/include/* bindings/node/*)

.PHONY: deps-node demo-node
deps-node:
	@tools/setup/deps.sh node

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null

build-node/fastbearer.node: node_modules/.package-lock.json $(NODE_INPUTS)
	@echo "building the Node addon"
	@npm run --silent build >/dev/null
	@touch $@

demo-node: deps-node ## The same for Node: an MCP server of the official SDK, guarded by a Verifier
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@node tests/node/hosts/setup.mjs
	@node tests/node/hosts/demo.mjs

# ---- tests ---------------------------------------------------------------------------------------------------------------
SKIPPED := tools/check/skipped.sh

test: deps vectors ## Every test there is
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(SKIPPED) $(MAKE) --no-print-directory test-c test-portable test-python test-node

.PHONY: vectors
vectors: ## Fetch published test vectors that are too large for this repository, with cargo
	@tools/setup/vectors.sh

build/CMakeCache.txt:
	@tools/setup/deps.sh c
	@cmake -S . -B build >/dev/null

test-c: build/CMakeCache.txt vectors ## C: unit tests, vectors, mutations, fuzz seeds
	@cmake --build build -j $(JOBS)
	@$(SKIPPED) ctest --test-dir build --output-on-failure -j $(JOBS)

PORTABLE := test_selection test_p256 test_ed25519 test_rsa test_signature test_rfc test_wycheproof

test-portable: build/CMakeCache.txt vectors ## The arithmetic without code for particular processors
	@cmake -S . -B build-portable -DFB_PORTABLE=ON -DFB_BENCH=OFF >/dev/null
	@cmake --build build-portable -j $(JOBS) --target $(PORTABLE)
	@$(SKIPPED) ctest --test-dir build-portable --output-on-failure -j $(JOBS) -R '^($(subst $(space),|,$(PORTABLE)))$$'

test-python: deps-python ## Python: binding, package, vectors, and the hosts in their own environments
	@$(MAKE) --no-print-directory $(VENV)/built
	@$(SKIPPED) $(BIN)/python -m pytest

test-node: deps-node deps-python build/CMakeCache.txt ## Node: addon, package, vectors and types, under Node 22 and 24 too; then the hosts
	@$(MAKE) --no-print-directory $(VENV)/built build-node/fastbearer.node
	@cmake --build build -j $(JOBS) --target fb_vectors
	@node --test tests/node/*.test.mjs
	@npm run --silent check
	@node tests/node/versions.mjs
	@node tests/node/hosts/setup.mjs
	@node --test tests/node/hosts/hosts.test.mjs

test-matrix: deps-python deps-node ## The host tests under every FastMCP, SDK and Node version, not only the usual ones
	@$(PYTHON) tests/python/hosts/matrix.py --all
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@for version in 22 24; do \
		echo "node $$version" && npm exec --yes --package=node@$$version -- \
			node --test --test-reporter=dot tests/node/hosts/hosts.test.mjs || exit 1; done

test-pythons: deps-python ## Build and test with every CPython on PATH and in pyenv, or those of PYTHONS=
	@$(PYTHON) tests/python/pythons.py $(PYTHONS)

types: deps-python ## mypy --strict, pyright --verifytypes and the stub against the extension, with every host at hand
	@$(PYTHON) tests/python/hosts/matrix.py types

test-arithmetic: build/CMakeCache.txt vectors ## A million good and a million bad signatures for each fast path, beside OpenSSL
	@cmake --build build -j $(JOBS)
	@for test in build/tests/test_rsa build/tests/test_p256 build/tests/test_ed25519; do \
		echo "$$(basename $$test)" && $(SKIPPED) $$test 1000000 || [ $$? -eq 77 ] || exit 1; done

bench: build/CMakeCache.txt ## Beside the bare primitives and the peers, C, Python, Node, and whole servers: BENCH="--rounds 9"
	@tools/setup/deps.sh c python node tools
	@cmake --build build -j $(JOBS)
	@$(MAKE) --no-print-directory build-node/fastbearer.node
	@$(PYTHON) tests/bench/run.py $(BENCH)

bench-c: build/CMakeCache.txt ## C alone: ratios to the bare primitives, hostile tokens, instructions
	@tools/setup/deps.sh c tools
	@cmake --build build -j $(JOBS)
	@build/bench/bench_verify
	@build/bench/bench_hostile
	@tests/bench/instructions.sh build

where: ## Where the time of one verification goes, a table a language; after make bench, with perf
	@$(PYTHON) tests/bench/where.py

# ---- proof ----------------------------------------------------------------------------------------------------------------
define sanitized # build folder, compiler, sanitizers
	@cmake -S . -B $(1) -DCMAKE_C_COMPILER=$(2) -DCMAKE_BUILD_TYPE=Debug -DFB_SANITIZE=$(3) -DFB_BENCH=OFF >/dev/null
	@cmake --build $(1) -j $(JOBS)
endef

sanitize: deps-tools ## The C tests, then the Python tests, under AddressSanitizer, LeakSanitizer and UBSan
	$(call sanitized,build-asan,$(CLANG),address$(comma)undefined)
	@$(SKIPPED) ctest --test-dir build-asan --output-on-failure -j $(JOBS)
	@tools/check/sanitized_python.sh

tsan: deps-tools ## Threads, cache and key sets under ThreadSanitizer
	$(call sanitized,build-tsan,gcc,thread)
	@ctest --test-dir build-tsan --output-on-failure -R 'threads|cache|key_source|signature|http_curl|outage|test_selection$$'

valgrind: deps-tools build/CMakeCache.txt ## The C unit tests under memcheck
	@cmake --build build -j $(JOBS)
	@tools/check/valgrind.sh build/tests

analyze: deps-tools ## gcc -fanalyzer, clang --analyze, clang-tidy; hardening of the built objects; banned functions
	@tools/check/analyze.sh

coverage: deps-tools ## Line and branch coverage of core/, and what is not covered
	@tools/check/coverage.sh

fuzz: deps-tools ## Every fuzz target for MINUTES (1) each, and the library beside a second verifier
	@$(MAKE) --no-print-directory $(VENV)/built
	@CLANG=$(CLANG) PYTHON=$(BIN)/python tests/fuzz/run.sh $(MINUTES)

timing: build/CMakeCache.txt ## Whether the time of an HMAC verification tells anything about tag or secret (after dudect)
	@cmake --build build -j $(JOBS) --target timing
	@build/timing/timing

soak: deps-python deps-node ## Real servers for MINUTES (1): good and hostile tokens, rotating keys, a provider that misbehaves
	@$(MAKE) --no-print-directory $(VENV)/built build-node/fastbearer.node
	@$(BIN)/python -c 'import fastmcp' 2>/dev/null || $(BIN)/python -m pip install --quiet fastmcp
	@node tests/node/hosts/setup.mjs
	@$(BIN)/python -m tests.soak $(MINUTES)

sbom: deps-python ## What is published, into dist/, with an SPDX document for each: wheel, source distribution, npm package
	@$(MAKE) --no-print-directory $(VENV)/built
	@PYTHON=$(BIN)/python tools/dist/artefacts.sh

deps-tools:
	@tools/setup/deps.sh c python tools

comma := ,
space := $() $()

format: ## Format the C sources
	@clang-format -i $$(git ls-files '*.c' '*.h' '*.cc')

check-format:
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h' '*.cc')

clean: ## Remove everything that was built or installed here
	rm -rf build build-* dist $(VENV) .cache node_modules tests/node/hosts/node_modules *.egg-info python/*.egg-info
	find python -name '*.so' -delete
