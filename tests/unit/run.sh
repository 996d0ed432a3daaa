#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: tests/unit/run.sh REPORT_DIR PROGRAM
# Runs one cmocka PROGRAM, for at most $UNIT_TIMEOUT=300 seconds: a line when it is well, all that it
# said when it is not. Leaves its output in REPORT_DIR/NAME.log, and in NAME.counts how many of its
# tests passed, failed and were skipped.
set -u
name=$(basename "$2")
log=$1/$name.log

CMOCKA_MESSAGE_OUTPUT=tap timeout "${UNIT_TIMEOUT:-300}" "$2" >"$log" 2>&1
status=$?
skips=$(grep -Ec '^(not )?ok [0-9]+ # SKIP' "$log")
good=$(grep -E '^ok [0-9]' "$log" | grep -vc '# SKIP')
bad=$(grep -E '^not ok [0-9]' "$log" | grep -vc '# SKIP')
# A program that crashed, or that tested nothing, has failed, whatever it printed before.
if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((good + skips)) -eq 0 ]; }; then
    bad=1
fi
echo "$good $bad $skips" >"$1/$name.counts"
if [ "$bad" -eq 0 ]; then
    printf 'ok   %s (%d)\n' "$name" "$good"
else
    printf 'FAIL %s, status %d:\n%s\n' "$name" "$status" "$(sed 's/^/    /' "$log")"
fi
