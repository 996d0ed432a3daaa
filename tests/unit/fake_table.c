/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct fake_table {
    unsigned references; /* atomic */
    struct schema *schema;
    size_t row_count;
    size_t row_capacity;
    struct cell **rows; /* each with its bytes behind it */
};

void must_failed(const char *file, int line, const char *function, const char *condition)
{
    fprintf(stderr, "%s:%d: %s: not so: %s\n", file, line, function, condition);
    abort();
}

_Thread_local volatile unsigned fake_source_allocates;

void *fake_allocate(size_t size)
{
    void *memory;

    fake_source_allocates += 1;
    memory = calloc(1, size != 0 ? size : 1);
    fake_source_allocates -= 1;
    must(memory != NULL);
    return memory;
}

struct fake_table *fake_table_create(const char *name, const struct fake_column *columns,
                                     size_t column_count)
{
    struct fake_table *table = fake_allocate(sizeof *table);
    struct schema *schema = schema_create(name, column_count);
    size_t keys = 0;

    must(schema != NULL);
    table->references = 1;
    table->schema = schema;
    schema->primary_key = fake_allocate(column_count * sizeof *schema->primary_key);
    schema->order_key = fake_allocate(column_count * sizeof *schema->order_key);
    for (size_t i = 0; i < column_count; i++) {
        schema->columns[i].name = strdup(columns[i].name);
        schema->columns[i].type = columns[i].type;
        schema->columns[i].native_type = strdup(column_type_name(columns[i].type));
        if (!columns[i].key)
            continue;
        schema->columns[i].not_null = true;
        schema->primary_key[keys] = i;
        schema->order_key[keys++] = i;
    }
    schema->primary_key_count = keys;
    schema->order_key_count = keys;
    free(schema->ddl);
    must(asprintf(&schema->ddl, "CREATE TABLE %s (…);", name) > 0);
    return table;
}

struct fake_table *fake_table_reference(struct fake_table *table)
{
    __atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
    return table;
}

void fake_table_release(struct fake_table *table)
{
    if (table == NULL || __atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < table->row_count; i++)
        free(table->rows[i]);
    free(table->rows);
    schema_release(table->schema);
    free(table);
}

struct cell *fake_cells_copy(const struct cell *cells, size_t count, bool without_data)
{
    size_t size = count * sizeof *cells;

    for (size_t i = 0; i < count; i++) {
        if (!without_data || cells[i].size <= CELL_INLINE_BYTES)
            size += cells[i].size;
    }

    struct cell *copy = fake_allocate(size);
    uint8_t *bytes = (uint8_t *)(copy + count);

    for (size_t i = 0; i < count; i++) {
        copy[i] = cells[i];
        if (cells[i].size == 0)
            continue;
        if (without_data && cells[i].size > CELL_INLINE_BYTES) {
            copy[i].data = NULL;
            continue;
        }
        memcpy(bytes, cells[i].data, cells[i].size);
        copy[i].data = bytes;
        bytes += cells[i].size;
    }
    return copy;
}

void fake_table_add(struct fake_table *table, const struct cell *cells)
{
    if (table->row_count == table->row_capacity) {
        table->row_capacity = table->row_capacity == 0 ? 64 : table->row_capacity * 2;
        table->rows = realloc(table->rows, table->row_capacity * sizeof(struct cell *));
        must(table->rows != NULL);
    }
    table->rows[table->row_count++] = fake_cells_copy(cells, table->schema->column_count, false);
}

struct fake_table *fake_table_part(const struct fake_table *table, size_t first, size_t count,
                                   bool (*skip)(size_t row))
{
    struct fake_table *part = fake_allocate(sizeof *part);

    part->references = 1;
    part->schema = schema_reference(table->schema);
    for (size_t i = first; i < first + count; i++) {
        if (skip == NULL || !skip(i))
            fake_table_add(part, table->rows[i]);
    }
    return part;
}

size_t fake_table_rows(const struct fake_table *table)
{
    return table->row_count;
}

const struct cell *fake_table_row(const struct fake_table *table, size_t row)
{
    return table->rows[row];
}

struct schema *fake_table_schema(const struct fake_table *table)
{
    return table->schema;
}

struct cell cell_integer(int64_t number, char text[24])
{
    snprintf(text, 24, "%" PRId64, number);
    return cell_number(text);
}
