#!/bin/sh
# Runs the suites with the C runner, and proves that the runner notices what it should: a wrong expectation, an unusable
# case and a file that is none each make it fail.
set -eu
runner=$1 suites=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$runner" "$suites" >"$scratch/out" 2>"$scratch/err" || { cat "$scratch/err"; exit 1; }
tail -n 1 "$scratch/err"
[ "$(wc -l <"$scratch/out")" -ge 3500 ] || { echo "fewer cases than there should be"; exit 1; }

must_fail() {
    printf '%s\n' "$2" >"$scratch/case.jsonl"
    if "$runner" "$scratch/case.jsonl" >"$scratch/out" 2>/dev/null; then
        echo "the runner does not notice: $1"
        exit 1
    fi
    grep -q "\"verdict\":\"$3\"" "$scratch/out" || { echo "not $3: $1"; cat "$scratch/out"; exit 1; }
}
secret='"secret":"0123456789abcdef0123456789abcdef"'
must_fail "accept expected" "{\"id\":\"a\",\"token\":\"x\",\"config\":{$secret},\"now\":1,\"expect\":\"accept\"}" reject
code='"expect":"reject","code":"exp_missing"'
must_fail "another code" "{\"id\":\"a\",\"token\":\"x\",\"config\":{$secret},\"now\":1,$code}" reject
must_fail "unknown option" \
    "{\"id\":\"a\",\"token\":\"x\",\"config\":{$secret,\"isuer\":\"x\"},\"now\":1,\"expect\":\"reject\"}" error
must_fail "no token" "{\"id\":\"a\",\"config\":{$secret},\"now\":1,\"expect\":\"reject\"}" error
must_fail "unknown member of a case" \
    "{\"id\":\"a\",\"token\":\"x\",\"config\":{$secret},\"now\":1,\"expect\":\"reject\",\"clams\":{}}" error
issuers="{\"issuers\":[{$secret,\"leeway\":1}]}"
must_fail "unknown option of an issuer" \
    "{\"id\":\"a\",\"token\":\"x\",\"config\":$issuers,\"now\":1,\"expect\":\"reject\"}" error
step='"token":"x","now":1'
must_fail "another code of a step" \
    "{\"id\":\"a\",\"config\":{$secret},\"steps\":[{$step,\"expect\":\"reject\"},{$step,$code}]}" steps
must_fail "unknown member of a step" \
    "{\"id\":\"a\",\"config\":{$secret},\"steps\":[{$step,\"expect\":\"reject\",\"x\":1}]}" error
must_fail "a sequence without steps" "{\"id\":\"a\",\"config\":{$secret},\"steps\":[]}" error
must_fail "no JSON" "{\"id\":" error
if "$runner" "$scratch/missing.json" >/dev/null 2>&1; then
    echo "the runner does not notice a missing file"
    exit 1
fi
