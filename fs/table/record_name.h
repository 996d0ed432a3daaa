/* SPDX-License-Identifier: MIT */
/*
 * What a single row's file is called: by its key, as this folder's README says under "Records".
 * Two keys that differ, but in their class alone, have two names; a key that is NULL has none.
 */
#ifndef CRMFS_TABLE_RECORD_NAME_H
#define CRMFS_TABLE_RECORD_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/table/render.h"

/* A name without ".json" is no longer than this. */
#define RECORD_NAME_MOST 250

/* Bytes of a longer key are hashed, those of a larger one are not looked at. */
#define RECORD_KEY_LIMIT ((size_t)4 << 20)

/* The columns that tell a table's rows apart, borrowed from the schema. */
struct record_key {
    size_t count;
    const size_t *columns;
};

/* The primary key, or what the rows are ordered by; false: the table has neither. */
bool record_key_of(const struct schema *schema, struct record_key *ret_key);

/*
 * Appends the name of the row with the key CELLS (one a column of KEY), without an extension. 0,
 * -ENODATA: a cell is NULL, and the row has no name; -ENOMEM, -EFBIG.
 */
int record_name_append(const struct schema *schema, const struct record_key *key,
                       const struct cell_view *cells, struct buffer *name);

/*
 * Whether a row before this one may have its name: keys that differ in their class alone, which
 * only columns without a type can hold, have one name, and texts stand behind numbers.
 */
bool record_name_may_be_taken(const struct schema *schema, const struct record_key *key,
                              const struct cell_view *cells);

/*
 * Whether NAME is that of a key that was too long: it does not tell the key. (A key that looks so
 * by itself is taken for one of them: its row is found by the name of every row, as theirs are.)
 */
bool record_name_is_cut(const char *name);

/*
 * The key that has NAME: cells whose data stand in MEMORY (cleared first). A cell that may be a
 * number is one: text of the same digits has the same name. 0; -EINVAL: no key has it, or it was
 * cut; -ENOMEM.
 */
int record_name_parse(const struct schema *schema, const struct record_key *key, const char *name,
                      struct buffer *memory, struct cell *ret_cells);

#endif
