#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: tests/check.sh REPORT_DIR [PROGRAM...]
# Runs the cmocka PROGRAMs, then pytest over tests/ with $PYTEST_ARGS, files of tests beside one
# another ($CHECK_JOBS=2: most of them wait, for servers and for time to pass), and ends
# with one line for all of them: "N passed, N failed". What a sanitizer wrote
# about any process, a daemon too, counts as a failure.
set -u
report=$1
shift
passed=0 failed=0 skipped=0

rm -rf "$report"
mkdir -p "$report/sanitizer" || exit 1
chmod 1777 "$report/sanitizer" # daemons of other users report here too
report=$(cd "$report" && pwd)
for tool in ASAN UBSAN TSAN LSAN; do
    eval "export ${tool}_OPTIONS=\"\${${tool}_OPTIONS-}:log_path=$report/sanitizer/report\""
done

run_unit_test() {
    name=$(basename "$1")
    log=$report/$name.log
    CMOCKA_MESSAGE_OUTPUT=tap timeout "${UNIT_TIMEOUT:-300}" "$1" >"$log" 2>&1
    status=$?
    skips=$(grep -Ec '^(not )?ok [0-9]+ # SKIP' "$log")
    good=$(grep -E '^ok [0-9]' "$log" | grep -vc '# SKIP')
    bad=$(grep -E '^not ok [0-9]' "$log" | grep -vc '# SKIP')
    # A program that crashed, or that tested nothing, has failed, whatever it printed before.
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((good + skips)) -eq 0 ]; }; then
        bad=1
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
    if [ "$bad" -eq 0 ]; then
        printf 'ok   %s (%d)\n' "$name" "$good"
    else
        printf 'FAIL %s, status %d:\n' "$name" "$status"
        sed 's/^/    /' "$log"
    fi
}

# The named count in pytest's report.
pytest_count() {
    sed -n "s/.*<testsuite [^>]*[ ]$1=\"\([0-9]*\)\".*/\1/p" "$report/pytest.xml" | head -n 1
}

run_pytest() {
    # PYTEST_ARGS is a list of words.
    # shellcheck disable=SC2086
    "${PYTHON:-python3}" -m pytest -qq -rfE -p no:cacheprovider \
        --numprocesses="${CHECK_JOBS:-2}" --dist=loadfile \
        --junitxml="$report/pytest.xml" ${PYTEST_ARGS-} tests
    status=$?
    if [ ! -s "$report/pytest.xml" ] || [ "$status" -gt 1 ]; then
        printf 'FAIL pytest ended with status %d\n' "$status"
        failed=$((failed + 1))
    fi
    [ -s "$report/pytest.xml" ] || return
    bad=$(($(pytest_count failures) + $(pytest_count errors)))
    skips=$(pytest_count skipped)
    passed=$((passed + $(pytest_count tests) - bad - skips))
    failed=$((failed + bad)) skipped=$((skipped + skips))
}

for program; do
    run_unit_test "$program"
done
if [ -n "$(find tests -name 'test_*.py' | head -n 1)" ]; then
    run_pytest
fi
for finding in "$report"/sanitizer/report*; do
    [ -e "$finding" ] || continue
    printf 'FAIL %s:\n' "$finding"
    sed 's/^/    /' "$finding"
    failed=$((failed + 1))
done

[ "$skipped" -eq 0 ] || printf '%d skipped\n' "$skipped"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
