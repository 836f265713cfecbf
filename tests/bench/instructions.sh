#!/usr/bin/env bash
# Instructions of one verification without the signature primitive, by callgrind: the same on every run, so a
# regression shows. instructions.sh BUILD
set -euo pipefail
program=$1/bench/bench_verify
out=$(mktemp)
trap 'rm -f "$out"' EXIT
rounds=500
count() { # count FUNCTION ALGORITHM: instructions spent in it and below, per round
    valgrind --quiet --tool=callgrind --callgrind-out-file="$out" --collect-atstart=no \
        --toggle-collect="$1" "$program" --count "$2" plain $rounds >/dev/null 2>&1
    awk -v rounds=$rounds '/^(summary|totals):/ { total = $2 } END { printf "%d", total / rounds }' "$out"
}
for alg in RS256 ES256 EdDSA HS256; do
    whole=$(count fb_verify $alg)
    signature=$(count fb__signature_verify $alg)
    echo "$alg: $((whole - signature)) instructions beside the signature step ($whole in all)"
done
