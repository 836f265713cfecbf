#!/usr/bin/env bash
# clang-tidy over the sources of the core. What was found clean is not looked at again until it, a header or the rules
# change: .cache/tidy has an empty file for each such state.
set -euo pipefail
cd "$(dirname "$0")/../.."
tidy=${CLANG_TIDY:-.venv/bin/clang-tidy}
flags=$(pkg-config --cflags libcrypto jansson libcurl)
mkdir -p .cache/tidy
common=$({
    "$tidy" --version
    cat .clang-tidy
    find core -name '*.h' -print0 | sort -z | xargs -0 cat
} | sha256sum)

check() { # check SOURCE STATE-OF-THE-REST
    local key said
    key=.cache/tidy/$({ echo "$2" && cat "$1"; } | sha256sum | cut -c1-32)
    [ ! -e "$key" ] || return 0
    # shellcheck disable=SC2086 # words
    if said=$("$TIDY" --quiet "$1" -- -std=c11 -D_GNU_SOURCE -Icore/include -Icore/src $FLAGS 2>&1); then
        touch "$key"
    else
        echo "$said"
        return 1
    fi
}
export -f check
export TIDY=$tidy FLAGS=$flags
grep '^core/' core/sources.txt | xargs -P "$(nproc)" -I{} bash -c 'check "$@"' check {} "$common"
