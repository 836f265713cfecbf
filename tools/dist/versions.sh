#!/usr/bin/env bash
# Whether every place says this version: versions.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:?usage: versions.sh VERSION}
IFS=. read -r major minor patch <<<"$version"
failed=0
says() { # says FILE WHAT FOUND EXPECTED
    if [ "$3" != "$4" ]; then
        echo "$1 does not say $4 but \"$3\" ($2)" >&2
        failed=1
    fi
}
header=core/include/fastbearer.h
defined() { sed -n "s/^#define $1 //p" $header; }
says $header FB_VERSION "$(defined FB_VERSION)" "\"$version\""
says $header FB_VERSION_MAJOR "$(defined FB_VERSION_MAJOR)" "$major"
says $header FB_VERSION_MINOR "$(defined FB_VERSION_MINOR)" "$minor"
says $header FB_VERSION_PATCH "$(defined FB_VERSION_PATCH)" "$patch"
for file in package.json package-lock.json; do
    found=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' $file)
    says $file version "$found" "$version"
done
exit $failed
