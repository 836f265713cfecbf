#!/usr/bin/env bash
# Builds what is published into dist/: wheel, source distribution and, where there is Node, the npm package; then an
# SPDX document for each. The time in all of them is that of the last commit, so that the same commit gives the same
# source distribution and npm package.
set -euo pipefail
cd "$(dirname "$0")/../.."
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
python=${PYTHON:-.venv/bin/python}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$copy"
rm -rf dist
mkdir -p dist
"$python" -m pip wheel --quiet --no-deps --wheel-dir dist "$copy"
sdist='import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])'
(cd "$copy" && "$OLDPWD/$python" -c "$sdist" "$OLDPWD/dist" >/dev/null)
if [ -f package.json ] && command -v npm >/dev/null; then
    tools/dist/npm_pack.sh "$copy" "$PWD/dist"
fi
python3 tools/dist/sbom.py dist/*
