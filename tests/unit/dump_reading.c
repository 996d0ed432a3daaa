/* SPDX-License-Identifier: MIT */
#include "tests/unit/dump_reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "backends/source/dump.h"

int read_dump(struct recorded_reading *reading)
{
    enum text_set set;

    dump_recognise(reading->from.bytes, reading->from.size, &set);
    return dump_read(&reading->from.stream, set, reading->charset, &reading->into.taker,
                     &reading->failure);
}

void check_dump_sized(const char *dump, size_t size, const char *expected)
{
    static const size_t steps[] = {1, 7, 100, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, dump, size, steps[i]);
        assert_int_equal(read_dump(&reading), 0);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

void check_dump(const char *dump, const char *expected)
{
    check_dump_sized(dump, strlen(dump), expected);
}
