/* SPDX-License-Identifier: MIT */
/* Tables in memory for the sources of tests (fake_source.h). Without memory it aborts. */
#ifndef CRMFS_TESTS_FAKE_TABLE_H
#define CRMFS_TESTS_FAKE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backends/source/source.h"

/* Not 0: what this thread allocates is the test's, and no test of faults makes it fail.
 * Volatile: compilers know that allocating changes nothing else. */
extern _Thread_local volatile unsigned fake_source_allocates;

/* As assert, but also outside the thread that cmocka knows. */
#define must(condition) \
    ((condition) ? (void)0 : must_failed(__FILE__, __LINE__, __func__, #condition))
void must_failed(const char *file, int line, const char *function, const char *condition)
    __attribute__((noreturn));

struct fake_column {
    const char *name;
    enum column_type type;
    bool key; /* of the order key and the primary key; an integer first column can be split */
};

/* A table and its rows; counted. Once a source shows it, it is not changed any more. */
struct fake_table;

struct fake_table *fake_table_create(const char *name, const struct fake_column *columns,
                                     size_t column_count);
struct fake_table *fake_table_reference(struct fake_table *table);
void fake_table_release(struct fake_table *table); /* NULL is allowed */

/* Adds a row at the end; copied. Rows come in key order. */
void fake_table_add(struct fake_table *table, const struct cell *cells);

/* The table's rows FIRST … FIRST + COUNT - 1 that SKIP (may be NULL) does not name, as a new table.
 */
struct fake_table *fake_table_part(const struct fake_table *table, size_t first, size_t count,
                                   bool (*skip)(size_t row));

size_t fake_table_rows(const struct fake_table *table);
const struct cell *fake_table_row(const struct fake_table *table, size_t row);
struct schema *fake_table_schema(const struct fake_table *table); /* borrowed */

static inline struct cell cell_null(void)
{
    return (struct cell){.class = CELL_NULL};
}

static inline struct cell cell_of(enum cell_class class, const void *data, size_t size)
{
    return (struct cell){.class = class, .size = size, .data = data};
}

static inline struct cell cell_text(const char *text)
{
    return cell_of(CELL_TEXT, text, strlen(text));
}

static inline struct cell cell_number(const char *text)
{
    return cell_of(CELL_NUMBER, text, strlen(text));
}

/* A cell for NUMBER, written into TEXT. */
struct cell cell_integer(int64_t number, char text[24]);

/* Zeroed, and the test's own (above). */
void *fake_allocate(size_t size);

/* One block: the cells and then their bytes, up to its end. */
struct cell *fake_cells_copy(const struct cell *cells, size_t count, bool without_data);

#endif
