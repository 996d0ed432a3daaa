/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/cell_kind.h"
#include "fs/table/csv.h"
#include "fs/table/json.h"
#include "fs/table/json_check.h"
#include "fs/table/row_group.h"
#include "fs/table/row_group_encode.h"
#include "fs/table/text_blocks.h"

#define FIRST_ROW_CAPACITY 16
#define FIRST_DATA_CAPACITY 64
/* A finished builder keeps no more memory than this for the cells of its next group. */
#define KEPT_DATA_CAPACITY (4 * ROW_GROUP_LARGEST_BYTES)

struct column_build {
    uint8_t *data;     /* the part's, with room for more */
    uint32_t capacity; /* of data; slack included */
    bool bytes;
    bool json;
    bool plain;
};

struct row_group_builder {
    struct schema *schema;
    uint32_t column_count;
    struct column_part *parts; /* their kinds and lengths point into row_memory */
    struct column_build *columns;
    void *row_memory;
    uint32_t row_capacity;
    size_t data_capacity; /* of all columns */
    uint64_t keys_size;   /* of a row in NDJSON, braces and line break included */
    /* The group so far: */
    uint32_t rows;
    size_t bytes;
    uint64_t csv_bytes;
    uint64_t ndjson_bytes;
};

struct row_group_builder *row_group_builder_create(struct schema *schema)
{
    struct row_group_builder *builder = calloc(1, sizeof(*builder));

    if (builder == NULL)
        return NULL;
    builder->schema = schema_reference(schema);
    builder->column_count = (uint32_t)schema->column_count;
    builder->parts = allocate_array(schema->column_count, sizeof(struct column_part));
    builder->columns = allocate_array(schema->column_count, sizeof(struct column_build));
    if (builder->parts == NULL || builder->columns == NULL ||
        schema->column_count != builder->column_count) {
        row_group_builder_free(builder);
        return NULL;
    }
    builder->keys_size = sizeof("}\n") - 1;
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        struct column_build *build = &builder->columns[i];

        build->bytes = column->type == COLUMN_BYTES;
        build->json = column->type == COLUMN_JSON;
        build->plain = !build->bytes && !build->json;
        builder->keys_size += json_key_size(column->name);
    }
    return builder;
}

static void free_data(struct row_group_builder *builder)
{
    for (uint32_t i = 0; i < builder->column_count; i++) {
        free(builder->columns[i].data);
        builder->columns[i].data = NULL;
        builder->columns[i].capacity = 0;
    }
    builder->data_capacity = 0;
}

void row_group_builder_free(struct row_group_builder *builder)
{
    if (builder == NULL)
        return;
    if (builder->parts != NULL && builder->columns != NULL)
        free_data(builder);
    schema_release(builder->schema);
    free(builder->parts);
    free(builder->columns);
    free(builder->row_memory);
    free(builder);
}

size_t row_group_builder_bytes(const struct row_group_builder *builder)
{
    return builder->bytes;
}

uint32_t row_group_builder_rows(const struct row_group_builder *builder)
{
    return builder->rows;
}

/* All columns' lengths, then all columns' kinds, in one block. */
static int grow_rows(struct row_group_builder *builder)
{
    uint32_t capacity = builder->row_capacity == 0 ? FIRST_ROW_CAPACITY : builder->row_capacity * 2;
    size_t cells = (size_t)capacity * builder->column_count;
    uint32_t *lengths = malloc(cells * (sizeof(uint32_t) + 1));

    if (lengths == NULL)
        return -ENOMEM;

    uint8_t *kinds = (uint8_t *)(lengths + cells);

    for (uint32_t i = 0; i < builder->column_count; i++) {
        struct column_part *part = &builder->parts[i];

        if (builder->rows != 0) {
            memcpy(lengths, part->lengths, builder->rows * sizeof(uint32_t));
            memcpy(kinds, part->kinds, builder->rows);
        }
        part->lengths = lengths;
        part->kinds = kinds;
        lengths += capacity;
        kinds += capacity;
    }
    free(builder->row_memory);
    builder->row_memory = builder->parts[0].lengths;
    builder->row_capacity = capacity;
    return 0;
}

