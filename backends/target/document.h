/* SPDX-License-Identifier: MIT */
/*
 * JSON documents as databases keep them that keep values and not texts (PostgreSQL's jsonb, MySQL's
 * JSON): what two texts of the same value have in common, and what of a text such a column loses.
 */
#ifndef CRMFS_TARGET_DOCUMENT_H
#define CRMFS_TARGET_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"

struct document_traits {
    bool repeats; /* an object has two members of one name; the last is what counts */
    bool exceeds; /* a number is neither a whole one of 64 bits nor has it a double's digits */
};

/*
 * Appends the document's value: members in the order of their names, no blanks, numbers and strings
 * in the one form that each has. -EINVAL: TEXT is no document, or nested too deep; -ENOMEM, -EFBIG.
 */
int document_value(const char *text, size_t size, struct buffer *value,
                   struct document_traits *ret_traits);

#endif
