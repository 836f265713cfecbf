#!/usr/bin/env bash
# What a developer runs before each commit: format and lint, then the unit tests and vectors of what has been built,
# without what takes long. It needs neither a network nor a real server. The parts run beside each other, and what they
# say is shown when all have ended.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
bin=${BIN:-.venv/bin}
slow="test_arithmetic or test_differential or test_exit_and_fork or test_fetch or test_memory or test_process"
slow="$slow or test_release or test_supply_chain or test_tls or all_hashes_collide"
real="test_identity_providers or test_a_provider_s or test_redis_store"
waiting="test_doctor or test_introspection or test_key_stores"
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
run() { "$@" || touch "$said/failed"; }
nothing() { echo "not built, so not tested: $1" | tee -a "${FB_SKIPPED:-/dev/null}"; }

sources() {
    run tools/check/lint.sh
    run "$bin/python" -m pytest -q tests/project
}

in_c() {
    if grep -qs '^FB_TESTS:BOOL=ON' build/CMakeCache.txt; then
        run cmake --build build -j "$(nproc)" --target all >/dev/null
        run ctest --test-dir build --output-on-failure -j "$(nproc)" -LE slow --progress
    else
        nothing "C (make test-c)"
    fi
}

in_python() {
    if [ -e .venv/built ]; then
        run "$bin/python" -m tests.vectors tests/vectors >/dev/null
        run "$bin/python" -m pytest -q tests/python --ignore tests/python/hosts -k "not ($slow or $real or $waiting)"
    else
        nothing "Python (make test-python)"
    fi
}

# Half of Python's time is waiting for servers that are slow on purpose, which costs nothing beside other tests.
in_python_waiting() {
    [ -e .venv/built ] || return
    run "$bin/python" -m pytest -q tests/python --ignore tests/python/hosts -k "($waiting) and not ($slow or $real)"
}

in_node() {
    if [ -e build-node/fastbearer.node ]; then
        run node tests/node/vectors.mjs tests/vectors >/dev/null
        run node --test --test-reporter=dot tests/node/{keypair,options,refresh,verifier}.test.mjs
    else
        nothing "Node (make test-node)"
    fi
}

# What is built is brought up to date before anything runs that could find it half done.
[ ! -e .venv/built ] || make --no-print-directory .venv/built || exit
[ ! -e build-node/fastbearer.node ] || make --no-print-directory build-node/fastbearer.node || exit
sources >"$said/1" 2>&1 &
in_c >"$said/2" 2>&1 &
in_python >"$said/3" 2>&1 &
in_python_waiting >"$said/4" 2>&1 &
in_node >"$said/5" 2>&1 &
wait
cat "$said"/[1-5]
[ ! -e "$said/failed" ]
