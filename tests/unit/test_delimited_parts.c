/* SPDX-License-Identifier: MIT */
/* Tables of which several members of an archive hold a part each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "tests/unit/recording_taker.h"

struct part {
    const char *name;
    const char *text;
};

static void check_parts(const struct part *members, size_t count, bool series, const char *expected)
{
    struct recording_taker recording;

    recording_begin(&recording);

    struct delimited_parts *parts = delimited_parts_create(&recording.taker, series);

    for (size_t i = 0; i < count; i++) {
        struct memory_stream stream;
        struct dialect dialect;
        size_t size = strlen(members[i].text);
        struct failure failure = {0};

        assert_true(delimited_recognise(members[i].name, (const uint8_t *)members[i].text, size,
                                        true, NULL, &dialect));
        memory_stream_begin(&stream, members[i].text, size, 3);
        assert_int_equal(delimited_read(&stream.stream, &dialect, members[i].name, &recording.taker,
                                        parts, &failure),
                         0);
    }
    assert_int_equal(delimited_parts_end(parts), 0);
    assert_string_equal(recording_text(&recording), expected);
    delimited_parts_free(parts);
    recording_end(&recording);
}

#define CHECK_PARTS(series, expected, ...)                                            \
    do {                                                                              \
        const struct part members[] = {__VA_ARGS__};                                  \
        check_parts(members, sizeof members / sizeof *members, (series), (expected)); \
    } while (0)

static void test_numbered_parts(void **state)
{
    (void)state;
    CHECK_PARTS(false,
                "table 0 Contacts (a:text,b:text)\nrow 0 \"1|\"2\nchange 0 Contacts "
                "(a:text,b:text,c:text)\nrow 0 \"5|\"4|\"3\nrow 0 \"6|NULL|NULL\n",
                {"Data/Contacts_001.csv", "a,b\n1,2\n"},
                {"Data/Contacts_002.csv", "c,b,a\n3,4,5\n"}, {"Data/Contacts_003.csv", "a\n6\n"});
    CHECK_PARTS(false, "table 0 x-1 (a:text)\nrow 0 \"1\nchange 0 x (a:text)\nrow 0 \"2\n",
                {"x-1.csv", "a\n1\n"}, {"x-2.csv", "a\n2\n"});
    CHECK_PARTS(false,
                "table 0 hubspot-crm-exports-all-contacts-2024-01-15-1 (a:text)\nrow 0 \"1\n"
                "change 0 all-contacts (a:text)\nrow 0 \"2\n",
                {"hubspot-crm-exports-all-contacts-2024-01-15-1.csv", "a\n1\n"},
                {"hubspot-crm-exports-all-contacts-2024-01-15-2.csv", "a\n2\n"});
    CHECK_PARTS(false, "table 0 Deals (a:text)\nrow 0 \"1\n", {"Deals_001.csv", "a\n1\n"});
}

/* Other columns, other folders, years, months and dates make other tables. */
static void test_no_parts(void **state)
{
    (void)state;
    const char *apart = "table 0 %s (a:text)\nrow 0 \"1\ntable 1 %s (a:text)\nrow 1 \"2\n";
    static const char *const pairs[][2] = {
        {"r_2019.csv", "r_2020.csv"},
        {"r-2019-01.csv", "r-2019-02.csv"},
        {"r-2019-01-01.csv", "r-2019-01-02.csv"},
        {"v1.csv", "v2.csv"},
        {"1.csv", "2.csv"},
        {"x.csv", "x_1.csv"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char expected[300];
        char one[50];
        char other[50];

        snprintf(one, sizeof one, "%.*s", (int)strcspn(pairs[i][0], "."), pairs[i][0]);
        snprintf(other, sizeof other, "%.*s", (int)strcspn(pairs[i][1], "."), pairs[i][1]);
        snprintf(expected, sizeof expected, apart, one, other);
        CHECK_PARTS(false, expected, {pairs[i][0], "a\n1\n"}, {pairs[i][1], "a\n2\n"});
    }
    CHECK_PARTS(false, "table 0 x_1 (a:text)\nrow 0 \"1\ntable 1 x_2 (a:text)\nrow 1 \"2\n",
                {"p/x_1.csv", "a\n1\n"}, {"q/x_2.csv", "a\n2\n"});
    CHECK_PARTS(false,
                "table 0 x_1 (a:text,b:text)\nrow 0 \"1|\"2\n"
                "table 1 x_2 (a:text,c:text)\nrow 1 \"3|\"4\n",
                {"x_1.csv", "a,b\n1,2\n"}, {"x_2.csv", "a,c\n3,4\n"});
}

/* Whatever the order; a part whose columns are others is there as well. */
static void test_gaps(void **state)
{
    (void)state;
    CHECK_PARTS(
        false,
        "table 0 contacts-4 (a:text)\nrow 0 \"1\nchange 0 contacts (a:text)\nrow 0 \"2\n"
        "row 0 \"3\ntrouble table contacts: its part 3 is not there, though a later one is: "
        "rows may be missing\n",
        {"contacts-4.csv", "a\n1\n"}, {"contacts-1.csv", "a\n2\n"}, {"contacts-2.csv", "a\n3\n"});
    CHECK_PARTS(false,
                "table 0 Contacts (a:text)\nrow 0 \"1\ntrouble table Contacts: its part 1 is not "
                "there, though a later one is: rows may be missing\n",
                {"Contacts_002.csv", "a\n1\n"});
    CHECK_PARTS(false,
                "table 0 x_0 (a:text)\nrow 0 \"1\ntable 1 x_1 (b:text)\nrow 1 \"2\n"
                "change 0 x (a:text)\nrow 0 \"3\n",
                {"x_0.csv", "a\n1\n"}, {"x_1.csv", "b\n2\n"}, {"x_2.csv", "a\n3\n"});
    CHECK_PARTS(false,
                "table 0 x (a:text)\nrow 0 \"1\ntable 1 x_2 (a:text)\nrow 1 \"2\n"
                "change 1 x (a:text)\nrow 1 \"3\n",
                {"x.csv", "a\n1\n"}, {"x_2.csv", "a\n2\n"}, {"x_3.csv", "a\n3\n"});
}

static void test_series(void **state)
{
    (void)state;
    CHECK_PARTS(true,
                "table 0 Account (Id:text,Name:text)\nrow 0 \"1|\"A\ntable 1 Case_1 (Id:text)\n"
                "row 1 \"7\nchange 0 Account (Id:text,Name:text,City:text)\nrow 0 \"2|NULL|\"B\n",
                {"Account.csv", "Id,Name\n1,A\n"}, {"Case_1.csv", "Id\n7\n"},
                {"Account.csv", "Id,City\n2,B\n"});
}

static void test_missing_parts(void **state)
{
    (void)state;
    struct recording_taker recording;
    struct failure why = {0};
    struct memory_stream stream;
    struct dialect dialect;

    recording_begin(&recording);

    struct delimited_parts *parts = delimited_parts_create(&recording.taker, false);

    delimited_recognise("x_001.csv", (const uint8_t *)"a\n1\n", 4, true, NULL, &dialect);
    memory_stream_begin(&stream, "a\n1\n", 4, 3);
    assert_int_equal(
        delimited_read(&stream.stream, &dialect, "x_001.csv", &recording.taker, parts, NULL), 0);
    failure_set(&why, EIO, "damaged");
    assert_int_equal(delimited_parts_fail(parts, "y_001.csv", &why), 0);
    assert_int_equal(delimited_parts_fail(parts, "x_002.csv", &why), 0);
    failure_set(&why, EIO, "a part is missing");
    assert_int_equal(delimited_parts_fail(parts, NULL, &why), 0);
    assert_int_equal(delimited_parts_end(parts), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 x (a:text)\nrow 0 \"1\nfail 0 damaged\n"
                        "fail 0 a part is missing\n");
    delimited_parts_free(parts);
    recording_end(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbered_parts), cmocka_unit_test(test_no_parts),
        cmocka_unit_test(test_gaps),           cmocka_unit_test(test_series),
        cmocka_unit_test(test_missing_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
