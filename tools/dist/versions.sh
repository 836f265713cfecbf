#!/usr/bin/env bash
# Whether every place says this version: versions.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:?usage: versions.sh VERSION}
IFS=. read -r major minor patch <<<"$version"
failed=0
says() { # says FILE TEXT
    if ! grep -qF -- "$2" "$1"; then
        echo "$1 does not say $2" >&2
        failed=1
    fi
}
says core/include/fastbearer.h "#define FB_VERSION \"$version\""
says core/include/fastbearer.h "#define FB_VERSION_MAJOR $major"
says core/include/fastbearer.h "#define FB_VERSION_MINOR $minor"
says core/include/fastbearer.h "#define FB_VERSION_PATCH $patch"
says package.json "\"version\": \"$version\""
exit $failed
