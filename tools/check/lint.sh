#!/usr/bin/env bash
# Format and lint of all sources, or with --fix: formats them, and mends what a linter can mend: lint.sh [--fix]
# [PATH...] The tools come by version from tools/setup/lint.txt and package-lock.json.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
bin=${BIN:-.venv/bin}
fix=
if [ "${1:-}" = --fix ]; then
    fix=yes
    shift
fi
failed=0
run() { # run WHAT COMMAND...
    local what=$1
    shift
    "$@" || { echo "$what: see above" >&2; failed=1; }
}
files() { # files PATTERN... of those below the given paths
    git ls-files --cached --others --exclude-standard -- "${paths[@]:-.}" | grep -E "$1" |
        while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}
paths=("$@")
mapfile -t python < <(files '\.pyi?$')
mapfile -t c < <(files '\.(c|h|cc)$')
mapfile -t js < <(files '\.[cm][jt]s$')
mapfile -t shell < <(files '\.sh$|^\.ci/run$')

if [ ${#python[@]} -ne 0 ]; then
    run "ruff check" "$bin/ruff" check --quiet ${fix:+--fix} --force-exclude "${python[@]}"
    if [ -n "$fix" ]; then
        run "ruff format" "$bin/ruff" format --quiet --force-exclude "${python[@]}"
    else
        run "ruff format" "$bin/ruff" format --quiet --check --force-exclude "${python[@]}"
    fi
fi
if [ ${#c[@]} -ne 0 ]; then
    if [ -n "$fix" ]; then
        run "clang-format" "$bin/clang-format" -i "${c[@]}"
    else
        run "clang-format" "$bin/clang-format" --dry-run -Werror "${c[@]}"
    fi
fi
if [ ${#js[@]} -ne 0 ]; then
    if [ -x node_modules/.bin/biome ]; then
        run "biome" node_modules/.bin/biome check ${fix:+--write} --no-errors-on-unmatched --max-diagnostics=200 \
            "${js[@]}"
    else
        echo "JavaScript and TypeScript are not looked at: npm ci installs biome" | tee -a "${FB_SKIPPED:-/dev/null}"
    fi
fi
if [ ${#shell[@]} -ne 0 ]; then
    run "shellcheck" "$bin/shellcheck" --severity=style "${shell[@]}"
fi
if [ -z "$fix" ]; then
    CLANG_TIDY=$bin/clang-tidy run "clang-tidy" tools/check/tidy.sh
fi
exit $failed
