/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/json_check.h"
#include "tests/unit/table_data.h"

enum answer { INVALID, VALID, DOLLAR };

static enum answer check_pieces(const char *text, size_t size, size_t split)
{
    struct json_check check;

    json_check_begin(&check);
    json_check_feed(&check, text, split);
    json_check_feed(&check, text + split, size - split);
    if (!json_check_end(&check))
        return INVALID;
    return check.dollar ? DOLLAR : VALID;
}

/* Whole, in two pieces wherever it is cut, and byte by byte. */
static void assert_answer(enum answer expected, const char *text, size_t size)
{
    struct json_check check;
    char *exact = malloc(size + 1);

    assert_non_null(exact);
    memcpy(exact, text, size);
    for (size_t split = 0; split <= size; split++)
        if (check_pieces(exact, size, split) != expected)
            fail_msg("not answered %d: %s", (int)expected, text);
    json_check_begin(&check);
    for (size_t i = 0; i < size; i++)
        json_check_feed(&check, exact + i, 1);
    assert_int_equal(json_check_end(&check), expected != INVALID);
    free(exact);
}

static void assert_answers(enum answer expected, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_answer(expected, texts[i], strlen(texts[i]));
}

/* clang-format off */
static const char *const valid_texts[] = {
    "null", "true", "false", "0", "-0", "1", "-1", "10", "1.0", "0.5", "-0.25", "1e1", "1E+1",
    "0e0", "1.5e-07", "12345678901234567890123456789", "\"\"", "\"a\"", "\"\\u0041\"",
    "\"\\ud800\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uAbCd\"", "\"\x7f\xff\"", "[]", "[1]",
    "[1,2]", "[[],{}]", "{}", "{\"\":0}", "{\"a\":{\"b\":[{\"c\":null}]}}", " \t\r\n0 \t\r\n",
    "{ \"a\" : 1 , \"$b\" : [ 2 , 3 ] }", "[{\"$a\":1}]", "\"$a\"", "[\"$a\"]", "{\"a$\":1}",
    "{\"a\":{\"$b\":1}}", "{\"\\u0025\":1}", "{\"\\u0023\\u0024\":1}",
    "{\"a longer key than sixteen bytes\":\"and a longer value than sixteen bytes \\\" ok\"}",
};
/* clang-format on */

static void test_valid(void **state)
{
    (void)state;
    assert_answers(VALID, valid_texts, COUNT_OF(valid_texts));
}

/* clang-format off */
static const char *const invalid_texts[] = {
    "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5",
    "1.e1", "1e", "1e+", "1e+-1", "0x1", "1 2", "--1", "1.2.3", "1e1e1", "1e1.5", "00", "\"",
    "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\n\"", "\"\t\"", "'a'", "a", "[", "]",
    "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", "{]", "{\"a\"", "{\"a\":",
    "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{1:1}",
    "{\"a\":,}", "{,}", "{\"a\"}", "[]]", "{}}", "[][]", "null null", "\"a\" \"b\"", "//",
    "[1]x", "\xef\xbb\xbfnull", "\f1", "\v1", "nu ll", "tru\"", "[\"a\":1]", "{\"a\":1:2}",
    "1,", ",1", ":",
};
/* clang-format on */

static void test_invalid(void **state)
{
    (void)state;
    assert_answers(INVALID, invalid_texts, COUNT_OF(invalid_texts));
    assert_answer(INVALID, "null\0", 5);
    assert_answer(INVALID, "\"\0\"", 3);
    assert_answer(INVALID, "\"\\\0\"", 4);
    assert_answer(INVALID, "tru\0", 4);
    assert_answer(INVALID, "\0", 1);
}

/* clang-format off */
static const char *const dollar_texts[] = {
    "{\"$\":1}",       "{\"$base64\":true}",  " { \"$text\" : 1 } ", "{\"$a\":{},\"b\":1}",
    "{\"\\u0024\":1}", "{\"\\u0024text\":1}", "{\"$\\n\":1}",        "{\"\\u00240\":1}",
};
/* clang-format on */

static void test_dollar(void **state)
{
    (void)state;
    assert_answers(DOLLAR, dollar_texts, COUNT_OF(dollar_texts));
}

static char *nested(size_t depth, bool objects)
{
    const char *open = objects ? "{\"a\":" : "[";
    char *text = calloc(depth + 2, strlen(open) + 1);
    char *at = text;

    assert_non_null(text);
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, open);
    if (objects)
        at = stpcpy(at, "0");
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, objects ? "}" : "]");
    return text;
}

static void test_depth(void **state)
{
    (void)state;
    for (int objects = 0; objects < 2; objects++) {
        for (size_t depth = 1; depth <= JSON_DEPTH_LIMIT + 9; depth += depth < 500 ? 7 : 1) {
            char *text = nested(depth, objects != 0);

            assert_int_equal(check_pieces(text, strlen(text), depth),
                             depth <= JSON_DEPTH_LIMIT ? VALID : INVALID);
            free(text);
        }
    }
}

/* Random texts of the bytes that JSON is made of, against jansson's opinion. */
static void test_random(void **state)
{
    static const char *const pieces[] = {"{",      "}",    "[",    "]",   ",",   ":", "\"a\"",
                                         "\"$b\"", "1",    "-1.5", "e",   "0",   " ", "n",
                                         "null",   "true", "\"",   "\\u", "00e", "."};
    uint64_t random = 3;
    size_t valid = 0;

    (void)state;
    for (int round = 0; round < 300000; round++) {
        char text[64];
        char *end = text;
        size_t count = 1 + random_below(&random, 7);

        for (size_t i = 0; i < count; i++)
            end = stpcpy(end, pieces[random_below(&random, COUNT_OF(pieces))]);

        json_t *document =
            json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
        bool good = check_pieces(text, strlen(text), strlen(text) / 2) != INVALID;

        if (good != (document != NULL))
            fail_msg("jansson says %d: %s", document != NULL, text);
        valid += good;
        json_decref(document);
    }
    assert_true(valid > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid), cmocka_unit_test(test_invalid), cmocka_unit_test(test_dollar),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