/* Room for SIZE bytes more in a column, and slack. */
__attribute__((noinline)) static int grow_data(struct row_group_builder *builder, uint32_t index,
                                               size_t size)
{
    struct column_part *part = &builder->parts[index];
    struct column_build *column = &builder->columns[index];
    size_t needed = part->data_size + size + BLOCK_SLACK;
    size_t capacity =
        column->capacity < FIRST_DATA_CAPACITY ? FIRST_DATA_CAPACITY : (size_t)column->capacity * 2;

    if (capacity < needed)
        capacity = needed;

    uint8_t *data = realloc(column->data, capacity);

    if (data == NULL)
        return -ENOMEM;
    builder->data_capacity += capacity - column->capacity;
    column->data = data;
    part->data = data;
    column->capacity = (uint32_t)capacity;
    return 0;
}

static uint8_t json_column_kind(const uint8_t *text, size_t size)
{
    struct json_check check;

    json_check_begin(&check);
    json_check_feed(&check, text, size);
    return json_check_unmistakable(&check) ? KIND_DOCUMENT : KIND_TEXT;
}

static bool has_line_breaks(const uint8_t *text, size_t size)
{
    return memchr(text, '\n', size) != NULL || memchr(text, '\r', size) != NULL;
}

/* What a cell, which is at most ROW_GROUP_LARGEST_BYTES, is in the formats. */
struct added {
    uint32_t csv_bytes;
    uint32_t ndjson_bytes;
    uint8_t kind; /* and marks */
};

/* Copies a cell of any kind to DATA, padded, and studies it. */
__attribute__((noinline)) static struct added add_any(const struct column_build *column,
                                                      enum cell_class class, uint8_t *data,
                                                      const uint8_t *from, size_t size)
{
    struct text_traits traits = {0};
    uint8_t kind = KIND_NULL;

    text_copy_scan(&traits, data, from, size);
    switch (class) {
    case CELL_NULL: break;
    case CELL_BYTES: kind = KIND_BYTES; break;
    case CELL_NUMBER: kind = number_kind(data, size); break;
    case CELL_BOOLEAN: kind = boolean_kind(data, size); break;
    case CELL_TEXT:
        if (traits.high && !utf8_valid_padded(data, size))
            kind = KIND_RAW_TEXT;
        else
            kind = column->json ? json_column_kind(data, size) : KIND_TEXT;
    }

    const struct json_form *json = &json_forms[column->json][kind];
    uint64_t csv_size = csv_field_size(csv_form_of(column->bytes, kind, data, size), size, &traits);
    bool escapes = json->body == JSON_DOCUMENT
                       ? has_line_breaks(data, size)
                       : json->body == JSON_STRING && traits.json_growth != 0;

    return (struct added){
        .csv_bytes = (uint32_t)csv_size,
        .ndjson_bytes = (uint32_t)json_value_size(json, size, &traits),
        .kind =
            (uint8_t)(kind | (csv_size != size ? CELL_QUOTES : 0) | (escapes ? CELL_ESCAPES : 0)),
    };
}

/* Whether text of 1 to 2 * BLOCK_SIZE - 1 bytes needs nothing; if so it is copied. */
static inline bool copy_if_plain(uint8_t *data, const uint8_t *from, size_t size)
{
    if (csv_text_reserved(from, size))
        return false;
    if (size < BLOCK_SIZE) {
        block bytes = block_load_short(from, size);

        block_store(data, bytes);
        return (block_remarkable(bytes) & block_first(size)) == 0;
    }
    block first = block_load(from);
    block last = block_load(from + size - BLOCK_SIZE);

    block_store(data, first);
    block_store(data + size - BLOCK_SIZE, last);
    return (block_remarkable(first) | block_remarkable(last)) == 0;
}

/* The same in short for most cells: NULLs and those of few bytes that need nothing. */
static inline struct added add_cell(const struct column_build *column, enum cell_class class,
                                    uint8_t *data, const uint8_t *from, uint32_t size)
{
    if (class == CELL_NULL)
        return (struct added){0, sizeof("null") - 1, KIND_NULL};
    if (class == CELL_NUMBER && column->plain && size < BLOCK_SIZE &&
        number_kind(from, size) == KIND_NUMBER) {
        block_store(data, block_load_short(from, size));
        return (struct added){size, size, KIND_NUMBER};
    }
    if (class == CELL_TEXT && column->plain && size - 1 < 2 * BLOCK_SIZE - 1 &&
        copy_if_plain(data, from, size))
        return (struct added){size, size + 2, KIND_TEXT};
    return add_any(column, class, data, from, size);
}

