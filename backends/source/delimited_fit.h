/* SPDX-License-Identifier: MIT */
/* How well the beginning of a text goes with signs, and which delimiter that speaks for. */
#ifndef CRMFS_SOURCE_DELIMITED_FIT_H
#define CRMFS_SOURCE_DELIMITED_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/delimited.h"

struct delimited_fit {
    size_t columns; /* of the first record */
    size_t same;    /* records that have as many */
    size_t records;
    size_t quoted;     /* fields … */
    size_t tailed;     /* … and those that go on behind their quotes */
    size_t worded;     /* … that have letters and no quotes, but for those of the first record */
    size_t signs;      /* delimiters … */
    size_t prose;      /* … and those that stand as they do in a text, or in a number */
    size_t head_prose; /* … of the first record */
    bool doubled;      /* there are doubled quotes */
    bool odd;          /* there are escapes that no program writes */
    bool open;         /* the text ends within quotes */
    uint8_t rival;     /* a delimiter that would do as well; 0: none would */
};

struct delimited_fit delimited_fit_signs(struct delimited_signs signs, const uint8_t *at,
                                         const uint8_t *end, bool ended);

/*
 * The same with the delimiter that goes best with the text, unless WISH or the text says one.
 * SIGNS: the others; it gets that.
 */
struct delimited_fit delimited_fit_delimiters(const uint8_t *text, size_t size, bool ended,
                                              const struct dialect_wish *wish,
                                              struct delimited_signs *signs);

/* Whether all records are as the first, and no field goes on behind its quotes … */
bool delimited_fit_is_even(const struct delimited_fit *fit);

/* … and no escape is odd. */
bool delimited_fit_is_sound(const struct delimited_fit *fit);

#endif
