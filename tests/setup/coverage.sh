#!/usr/bin/env bash
# Line and branch coverage of core/src by the C tests, per file, then every line that no test reaches.
# Exit 1 below 95 % of the lines or 85 % of the branches.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build-coverage
cmake -S . -B $build -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS="--coverage -O0 -fno-inline" -DFB_BENCH=OFF \
    -DFB_INSTALL=OFF >/dev/null
cmake --build $build -j "$(nproc)" >/dev/null
find $build -name '*.gcda' -delete
ctest --test-dir $build -j "$(nproc)" >/dev/null || echo "some tests failed"
objects=$build/CMakeFiles/fastbearer_static.dir/core/src
python3 tests/setup/coverage.py "$objects"
