#!/bin/sh
# Installs what make dist needs of Debian besides a Python; with "check" or "test", what make dist-check or make
# dist-test needs too: deps.sh [check|test]
set -eu
packages=
need() { # need PACKAGE COMMAND
    command -v "$2" >/dev/null || packages="$packages $1"
}
need cmake cmake
need make make
need perl perl
need patchelf patchelf
need llvm llvm-objcopy
need lld-19 ld64.lld-19
need gcc gcc
[ -e /usr/include/stdlib.h ] || need libc6-dev /usr/include/stdlib.h
need npm npm
if [ -n "${1:-}" ]; then
    need qemu-user-static qemu-aarch64-static
    need debootstrap debootstrap
fi
if [ "${1:-}" = test ]; then
    need musl-tools musl-gcc
    [ -x /usr/lib/wine/wine64 ] || need wine64 wine64
fi
if [ -n "$packages" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "Please run: apt-get install$packages" >&2
        exit 1
    fi
    apt-get update -qq
    # shellcheck disable=SC2086 # several packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi
