#!/usr/bin/env bash
# Runs a command, then says loudly what its tests left out for want of data or tools, with the count: skipped.sh
# COMMAND... The tests write a line for each into the file that FB_SKIPPED names. Within another skipped.sh that one
# reports.
set -uo pipefail
[ -z "${FB_SKIPPED:-}" ] || exec "$@"
FB_SKIPPED=$(mktemp)
export FB_SKIPPED
trap 'rm -f "$FB_SKIPPED"' EXIT
"$@"
status=$?
if [ -s "$FB_SKIPPED" ]; then
    echo
    echo "######## SKIPPED for want of data or tools: $(sort -u "$FB_SKIPPED" | wc -l) ########"
    sort -u "$FB_SKIPPED"
fi
exit $status
