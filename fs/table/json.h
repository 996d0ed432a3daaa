/* SPDX-License-Identifier: MIT */
/*
 * NDJSON and JSON, by the rules of this folder's README. How a cell stands as a
 * value is said once, in json_forms; measuring and rendering both go by it.
 */
#ifndef CRMFS_TABLE_JSON_H
#define CRMFS_TABLE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/base64.h"
#include "fs/base/buffer.h"
#include "fs/table/format_plan.h"
#include "fs/table/row_group.h"
#include "fs/table/text_scan.h"

enum json_body {
    JSON_NOTHING,
    JSON_COPY,
    JSON_STRING,   /* escaped; a copy where the column's escapes flag is not set */
    JSON_DOCUMENT, /* LF and CR become spaces; a copy likewise */
    JSON_BASE64,
};

/* A value is its prefix, its body and its suffix. */
struct json_form {
    char prefix[32];
    char suffix[16];
    uint8_t prefix_size;
    uint8_t suffix_size;
    uint8_t body;
};

/* By [json column][kind]. */
extern const struct json_form json_forms[2][KIND_COUNT];

/* The bytes of a value. The traits are those of the cell's own bytes. */
static inline uint64_t json_value_size(const struct json_form *form, uint64_t size,
                                       const struct text_traits *traits)
{
    uint64_t around = (uint64_t)form->prefix_size + form->suffix_size;

    switch (form->body) {
    case JSON_NOTHING: return around;
    case JSON_STRING: return around + size + traits->json_growth;
    case JSON_BASE64: return around + base64_size(size);
    default: return around + size;
    }
}

/* Bytes of the key of column INDEX with what stands around it: {"id": or ,"name": */
size_t json_key_size(const char *name);
/* Appends them. 0, -ENOMEM, -EFBIG. */
int json_append_key(struct buffer *output, const char *name, bool first);

/*
 * Renders whole rows, and a fragment of one. ROW_END is what closes an object:
 * "}\n" or "},\n"; LAST_END what closes the last row's. 0, -ENOMEM, -EFBIG.
 */
int json_render_rows(const struct format_plan *plan, const struct row_group_view *view,
                     const char *row_end, const char *last_end, struct buffer *output);
int json_render_fragment(const struct format_plan *plan, const struct row_group_view *view,
                         const char *row_end, struct buffer *output);

#endif