/* Adds cells to all columns, or says why not after ret_added of them. */
static int add_cells(struct row_group_builder *builder, const struct cell *cells,
                     struct row_group_measure *measure, uint32_t *ret_added)
{
    uint64_t csv_bytes = 0;
    uint64_t ndjson_bytes = 0;
    struct column_part *parts = builder->parts;
    struct column_build *columns = builder->columns;
    uint32_t count = builder->column_count;
    uint32_t row = builder->rows;
    size_t room = ROW_GROUP_LARGEST_BYTES - builder->bytes;
    uint32_t i;
    int error = 0;

    for (i = 0; i < count; i++) {
        const struct cell *cell = &cells[i];
        struct column_part *part = &parts[i];
        struct column_build *column = &columns[i];
        uint64_t size = cell->class == CELL_NULL ? 0 : cell->size;

        if (size > room || (size != 0 && cell->data == NULL))
            error = -EFBIG;
        else if (column->capacity < part->data_size + size + BLOCK_SLACK)
            error = grow_data(builder, i, size);
        if (error != 0)
            break;

        struct added added = add_cell(column, cell->class, column->data + part->data_size,
                                      cell->data, (uint32_t)size);

        csv_bytes += added.csv_bytes;
        ndjson_bytes += added.ndjson_bytes;
        part->kinds[row] = added.kind;
        part->lengths[row] = (uint32_t)size;
        part->data_size += (uint32_t)size;
        room -= size;
    }
    *ret_added = i;
    if (error != 0)
        return error;
    builder->bytes = ROW_GROUP_LARGEST_BYTES - room;
    measure->csv_bytes += csv_bytes;
    measure->ndjson_bytes += ndjson_bytes;
    return 0;
}

int row_group_builder_add(struct row_group_builder *builder, const struct cell *cells)
{
    struct row_group_measure measure = {
        .csv_bytes = builder->csv_bytes + builder->column_count,
        .ndjson_bytes = builder->ndjson_bytes + builder->keys_size,
    };
    size_t bytes = builder->bytes;
    uint32_t added = 0;
    int error = 0;

    if (builder->column_count == 0)
        return -EINVAL;
    if (builder->rows == ROW_GROUP_ROWS_LIMIT)
        return -EFBIG;
    if (builder->rows == builder->row_capacity)
        error = grow_rows(builder);
    if (error != 0)
        return error;
    error = add_cells(builder, cells, &measure, &added);
    if (error == 0 && measure.csv_bytes <= ROW_GROUP_RENDERED_LIMIT &&
        measure.ndjson_bytes <= ROW_GROUP_RENDERED_LIMIT) {
        builder->csv_bytes = measure.csv_bytes;
        builder->ndjson_bytes = measure.ndjson_bytes;
        builder->rows++;
        return 0;
    }
    for (uint32_t i = 0; i < added; i++)
        builder->parts[i].data_size -= builder->parts[i].lengths[builder->rows];
    builder->bytes = bytes;
    return error != 0 ? error : -EFBIG;
}

int row_group_builder_finish(struct row_group_builder *builder, struct buffer *encoded,
                             struct row_group_measure *ret_measure)
{
    struct group_part group = {
        .rows = builder->rows,
        .column_count = builder->column_count,
        .columns = builder->parts,
    };

    if (builder->rows == 0)
        return -EINVAL;

    int error = row_group_encode(&group, encoded);

    if (error != 0)
        return error;
    *ret_measure = (struct row_group_measure){
        .rows = builder->rows,
        .csv_bytes = builder->csv_bytes,
        .ndjson_bytes = builder->ndjson_bytes,
    };
    for (uint32_t i = 0; i < builder->column_count; i++)
        builder->parts[i].data_size = 0;
    if (builder->data_capacity > KEPT_DATA_CAPACITY)
        free_data(builder);
    builder->rows = 0;
    builder->bytes = 0;
    builder->csv_bytes = 0;
    builder->ndjson_bytes = 0;
    return 0;
}
