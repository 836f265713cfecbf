#!/usr/bin/env bash
# Static analysis of core/src and the hardening of what a release build makes. Any finding fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t sources < <(grep '^core/' core/sources.txt)
read -ra libraries < <(pkg-config --cflags libcrypto jansson libcurl)
flags=(-std=c11 -D_GNU_SOURCE -Icore/include -Icore/src "${libraries[@]}")

failed=0
echo "gcc -fanalyzer"
for source in "${sources[@]}"; do
    # Over vector code it does not come to an end, nor over ed25519.c without; clang looks at these below.
    [ "$source" != core/src/arithmetic/ed25519/ed25519.c ] || continue
    gcc "${flags[@]}" -DFB_PORTABLE -O1 -fanalyzer -Werror -c "$source" -o /dev/null || failed=1
done
echo "clang --analyze"
# core.NullDereference looks at one file at a time and does not see that fb__reject returns the status it is given.
clang --analyze --analyzer-output text -Xclang -analyzer-werror \
    -Xclang -analyzer-disable-checker=core.NullDereference "${flags[@]}" "${sources[@]}" || failed=1
echo "clang-tidy"
tools/check/tidy.sh || failed=1

echo "hardening"
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build -j "$(nproc)" --target fastbearer >/dev/null
objects=(build/libfastbearer.so)
# The bindings, where they have been built: `make test` does.
for object in python/fastbearer/_native*.so node/*.node build-node/*.node node/prebuilds/*/*.node; do
    [ ! -e "$object" ] || objects+=("$object")
done
tools/check/hardening.sh "${objects[@]}" || failed=1
exit $failed
