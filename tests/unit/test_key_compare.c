/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/table/key_compare.h"

static int compare_terms(const struct key_term *term, const char *left, const char *right)
{
    struct key_rule rule = {1, term, false};
    struct cell one = {CELL_TEXT, strlen(left), left};
    struct cell other = {CELL_TEXT, strlen(right), right};

    return key_compare(&rule, &one, &other, NULL);
}

static int compare(enum key_order order, const char *left, const char *right, bool *ret_sure)
{
    struct key_term term = {.order = order};
    struct key_rule rule = {1, &term, false};
    struct cell one = {order == KEY_NUMBER ? CELL_NUMBER : CELL_TEXT, strlen(left), left};
    struct cell other = {order == KEY_NUMBER ? CELL_NUMBER : CELL_TEXT, strlen(right), right};

    return key_compare(&rule, &one, &other, ret_sure);
}

static void check_rising(enum key_order order, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int result = compare(order, texts[i], texts[j], NULL);

            assert_int_equal((result > 0) - (result < 0), (i > j) - (i < j));
        }
    }
}

static void test_orders(void **state)
{
    (void)state;
    static const char *const numbers[] = {"-1e300",
                                          "-18446744073709551615.5",
                                          "-10",
                                          "-9.5",
                                          "-9",
                                          "-0.001",
                                          "0",
                                          "0.0001",
                                          "0.01",
                                          "1",
                                          "2.5",
                                          "2.50001",
                                          "10",
                                          "100",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "1e30",
                                          "NaN"};
    static const char *const bytes[] = {"", "A", "B", "a", "aa", "\xc3\xa9"};
    static const char *const letters[] = {"", "-", "1", "A", "aa", "B", "b1", "c"};

    check_rising(KEY_NUMBER, numbers, sizeof numbers / sizeof *numbers);
    check_rising(KEY_BYTES, bytes, sizeof bytes / sizeof *bytes);
    check_rising(KEY_LETTERS, letters, sizeof letters / sizeof *letters);
    assert_int_equal(compare(KEY_NUMBER, "1.0", "01.00", NULL), 0);
    assert_int_equal(compare(KEY_NUMBER, "-0", "0.0", NULL), 0);
    assert_int_equal(compare(KEY_LETTERS, "aB", "Ab", NULL), 0);
    assert_int_equal(compare(KEY_NOCASE, "aB_", "Ab_", NULL), 0);
    assert_true(compare(KEY_NOCASE, "a_", "aB", NULL) < 0);
    assert_int_equal(compare(KEY_TRIMMED, "a  ", "a", NULL), 0);
}

/* Of what collations disagree nothing is said for sure. */
static void test_sureness(void **state)
{
    (void)state;
    bool sure;

    compare(KEY_LETTERS, "a-1", "a-2", &sure);
    assert_true(sure);
    compare(KEY_LETTERS, "a_", "ab", &sure);
    assert_false(sure);
    compare(KEY_LETTERS, "\xc3\xa9", "z", &sure);
    assert_false(sure);
    compare(KEY_LETTERS, "a ", "a", &sure);
    assert_false(sure);
}

static void check_terms(const struct key_term *term, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int result = compare_terms(term, texts[i], texts[j]);

            assert_int_equal((result > 0) - (result < 0), (i > j) - (i < j));
        }
    }
}

/* What is damaged makes no sense, but ends, and has an order of its own. */
static void check_damaged(const struct key_term *term, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            assert_int_equal(compare_terms(term, texts[i], texts[j]) < 0,
                             compare_terms(term, texts[j], texts[i]) > 0);
    }
}

static void test_addresses(void **state)
{
    static const struct key_term term = {.order = KEY_ADDRESS};
    static const char *const rising[] = {"0.0.0.0/0", "9.0.0.1",     "10.0.0.0/8", "10.0.0.1/8",
                                         "10.0.0.1",  "10.0.0.2/31", "10.0.0.2",   "::/0",
                                         "::1",       "fe80::/10"};

    (void)state;
    check_terms(&term, rising, sizeof rising / sizeof *rising);
    /* What is none stands behind them, by its bytes. */
    assert_true(compare_terms(&term, "10.0.0.0/33", "9.0.0.0") > 0);
    assert_true(compare_terms(&term, "", "fe80::/10") > 0);
    assert_true(compare_terms(&term, "", "10.0.0.0/33") < 0);
}

static void test_arrays(void **state)
{
    static const struct key_term numbers = {.order = KEY_NUMBER, .wraps = {KEY_ARRAY}};
    static const struct key_term bytes = {.order = KEY_BYTES, .wraps = {KEY_ARRAY}};
    static const char *const rising[] = {"{}",          "{-1,5}",   "[-1:0]={1,2}", "{1,2}",
                                         "[2:3]={1,2}", "{{1,2}}",  "{{1},{2}}",    "{9}",
                                         "{9,-3}",      "{9,NULL}", "{10}",         "{NULL}"};
    static const char *const texts[] = {"{\"NULL\"}",   "{a,b}", "{\"a b\"}",
                                        "{\"a\\\"z\"}", "{b}",   "{NULL}"};
    static const char *const damaged[] = {
        "", "{", "{\"", "{\"a\\", "[", "[-", "[9", "[99999999999999999999:2]={1", "}},{"};

    (void)state;
    check_terms(&numbers, rising, sizeof rising / sizeof *rising);
    check_terms(&bytes, texts, sizeof texts / sizeof *texts);
    check_damaged(&bytes, damaged, sizeof damaged / sizeof *damaged);
}

