#!/usr/bin/env bash
# Inspects built shared objects (OpenSSF compiler guide): RELRO, BIND_NOW, no executable stack, no text relocations, PIC, stack
# protector, fortified calls: hardening.sh FILE...
set -euo pipefail
failed=0
check() { # check FILE WHAT TEST...
    local file=$1 what=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        echo "$file: $what is missing" >&2
        failed=1
    fi
}
for file in "$@"; do
    program=$(readelf -lW "$file")
    dynamic=$(readelf -dW "$file")
    symbols=$(readelf --dyn-syms -W "$file")
    check "$file" RELRO grep -q GNU_RELRO <<<"$program"
    check "$file" "BIND_NOW" grep -qE 'BIND_NOW|FLAGS.*NOW' <<<"$dynamic"
    check "$file" "a stack that is not executable" grep -qE 'GNU_STACK.*RW ' <<<"$program"
    check "$file" "the absence of text relocations" test -z "$(grep TEXTREL <<<"$dynamic" || true)"
    check "$file" "position independence" grep -q 'DYN' <<<"$(readelf -hW "$file")"
    check "$file" "the stack protector" grep -q __stack_chk_fail <<<"$symbols"
    check "$file" "_FORTIFY_SOURCE" grep -qE '__[a-z]+_chk' <<<"$(grep -v stack_chk <<<"$symbols")"
    check "$file" "the absence of a run path" test -z "$(grep -E 'RPATH|RUNPATH' <<<"$dynamic" | grep -v ORIGIN || true)"
done
[ $failed -eq 0 ] && echo "hardened: $*"
exit $failed
