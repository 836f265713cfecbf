#!/usr/bin/env bash
# The shared library exports exactly what the header declares: check_exports.sh LIBRARY HEADER
set -euo pipefail
declared=$(sed -n '/^FB_API/,/;/p' "$2" | tr '\n' ' ' | grep -oE '\bfb_[a-z0-9_]+\(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$1" | awk '{print $3}' | sed 's/@.*//' | sort -u)
if [ "$declared" != "$exported" ]; then
    diff <(echo "$declared") <(echo "$exported") |
        sed 's/^</declared, not exported:/; s/^>/exported, not declared:/' >&2
    exit 1
fi
echo "$(echo "$exported" | wc -l) functions, each declared and exported"