static void test_values(void **state)
{
    static const struct {
        struct key_term term;
        const char *rising[12];
    } kinds[] = {
        {{.order = KEY_MOMENT},
         {"-infinity", "0045-12-31 BC", "0044-03-14 23:00:00 BC", "0044-03-15 BC", "0001-01-01",
          "2024-02-03", "2024-02-03 10:00:00.05+00", "2024-02-03 10:00:00.5+00", "12024-01-01",
          "infinity", "", "2024"}},
        {{.order = KEY_ZONED_TIME},
         {"00:00:00+15", "10:00:00+00:00:30", "10:00:00+00", "09:00:00-01", "10:00:00.5+00",
          "24:00:00-15:59:59", "10", "10:00:00", "x"}},
        {{.order = KEY_INTERVAL},
         {"-infinity", "-1 years +2 mons", "-1 days", "-23:59:59", "-00:00:00.5", "00:00:00",
          "1 mon -30 days +00:00:01", "25:00:00", "1 mon", "31 days", "infinity", "1 x"}},
        {{.order = KEY_MONEY},
         {"-92233720368547758.08", "-$1,234.56", "($10.00)", "-$9.50", "$0.00", "9.50 EUR",
          "$10.00", "$92,233,720,368,547,758.07", "$92,233,720,368,547,758.08"}},
        {{.order = KEY_LOG_PLACE},
         {"0/0", "2/FF", "2/100", "A/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "", "/", "1"}},
        {{.order = KEY_NUMBER, .wraps = {KEY_RANGE}},
         {"empty", "(,5)", "(,5]", "(,)", "[9,10)", "(9,10)", "[10,)"}},
        {{.order = KEY_NUMBER, .wraps = {KEY_RANGE}},
         {"{}", "{[1,3)}", "{[1,3),[9,20)}", "{[1,3),[10,12)}", "{[1,4)}"}},
        {{.order = KEY_BYTES, .wraps = {KEY_ARRAY, KEY_RANGE}},
         {"{}", "{empty}", "{\"[\\\"a\\\"\\\"\\\",b)\"}", "{\"[\\\"a,\\\",b)\"}", "{\"[ab,b)\"}",
          "{\"[b,c)\",empty}", "{NULL}"}},
        {{.order = KEY_NUMBER, .wraps = {KEY_ARRAY, KEY_ARRAY}},
         {"{}", "{\"{9,10}\"}", "{\"{9,NULL}\"}", "{\"{10}\"}", "{NULL}"}},
    };
    static const char *const damaged[] = {"",      "[",       "(,",   "[\"",
                                          "[\"\\", "[\"\"\"", "{[1,", "{",
                                          "{\"",   "-",       ",",    "99999999999999999999-01-01"};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t count = 0;

        while (count < 12 && kinds[i].rising[count] != NULL)
            count++;
        check_terms(&kinds[i].term, kinds[i].rising, count);
        check_damaged(&kinds[i].term, damaged, sizeof damaged / sizeof *damaged);
    }
}

static void test_json(void **state)
{
    static const struct key_term bytes = {.order = KEY_JSON_BYTES};
    static const struct key_term letters = {.order = KEY_JSON};
    static const char *const rising[] = {"[]",
                                         "null",
                                         "\"\"",
                                         "\"\\u0001\"",
                                         "\"\\t\"",
                                         "\"B\"",
                                         "\"a\"",
                                         "\"a]\"",
                                         "-3",
                                         "9",
                                         "10",
                                         "false",
                                         "true",
                                         "[null]",
                                         "[9]",
                                         "[[]]",
                                         "[[1]]",
                                         "[[1, 2]]",
                                         "[{}]",
                                         "[1, 2]",
                                         "[[9, 1], 3]",
                                         "[[1, 2, 3], 1]",
                                         "[0, 0, 0]",
                                         "{}",
                                         "{\"a\": [9, 10]}",
                                         "{\"a\": [10, 9]}",
                                         "{\"b\": 0}",
                                         "{\"a\": 0, \"b\": 0}"};
    static const char *const damaged[] = {"",   "[",  "[[",    "{\"", "{\"a\\", "[,",    "]",
                                          "}}", "[}", "\"\\u", "1",   "[1,",    "[[[1]", ":"};

    (void)state;
    check_terms(&bytes, rising, sizeof rising / sizeof *rising);
    check_damaged(&bytes, damaged, sizeof damaged / sizeof *damaged);
    check_damaged(&letters, damaged, sizeof damaged / sizeof *damaged);
    assert_true(compare_terms(&letters, "[\"a\"]", "[\"B\"]") < 0);
}

static void test_labels(void **state)
{
    static const char *const rising[] = {"z", "it's", "a", "", "b", "zz"};
    struct key_term term = {.order = KEY_LABELS, .labels = key_labels_create()};

    (void)state;
    assert_non_null(term.labels);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(key_labels_add(term.labels, strdup(rising[i])), 0);
    key_labels_end(term.labels);
    /* What was not declared stands last. */
    check_terms(&term, rising, sizeof rising / sizeof *rising);
    term.wraps[0] = KEY_ARRAY;
    assert_true(compare_terms(&term, "{z,a}", "{a}") < 0);
    key_labels_release(term.labels);
}

static void test_classes(void **state)
{
    (void)state;
    struct cell cells[] = {
        {.class = CELL_NULL}, {CELL_NUMBER, 1, "9"}, {CELL_TEXT, 1, "1"}, {CELL_BYTES, 1, "0"}};
    struct key_term term = {.order = KEY_BYTES};
    struct key_rule first = {1, &term, false};
    struct key_rule last = {1, &term, true};

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(key_compare(&first, &cells[i], &cells[j], NULL), (i > j) - (i < j));
    }
    assert_true(key_compare(&last, &cells[0], &cells[1], NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),    cmocka_unit_test(test_sureness),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_json),
        cmocka_unit_test(test_labels),    cmocka_unit_test(test_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
