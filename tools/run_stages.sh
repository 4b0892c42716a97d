#!/usr/bin/env bash
# Runs make targets one after the other, all of them even when one fails, and says at the end how long each took
# and which failed.
#
#   tools/run_stages.sh TARGET...
set -uo pipefail
cd "$(dirname "$0")/.."

summary=() failed=0 began=$SECONDS
for stage in "$@"; do
    printf '\n=== %s\n' "$stage"
    start=${EPOCHREALTIME/[.,]/}
    if "${MAKE:-make}" --no-print-directory "$stage"; then result=ok; else result=FAILED failed=1; fi
    took=$((${EPOCHREALTIME/[.,]/} - start))
    summary+=("$(printf '%-14s %7d.%d s  %s' "$stage" $((took / 1000000)) $((took / 100000 % 10)) "$result")")
done

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
printf '%-14s %7d   s\n' all $((SECONDS - began))
exit "$failed"
