#!/usr/bin/env bash
# Fuzzes: run.sh [MINUTES [TARGET...]], MINUTES for each target, as many at a time as there are processors. Corpora
# stay in build-fuzz/corpus and are gone on with by the next run; what is found lies in build-fuzz/found and makes the
# run fail. Put a finding into tests/fuzz/found/TARGET/ once it is understood, and `make test` replays it for ever.
# The target "differential" is differential.py: the library beside a second verifier in Python; what it finds becomes
# a case of tests/vectors.
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes=${1:-1}
shift || true
build="build-fuzz"
cmake -S . -B $build -DCMAKE_C_COMPILER="${CLANG:-clang}" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DFB_FUZZ=ON \
    -DFB_INSTALL=OFF -DFB_SANITIZE=fuzzer-no-link,address,undefined >/dev/null
cmake --build $build -j "$(nproc)" >/dev/null
python3 tests/fuzz/seeds.py $build/seeds
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        targets+=("$(basename "$source" .c)")
    done
    targets+=(differential)
fi

one() {
    local target=$1 build=$2 seconds=$3 status=0
    mkdir -p "$build/corpus/$target" "$build/found" "$build/log"
    if [ "$target" = differential ]; then
        "${PYTHON:-.venv/bin/python}" tests/fuzz/differential.py "$seconds" "$RANDOM" "$build/found" \
            >"$build/log/$target" 2>&1 || status=$?
        tail -n 1 "$build/log/$target"
        [ $status -eq 0 ] || echo "$target: found something, see $build/log/$target and $build/found"
        return $status
    fi
    local known=tests/fuzz/found/$target
    [ -d "$known" ] || known=
    # shellcheck disable=SC2086
    "$build/tests/fuzz/$target" "$build/corpus/$target" "$build/seeds/$target" $known \
        -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -max_len=8192 -use_value_profile=1 -dict=tests/fuzz/dictionary.txt \
        -artifact_prefix="$build/found/$target-" \
        -print_final_stats=1 >"$build/log/$target" 2>&1 || status=$?
    printf '%-16s %12s executions %6s a second, %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$target")" \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$build/log/$target")" \
        "$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$build/log/$target" | tail -n 1)"
    [ $status -eq 0 ] || {
        echo "$target: found something, see $build/log/$target and $build/found"
        grep -E 'ERROR|does not hold' "$build/log/$target" | head -n 3
    }
    return $status
}
export -f one
printf '%s\n' "${targets[@]}" |
    xargs -P "$(nproc)" -I{} bash -c 'one "$@"' _ {} $build "$(awk "BEGIN { print int($minutes * 60) }")"
