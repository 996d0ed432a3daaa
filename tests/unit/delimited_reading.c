/* SPDX-License-Identifier: MIT */
#include "tests/unit/delimited_reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int read_delimited(struct recorded_reading *reading, const char *name,
                   const struct dialect_wish *wish)
{
    struct dialect dialect;

    assert_true(delimited_recognise(name, (const uint8_t *)reading->from.bytes, reading->from.size,
                                    true, wish, &dialect));
    return delimited_read(&reading->from.stream, &dialect, name, &reading->into.taker, NULL,
                          &reading->failure);
}

void check_delimited_sized(const char *name, const char *text, size_t size, const char *expected)
{
    static const size_t steps[] = {1, 3, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, text, size, steps[i]);
        assert_int_equal(read_delimited(&reading, name, NULL), 0);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

void check_delimited(const char *text, const char *expected)
{
    check_delimited_sized("a/t.csv", text, strlen(text), expected);
}

void check_delimited_wish(const char *text, const char *const *options, const char *expected)
{
    struct dialect_wish wish = {.quote_given = false};
    struct recorded_reading reading;

    for (; *options != NULL; options += 2)
        assert_int_equal(delimited_option(&wish, options[0], options[1], NULL), 1);
    recorded_reading_begin(&reading, text, strlen(text), 2);
    assert_int_equal(read_delimited(&reading, "t.csv", &wish), 0);
    assert_string_equal(recording_text(&reading.into), expected);
    recorded_reading_end(&reading);
}

void check_delimited_late(const char *begin, const char *rest, const char *expected)
{
    struct recorded_reading reading;
    struct dialect dialect;
    char text[200];

    snprintf(text, sizeof text, "%s%s", begin, rest);
    recorded_reading_begin(&reading, text, strlen(text), 7);
    assert_true(
        delimited_recognise("t.csv", (const uint8_t *)begin, strlen(begin), false, NULL, &dialect));
    assert_int_equal(delimited_read(&reading.from.stream, &dialect, "t.csv", &reading.into.taker,
                                    NULL, &reading.failure),
                     0);
    assert_string_equal(recording_text(&reading.into), expected);
    recorded_reading_end(&reading);
}
