/* SPDX-License-Identifier: MIT */
#include "tools/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/base/clock.h"

const char *amount_count(uint64_t count, char text[AMOUNT_SIZE])
{
    char digits[AMOUNT_SIZE];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        if (i != 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *amount_bytes(uint64_t bytes, char text[AMOUNT_SIZE])
{
    static const char units[] = "KMGTPE";
    uint64_t tenths = bytes; /* of the unit, once there is one */
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(text, AMOUNT_SIZE, "%" PRIu64 " B", bytes);
        return text;
    }
    for (; tenths >= UINT64_C(1024) * 1024; unit++)
        tenths /= 1024;
    tenths = tenths * 10 / 1024;
    snprintf(text, AMOUNT_SIZE, "%" PRIu64 ".%" PRIu64 " %ciB", tenths / 10, tenths % 10,
             units[unit]);
    return text;
}

const char *amount_time(uint64_t seconds, char text[AMOUNT_SIZE])
{
    if (seconds < 3600)
        snprintf(text, AMOUNT_SIZE, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    else
        snprintf(text, AMOUNT_SIZE, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
    return text;
}

const char *amount_utc(uint64_t time_ns, char text[AMOUNT_SIZE])
{
    _Static_assert(AMOUNT_SIZE >= CLOCK_TEXT_SIZE, "a time fits");
    return clock_text((time_t)(time_ns / NS_PER_SECOND), text);
}
