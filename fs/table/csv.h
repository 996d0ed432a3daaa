/* SPDX-License-Identifier: MIT */
/*
 * CSV, by the rules of this folder's README. How a cell stands in a field is said
 * once, in csv_forms; measuring and rendering both go by it.
 */
#ifndef CRMFS_TABLE_CSV_H
#define CRMFS_TABLE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fs/base/base64.h"
#include "fs/base/buffer.h"
#include "fs/table/format_plan.h"
#include "fs/table/row_group.h"
#include "fs/table/text_scan.h"

enum csv_body {
    CSV_NOTHING,
    CSV_COPY, /* never empty and never special */
    CSV_TEXT, /* quoted where it must be */
    CSV_BASE64,
};

/* A field is its prefix and its body; quotes stand around both. */
struct csv_form {
    char prefix[15];
    uint8_t prefix_size;
    uint8_t body;
};

/* By [bytes column][kind]. */
extern const struct csv_form csv_forms[2][KIND_COUNT];

#define CSV_RESERVED_LONGEST 12

/* Whether text would read as base64 in a plain column. */
static inline bool csv_text_reserved(const uint8_t *text, uint64_t size)
{
    if (size < 7 || (text[0] != 'b' && text[0] != 't'))
        return false;
    return memcmp(text, "base64:", 7) == 0 || (size >= 12 && memcmp(text, "text;base64:", 12) == 0);
}

/* The form of a cell that begins with TEXT (the first CSV_RESERVED_LONGEST bytes suffice). */
static inline const struct csv_form *csv_form_of(bool bytes_column, uint8_t kind,
                                                 const uint8_t *text, uint64_t size)
{
    const struct csv_form *form = &csv_forms[bytes_column][kind];

    if (form->body == CSV_TEXT && form->prefix_size == 0 && csv_text_reserved(text, size))
        return &csv_forms[bytes_column][KIND_RAW_TEXT];
    return form;
}

/* Whether the field of a cell of SIZE bytes is quoted. */
static inline bool csv_quoted(const struct csv_form *form, uint64_t size, bool special)
{
    if (form->body == CSV_NOTHING)
        return false;
    return (form->body == CSV_TEXT && special) || (form->prefix_size == 0 && size == 0);
}

/* The bytes of a field. The traits are those of the cell's own bytes. */
static inline uint64_t csv_field_size(const struct csv_form *form, uint64_t size,
                                      const struct text_traits *traits)
{
    uint64_t body = form->body == CSV_BASE64 ? base64_size(size) : size;
    uint64_t quotes = csv_quoted(form, size, traits->csv_special) ? 2 : 0;

    if (form->body == CSV_NOTHING)
        return 0;
    if (form->body == CSV_TEXT)
        quotes += traits->quotes;
    return form->prefix_size + body + quotes;
}

/* Appends the header line of SCHEMA. 0, -ENOMEM, -EFBIG. */
int csv_append_header(struct buffer *output, const struct schema *schema);

/* Renders whole rows, and a fragment of one. 0, -ENOMEM, -EFBIG. */
int csv_render_rows(const struct format_plan *plan, const struct row_group_view *view,
                    struct buffer *output);
int csv_render_fragment(const struct format_plan *plan, const struct row_group_view *view,
                        struct buffer *output);

#endif
