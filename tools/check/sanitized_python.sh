#!/usr/bin/env bash
# The Python tests with the extension under AddressSanitizer and UBSan, in an environment of its own. Leaks are left
# to the C tests: the interpreter keeps much until it ends.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.cache/sanitized
[ -x $venv/bin/python ] || python3 -m venv $venv
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$copy"
$venv/bin/python -m pip install --quiet --require-hashes --requirement tools/setup/requirements.txt
CC=gcc CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1" \
    LDFLAGS="-fsanitize=address,undefined" \
    $venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall "$copy"
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc
# Left out: what measures memory, times itself, forks under load, builds packages or looks at the sources.
$venv/bin/python -m pytest -q "$copy/tests/python" --ignore "$copy/tests/python/hosts" \
    -k "not test_the_sources_are_what_the_table_says" --ignore "$copy/tests/python/test_process.py" \
    --ignore "$copy/tests/python/test_package.py" --ignore "$copy/tests/python/test_supply_chain.py" \
    --ignore "$copy/tests/python/test_release.py" -p no:cacheprovider
