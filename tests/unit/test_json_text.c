/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "fs/base/json_text.h"
#include "fs/base/utf8.h"

#define assert_json(text, expected) assert_json_bytes(text, sizeof(text) - 1, expected)

static void assert_json_bytes(const char *text, size_t size, const char *expected)
{
    cleanup_buffer struct buffer buffer = BUFFER(1000);

    assert_int_equal(json_text_append(&buffer, text, size), 0);
    assert_int_equal(buffer_append(&buffer, "", 1), 0);
    assert_string_equal((const char *)buffer.data, expected);
}

static void test_plain(void **state)
{
    (void)state;
    assert_json("", "\"\"");
    assert_json("contacts", "\"contacts\"");
    assert_json("/\x7f' \xc3\x85sa \xf0\x9f\x98\x80 \xe2\x80\xa8",
                "\"/\x7f' \xc3\x85sa \xf0\x9f\x98\x80 \xe2\x80\xa8\"");
}

static void test_escapes(void **state)
{
    (void)state;
    assert_json("\"\\\b\t\n\f\r", "\"\\\"\\\\\\b\\t\\n\\f\\r\"");
    assert_json("a\0b\x01\x1f", "\"a\\u0000b\\u0001\\u001f\"");
}

static void test_wrong_bytes(void **state)
{
    (void)state;
    assert_json("a\xff"
                "b",
                "\"a" UTF8_REPLACEMENT "b\"");
    /* A character cut short, an overlong form, a surrogate, above U+10FFFF. */
    assert_json("\xe2\x82", "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT "\"");
    assert_json("\xc0\xaf", "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT "\"");
    assert_json("\xed\xa0\x80", "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT "\"");
    assert_json("\xf4\x90\x80\x80",
                "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT "\"");
}

/* Any two bytes between others give a document that a strict parser takes. */
static void test_always_valid(void **state)
{
    (void)state;
    cleanup_buffer struct buffer buffer = BUFFER(1000);

    for (unsigned pair = 0; pair <= UINT16_MAX; pair++) {
        char text[] = {'x', (char)(pair >> 8), (char)pair, 'y'};
        json_t *value;

        buffer_clear(&buffer);
        assert_int_equal(json_text_append(&buffer, text, sizeof text), 0);
        value = json_loadb((const char *)buffer.data, buffer.size, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                           NULL);
        assert_true(json_is_string(value));
        assert_int_equal(json_string_value(value)[0], 'x');
        assert_int_equal(json_string_value(value)[json_string_length(value) - 1], 'y');
        json_decref(value);
    }
}

static void test_limit(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 10; limit++) {
        cleanup_buffer struct buffer buffer = BUFFER(limit);

        assert_int_equal(json_text_append(&buffer, "12\n34567", 8), -EFBIG);
    }
    cleanup_buffer struct buffer buffer = BUFFER(11);

    assert_int_equal(json_text_append(&buffer, "12\n34567", 8), 0);
}

static void test_utf8_character(void **state)
{
    (void)state;
    assert_int_equal(utf8_character("", 0), 0);
    assert_int_equal(utf8_character("\0", 1), 1);
    assert_int_equal(utf8_character("\x7f", 1), 1);
    assert_int_equal(utf8_character("\x80", 1), 0);
    assert_int_equal(utf8_character("\xc2\x80", 2), 2);
    assert_int_equal(utf8_character("\xc2\x80", 1), 0);
    assert_int_equal(utf8_character("\xc2\xc0", 2), 0);
    assert_int_equal(utf8_character("\xe0\x9f\xbf", 3), 0);
    assert_int_equal(utf8_character("\xe0\xa0\x80", 3), 3);
    assert_int_equal(utf8_character("\xed\x9f\xbf", 3), 3);
    assert_int_equal(utf8_character("\xee\x80\x80", 3), 3);
    assert_int_equal(utf8_character("\xf0\x8f\xbf\xbf", 4), 0);
    assert_int_equal(utf8_character("\xf0\x90\x80\x80", 4), 4);
    assert_int_equal(utf8_character("\xf4\x8f\xbf\xbf", 4), 4);
    assert_int_equal(utf8_character("\xf4\x8f\xbf\x7f", 4), 0);
    assert_int_equal(utf8_character("\xf5\x80\x80\x80", 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_wrong_bytes), cmocka_unit_test(test_always_valid),
        cmocka_unit_test(test_limit),       cmocka_unit_test(test_utf8_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
