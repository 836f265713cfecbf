#!/usr/bin/env bash
# Line and branch coverage of core/src by the C tests, per file, then every line that no test reaches, with the reason
# that uncovered.txt gives for it. Exit 1 below 95 % of the lines or 85 % of the branches, and when a line has no
# reason.
set -euo pipefail
cd "$(dirname "$0")/../.."
build="build-coverage"
mkdir -p $build
gcc -O1 -c tools/check/coverage_exit.c -o $build/coverage_exit.o
cmake -S . -B $build -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DFB_TESTS=ON -DFB_INSTALL=OFF \
    -DCMAKE_C_FLAGS="--coverage -fprofile-update=atomic -O0 -fno-inline" \
    -DCMAKE_EXE_LINKER_FLAGS="-Wl,--wrap=_exit $PWD/$build/coverage_exit.o" >/dev/null
cmake --build $build -j "$(nproc)" >/dev/null
find $build -name '*.gcda' -delete
# Not "exports": the instrumentation exports symbols of its own.
failed=0
ctest --test-dir $build --output-on-failure -j "$(nproc)" -E '^exports$' >$build/ctest.log 2>&1 || failed=1
[ $failed -eq 0 ] || { tail -n 30 $build/ctest.log; echo "some tests failed; the figures are of what they reached"; }
python3 tools/check/coverage.py $build tools/check/uncovered.txt || failed=1
exit $failed
