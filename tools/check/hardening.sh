#!/usr/bin/env bash
# Inspects built shared objects (OpenSSF compiler guide): RELRO, BIND_NOW, no executable stack, no writable and
# executable segment, no text relocations, PIC, stack protector, fortified calls, control-flow protection, no run
# path, and that nothing but what is meant to be is exported: hardening.sh FILE...
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
    exported=$(nm -D --defined-only "$file" | awk '$2 ~ /[A-Z]/ && $2 != "A" { print $3 }')
    case $file in
    *.node) expected='napi_register_module_v1|node_api_module_get_api_version_v1' ;;
    */_native*) expected='PyInit__native' ;;
    *) expected='fb_[a-z0-9_]+' ;;
    esac
    check "$file" RELRO grep -q GNU_RELRO <<<"$program"
    check "$file" "BIND_NOW" grep -qE 'BIND_NOW|FLAGS.*NOW' <<<"$dynamic"
    check "$file" "a stack that is not executable" grep -qE 'GNU_STACK.*RW ' <<<"$program"
    check "$file" "the absence of segments to write and execute" \
        test -z "$(grep -E 'LOAD.* RWE ' <<<"$program" || true)"
    check "$file" "the absence of text relocations" test -z "$(grep TEXTREL <<<"$dynamic" || true)"
    check "$file" "position independence" grep -q 'DYN' <<<"$(readelf -hW "$file")"
    check "$file" "the stack protector" grep -q __stack_chk_fail <<<"$symbols"
    check "$file" "_FORTIFY_SOURCE" grep -qE '__[a-z]+_chk' <<<"$(grep -v stack_chk <<<"$symbols")"
    check "$file" "the absence of a run path" \
        test -z "$(grep -E 'RPATH|RUNPATH' <<<"$dynamic" | grep -v ORIGIN || true)"
    check "$file" "an export" test -n "$exported"
    check "$file" "the absence of other exports" test -z "$(grep -vxE "$expected" <<<"$exported" || true)"
    if [ "$(uname -m)" = x86_64 ]; then
        # The C runtime has a few.
        check "$file" "control-flow protection" test "$(objdump -d "$file" | grep -c endbr64)" -gt 50
    fi
done
[ $failed -eq 0 ] && echo "hardened: $*"
exit $failed
