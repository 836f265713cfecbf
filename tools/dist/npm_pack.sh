#!/usr/bin/env bash
# npm_pack.sh FOLDER DEST: packs the npm package of a copy of the sources. npm sets times and owners itself, but takes
# the rights of the files as they lie there, which depend on who checked them out; so they are set first.
set -euo pipefail
chmod -R u=rwX,go=rX "$1"
cd "$1"
npm pack --silent --ignore-scripts --pack-destination "$2" >/dev/null
