#!/usr/bin/env bash
# What a developer runs before each commit: format and lint, then the unit tests and vectors of what has been built,
# without what takes long. It needs neither a network nor a real server.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
bin=${BIN:-.venv/bin}
failed=0
slow="test_arithmetic or test_exit_and_fork or test_fetch or test_memory or test_process"
slow="$slow or test_supply_chain or test_tls or all_hashes_collide"
run() {
    "$@" || failed=1
}
nothing() { echo "not built, so not tested: $1" | tee -a "${FB_SKIPPED:-/dev/null}"; }

run tools/check/lint.sh
run "$bin/python" -m pytest -q tests/project
if grep -qs '^FB_TESTS:BOOL=ON' build/CMakeCache.txt; then
    run cmake --build build -j "$(nproc)" --target all >/dev/null
    run ctest --test-dir build --output-on-failure -j "$(nproc)" -LE slow --progress
else
    nothing "C (make test-c)"
fi
if [ -e .venv/built ]; then
    run make --no-print-directory .venv/built
    run "$bin/python" -m tests.vectors tests/vectors >/dev/null
    run "$bin/python" -m pytest -q tests/python --ignore tests/python/hosts \
        -k "not ($slow)"
else
    nothing "Python (make test-python)"
fi
if [ -e build-node/fastbearer.node ]; then
    run make --no-print-directory build-node/fastbearer.node
    run node tests/node/vectors.mjs tests/vectors >/dev/null
    run node --test --test-reporter=dot tests/node/{keypair,options,refresh,verifier}.test.mjs
else
    nothing "Node (make test-node)"
fi
exit $failed
