/* SPDX-License-Identifier: MIT */
/*
 * What the files of export_rows share:
 *
 *   export_rows  what all formats have in common
 *   export_csv   … as CSV has it
 *   export_json  … as JSON and NDJSON have it
 *   export_json_value  what stands behind a key
 *   export_cell  a field's or a value's class and bytes
 */
#ifndef CRMFS_SOURCE_EXPORT_INTERNAL_H
#define CRMFS_SOURCE_EXPORT_INTERNAL_H

#include "backends/source/export_rows.h"
#include "fs/base/buffer.h"
#include "fs/base/name_map.h"

#define NO_COLUMN SIZE_MAX

/* A field of a CSV record. */
struct export_field {
    size_t at; /* from the record's beginning, behind its quote */
    size_t size;
    bool quoted;
    bool doubled; /* holds doubled quotes */
};

struct json_member;

struct export_rows {
    struct export_options options;
    struct byte_window window;
    struct name_map *names; /* of the schema's columns, to indexes; of equal ones the first */
    bool begun;             /* the columns are known */
    bool ended;
    size_t count;    /* of the file's columns */
    size_t *columns; /* the schema's; room for all of them */
    size_t *places;  /* for each of the schema's columns, which of the file's; or NO_COLUMN */
    struct cell *cells;
    bool *given;                 /* in this row, by the file's columns */
    uint64_t line;               /* of the row that was taken last, or is being taken */
    uint64_t lines_passed;       /* behind the window's `at` */
    struct export_field *fields; /* CSV: of a record; room for one more than the schema's columns */
    struct json_member *members; /* JSON: of an object; the same */
    bool pending;                /* JSON: the first object has been looked at, and not given */
    bool compact;                /* JSON: the row is written without blanks */
    uint64_t rows;
    struct buffer decoded; /* strings without their escapes */
};

/* Words for what is wrong with the row in the making: "line 7: …". Returns -EINVAL. */
int export_refuse(const struct export_rows *rows, struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The schema's column of that name (SIZE bytes), added to the file's. -EINVAL: unknown, or given
 * before. */
int export_add_column(struct export_rows *rows, const void *name, size_t size,
                      struct failure *failure);

/* More of the file: about twice of what there is. 1, 0: that was all; -EFBIG in words, … */
int export_more(struct export_rows *rows, struct failure *failure);

/* Whether nothing comes behind what is there: 1, 0; or that is because the stream broke: -errno. */
int export_ended(const struct export_rows *rows, struct failure *failure);

/* Goes behind SIZE bytes. */
void export_pass(struct export_rows *rows, size_t size);

/* Where the window is at, and where it ends: nowhere before anything was read. */
static inline uint8_t *export_at(const struct export_rows *rows)
{
    return rows->window.data != NULL ? rows->window.data + rows->window.at : NULL;
}

static inline const uint8_t *export_end(const struct export_rows *rows)
{
    return rows->window.data != NULL ? rows->window.data + rows->window.end : NULL;
}

/* The line that the window is at. */
static inline uint64_t export_line(const struct export_rows *rows)
{
    return rows->lines_passed + 1;
}

/* ---- export_csv, export_json: as export_rows_columns and export_rows_next -------------------- */

int export_csv_begin(struct export_rows *rows, struct failure *failure);
int export_csv_next(struct export_rows *rows, struct failure *failure);
int export_json_begin(struct export_rows *rows, struct failure *failure);
int export_json_next(struct export_rows *rows, struct failure *failure);

/* ---- export_json_value: of the row at BASE ----------------------------------------------------
 */

struct json_piece;

/* Adds PIECE, a string, without escapes; *ret_at: where, in rows->decoded. 0 or -ENOMEM. */
int export_json_decode(struct export_rows *rows, const uint8_t *base,
                       const struct json_piece *piece, size_t *ret_at, size_t *ret_size);

/* The cell that MEMBER is, in the file's column PLACE. */
int export_json_value(struct export_rows *rows, const uint8_t *base, size_t place,
                      const struct json_member *member, struct cell *ret_cell,
                      struct failure *failure);

/* ---- export_cell: both decode TEXT (SIZE bytes) where it stands ------------------------------ */

/* A CSV field of the file's column INDEX, without its quotes. */
int export_csv_cell(const struct export_rows *rows, size_t index, bool quoted, uint8_t *text,
                    size_t size, struct cell *ret_cell, struct failure *failure);

/* Base64 within TEXT becomes the cell's data. */
int export_decode_base64(const struct export_rows *rows, size_t index, uint8_t *text, size_t size,
                         enum cell_class class, struct cell *ret_cell, struct failure *failure);

/* Whether it is a number as the formats write them; LEADING: zeros may stand before it. */
bool export_is_number(const uint8_t *text, size_t size, bool leading);
bool export_is_utf8(const uint8_t *text, size_t size);

#endif
