#!/usr/bin/env bash
# Installs what the given parts of the project need from the system: deps.sh [c] [python] [node] [tools]
# With apt-get and the right to use it the packages are installed; otherwise the line to run is printed, and the exit code is 1.
set -euo pipefail

missing=()
need() { # need PACKAGE TEST...: the package is missing when the test fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
have() { command -v "$1"; }
library() { pkg-config --exists "$1"; }

for part in "$@"; do
    case $part in
    c | python | node)
        need gcc have cc
        need libc6-dev test -e /usr/include/stdlib.h
        need pkg-config have pkg-config
        need libssl-dev library "libcrypto >= 3.0"
        need libjansson-dev library "jansson >= 2.13"
        ;;&
    c | python)
        need libcurl4-openssl-dev library "libcurl >= 7.85"
        ;;&
    c | node)
        need cmake have cmake
        need make have make
        ;;&
    c)
        need binutils have nm
        ;;
    python)
        need python3 have python3
        need python3-venv python3 -c 'import ensurepip, venv'
        need python3-dev python3 -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))'
        ;;
    node)
        need g++ have c++
        need nodejs have node
        need npm have npm
        ;;
    tools)
        need clang have clang
        need clang-format have clang-format
        need clang-tidy have clang-tidy
        need llvm have llvm-profdata
        need libclang-rt-14-dev test -n "$(compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a')"
        need valgrind have valgrind
        need lcov have lcov
        ;;
    *)
        echo "deps.sh: unknown part '$part'; known are c, python, node, tools" >&2
        exit 2
        ;;
    esac
done

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
run=()
if [ "$(id -u)" -ne 0 ]; then
    run=(sudo -n)
fi
if command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${run[@]}" apt-get update -qq
    "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
    echo "Some packages are missing. Please run:" >&2
    echo "    sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
