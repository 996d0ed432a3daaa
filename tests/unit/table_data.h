/* SPDX-License-Identifier: MIT */
/* Schemas, cells and groups for the tests of fs/table. Everything is asserted. */
#ifndef CRMFS_TESTS_TABLE_DATA_H
#define CRMFS_TESTS_TABLE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/table/format.h"
#include "fs/table/row_group.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A repeatable random number, and one below BOUND. */
uint64_t random_word(uint64_t *state);
size_t random_below(uint64_t *state, size_t bound);

/* Columns c0, c1, … of these types. */
struct schema *schema_of(size_t count, const enum column_type *types);
void name_column(struct schema *schema, size_t column, const char *name);

struct cell null_cell(void);
/* TEXT's bytes without its NUL; borrowed. */
struct cell cell_of(enum cell_class class, const char *text);
/* Borrowed bytes. */
struct cell cell_of_bytes(enum cell_class class, const void *bytes, size_t size);

/* A random cell of any class; its data is an exact allocation, for free_cells(). */
struct cell random_cell(uint64_t *state, enum column_type type);
struct cell *random_row(uint64_t *state, const struct schema *schema);
void free_cells(struct cell *cells, size_t count);

struct made_group {
    struct buffer encoded;
    struct row_group_measure measure;
};
/* ROWS times the schema's columns cells, as one group. */
struct made_group group_of(struct schema *schema, const struct cell *cells, size_t rows);
void release_group(struct made_group *group);

extern const enum column_type three_types[3]; /* integer, text, bytes */

/* Two rows of such columns: 1, "a,\n", NULL; 23, NULL, NULL. */
struct made_group group_of_two(struct schema *schema);

/* Up to three such columns, up to ROWS_MOST random rows, and the group that they make. */
struct random_table {
    struct schema *schema;
    struct cell *cells;
    size_t rows;
    struct made_group group;
};
struct random_table random_table(uint64_t *state, size_t rows_most);
void release_random_table(struct random_table *table);

/* The group rendered, from memory that ends where the group does. NUL-terminated; free(). */
char *rendered(struct schema *schema, enum table_format format, const struct made_group *group,
               bool last, size_t *ret_size);
/* The whole row cut into fragments, which are rendered one after another; sizes are checked. */
char *rendered_in_fragments(struct schema *schema, enum table_format format,
                            const struct cell *cells, bool without_data, size_t fragment_bytes,
                            bool last, size_t *ret_size);

#endif
