#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: tests/check.sh REPORT_DIR [PROGRAM...]
# Runs the cmocka PROGRAMs, then pytest over tests/ with $PYTEST_ARGS, $CHECK_JOBS=2 programs beside
# one another, and two more files of tests, since these wait much for servers and clocks; and ends
# with one line for all of them: "N passed, N failed". What a sanitizer wrote about any process, a
# daemon too, counts as a failure.
set -u
report=$1
shift
jobs=${CHECK_JOBS:-2}
passed=0 failed=0 skipped=0

rm -rf "$report"
mkdir -p "$report/sanitizer" || exit 1
chmod 1777 "$report/sanitizer" # daemons of other users report here too
report=$(cd "$report" && pwd)
for tool in ASAN UBSAN TSAN LSAN; do
    eval "export ${tool}_OPTIONS=\"\${${tool}_OPTIONS-}:log_path=$report/sanitizer/report\""
done

# All PROGRAMs, as many at a time; each leaves its counts in $report.
run_unit_tests() {
    printf '%s\n' "$@" | xargs -n 1 -P "$jobs" sh tests/unit/run.sh "$report"
    for program; do
        counts=$report/$(basename "$program").counts
        if [ -s "$counts" ]; then
            read -r good bad skips <"$counts"
        else
            printf 'FAIL %s was not run\n' "$program"
            good=0 bad=1 skips=0
        fi
        passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
    done
}

# The named count in pytest's report.
pytest_count() {
    sed -n "s/.*<testsuite [^>]*[ ]$1=\"\([0-9]*\)\".*/\1/p" "$report/pytest.xml" | head -n 1
}

run_pytest() {
    # PYTEST_ARGS is a list of words.
    # shellcheck disable=SC2086
    "${PYTHON:-python3}" -m pytest -qq -rfE -p no:cacheprovider \
        --numprocesses="$((jobs + 2))" --dist=loadfile \
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

[ $# -eq 0 ] || run_unit_tests "$@"
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
