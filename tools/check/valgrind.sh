#!/usr/bin/env bash
# Runs the C unit tests under memcheck: valgrind.sh FOLDER. Those that only repeat millions of operations or depend on
# the scheduler are left to the sanitizers; they are named.
set -euo pipefail
failed=0
for program in "$1"/test_*; do
    name=$(basename "$program")
    case $name in
    test_cleanse | test_mutations | test_wycheproof | test_threads | test_http_curl | test_rsa | \
        test_p256* | test_ed25519 | test_token_cache)
        echo "left to the sanitizers: $name"
        continue
        ;;
    esac
    arguments=
    [ "$name" != test_alloc ] || arguments=own
    # shellcheck disable=SC2086
    status=0
    valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        --suppressions=tools/check/valgrind.supp \
        "$program" $arguments >/tmp/valgrind.$$ 2>&1 || status=$?
    case $status in
    0) echo "clean: $name" ;;
    77) echo "clean as far as it ran: $name" && grep SKIPPED /tmp/valgrind.$$ ;;
    *)
        cat /tmp/valgrind.$$
        echo "NOT clean: $name"
        failed=1
        ;;
    esac
done
rm -f /tmp/valgrind.$$
exit $failed
