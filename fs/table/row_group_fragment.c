/* SPDX-License-Identifier: MIT */
/*
 * A row becomes runs of whole cells and, for each cell that is larger than a
 * fragment, pieces of that cell. Such a cell is read twice: first to learn what
 * it is, for that decides how its first byte is written, then piece by piece.
 */
#include "fs/table/row_group_fragment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/block.h"
#include "fs/table/cell_kind.h"
#include "fs/table/csv.h"
#include "fs/table/json.h"
#include "fs/table/json_check.h"
#include "fs/table/row_group_encode.h"
#include "fs/table/text_scan.h"

_Static_assert(ROW_GROUP_FRAGMENT_BYTES % 3 == 0, "base64 is cut at whole groups of characters");

struct cutting {
    const struct row_cut *cut;
    struct failure *failure;
    uint32_t column_count;
    uint8_t *piece; /* a cell's bytes that came without data */
    struct buffer encoded;
    /* The run of whole cells that is being collected; a column each: */
    struct column_part *parts;
    uint32_t *lengths;
    uint8_t *kinds;
    uint32_t run_first;
    uint32_t run_count;
    size_t run_bytes;
    struct row_group_measure run; /* without rows */
};

/* What a whole cell is. */
struct cell_study {
    struct text_traits traits;
    uint8_t kind;
    const struct csv_form *csv;
    const struct json_form *json;
    bool quoted;
};

static const uint8_t no_bytes[1];

/* Borrows or reads SIZE bytes at OFFSET of a cell; they are gone with the next call. */
static int read_piece(struct cutting *cutting, uint32_t column, uint64_t offset, size_t size,
                      const uint8_t **ret_bytes)
{
    const struct cell *cell = &cutting->cut->cells[column];
    struct cursor *cursor = cutting->cut->cursor;

    if (cell->data != NULL || size == 0) {
        *ret_bytes = size == 0 ? no_bytes : (const uint8_t *)cell->data + offset;
        return 0;
    }
    if (cursor == NULL)
        return failure_set(cutting->failure, EINVAL, "cell %u came without data", column + 1);
    if (cutting->piece == NULL)
        cutting->piece = malloc(cutting->cut->fragment_bytes);
    if (cutting->piece == NULL)
        return failure_set(cutting->failure, ENOMEM, "no memory for a large cell");
    *ret_bytes = cutting->piece;
    return cursor->class->read_cell(cursor, column, offset, cutting->piece, size, cutting->failure);
}

static size_t piece_size(const struct cutting *cutting, uint64_t left)
{
    size_t most = cutting->cut->fragment_bytes;

    return left < most ? (size_t)left : most;
}

/* What is found out of a cell in one pass. */
struct cell_pass {
    struct text_traits traits;
    struct utf8_check utf8;
    struct json_check document;
    uint8_t begin[CSV_RESERVED_LONGEST];
};

static void pass_piece(struct cell_pass *pass, bool json_column, uint64_t offset,
                       const uint8_t *bytes, size_t size)
{
    text_scan(&pass->traits, bytes, size);
    utf8_feed(&pass->utf8, bytes, size);
    if (json_column)
        json_check_feed(&pass->document, bytes, size);
    for (size_t i = 0; i < size && offset + i < sizeof(pass->begin); i++)
        pass->begin[offset + i] = bytes[i];
}

static uint8_t kind_of(enum cell_class class, uint64_t size, struct cell_pass *pass,
                       bool json_column)
{
    switch (class) {
    case CELL_NULL: return KIND_NULL;
    case CELL_BYTES: return KIND_BYTES;
    case CELL_NUMBER: return number_kind(pass->begin, size);
    case CELL_BOOLEAN: return boolean_kind(pass->begin, size);
    default: break;
    }
    if (pass->utf8.state != 0)
        return KIND_RAW_TEXT;
    return json_column && json_check_unmistakable(&pass->document) ? KIND_DOCUMENT : KIND_TEXT;
}

static int study_cell(struct cutting *cutting, uint32_t column, struct cell_study *ret_study)
{
    const struct cell *cell = &cutting->cut->cells[column];
    enum column_type type = cutting->cut->schema->columns[column].type;
    uint64_t size = cell->class == CELL_NULL ? 0 : cell->size;
    struct cell_pass pass = {0};

    json_check_begin(&pass.document);
    for (uint64_t offset = 0; offset < size && cell->class != CELL_BYTES;) {
        size_t step = piece_size(cutting, size - offset);
        const uint8_t *bytes = no_bytes;
        int error = read_piece(cutting, column, offset, step, &bytes);

        if (error != 0)
            return error;
        pass_piece(&pass, type == COLUMN_JSON, offset, bytes, step);
        offset += step;
    }

    uint8_t kind = kind_of(cell->class, size, &pass, type == COLUMN_JSON);
    const struct csv_form *csv = csv_form_of(type == COLUMN_BYTES, kind, pass.begin, size);

    *ret_study = (struct cell_study){
        .traits = pass.traits,
        .kind = kind,
        .csv = csv,
        .json = &json_forms[type == COLUMN_JSON][kind],
        .quoted = csv_quoted(csv, size, pass.traits.csv_special),
    };
    return 0;
}

static bool has_line_breaks(const uint8_t *text, size_t size)
{
    return memchr(text, '\n', size) != NULL || memchr(text, '\r', size) != NULL;
}

static bool needs_escapes(const struct cell_study *study, const struct text_traits *traits,
                          const uint8_t *bytes, size_t size)
{
    if (study->json->body == JSON_DOCUMENT)
        return has_line_breaks(bytes, size);
    return study->json->body == JSON_STRING && traits->json_growth != 0;
}

/* Encodes a fragment and gives it away. The row's last one adds what ends a row. */
static int give(struct cutting *cutting, struct group_part *group,
                struct row_group_measure *measure, bool ends_column)
{
    group->rows = 1;
    group->flags |= ROW_GROUP_FRAGMENT;
    if (ends_column && group->first_column + group->column_count == cutting->column_count) {
        measure->rows = 1;
        measure->csv_bytes += 1;    /* LF */
        measure->ndjson_bytes += 2; /* } LF */
    }

    int error = row_group_encode(group, &cutting->encoded);

    if (error != 0)
        return failure_set(cutting->failure, -error, "no memory for a fragment of a large row");
    return cutting->cut->take(cutting->cut->context, &cutting->encoded, measure, cutting->failure);
}

static int give_run(struct cutting *cutting)
{
    struct group_part group = {
        .column_count = cutting->run_count,
        .first_column = cutting->run_first,
        .columns = cutting->parts + cutting->run_first,
    };
    struct row_group_measure measure = cutting->run;

    if (cutting->run_count == 0)
        return 0;
    cutting->run_first += cutting->run_count;
    cutting->run_count = 0;
    cutting->run_bytes = 0;
    cutting->run = (struct row_group_measure){0};
    return give(cutting, &group, &measure, true);
}

static void describe_cell(struct cutting *cutting, uint32_t column, const uint8_t *bytes,
                          size_t size, uint8_t kind, bool own_field, bool escapes)
{
    cutting->lengths[column] = (uint32_t)size;
    cutting->kinds[column] =
        (uint8_t)(kind | (own_field ? 0 : CELL_QUOTES) | (escapes ? CELL_ESCAPES : 0));
    cutting->parts[column] = (struct column_part){
        .kinds = &cutting->kinds[column],
        .lengths = &cutting->lengths[column],
        .data = bytes,
        .data_size = (uint32_t)size,
    };
}

/* Adds a whole cell to the run, which is given away first when it cannot take it. */
static int add_whole(struct cutting *cutting, uint32_t column)
{
    const struct cell *cell = &cutting->cut->cells[column];
    const char *name = cutting->cut->schema->columns[column].name;
    size_t size = cell->class == CELL_NULL ? 0 : (size_t)cell->size;
    struct cell_study study;
    const uint8_t *bytes = no_bytes;
    int error = study_cell(cutting, column, &study);

    if (error == 0)
        error = read_piece(cutting, column, 0, size, &bytes);
    if (error != 0)
        return error;

    uint64_t field = csv_field_size(study.csv, size, &study.traits);
    uint64_t csv = field + (column != 0);
    uint64_t ndjson = json_key_size(name) + json_value_size(study.json, size, &study.traits);

    /* What ends the row still has its place. */
    if (cutting->run_bytes + size > cutting->cut->fragment_bytes ||
        cutting->run.csv_bytes + csv >= ROW_GROUP_RENDERED_LIMIT ||
        cutting->run.ndjson_bytes + ndjson + 1 >= ROW_GROUP_RENDERED_LIMIT) {
        error = give_run(cutting);
        if (error != 0)
            return error;
    }
    describe_cell(cutting, column, bytes, size, study.kind, field == size,
                  needs_escapes(&study, &study.traits, bytes, size));
    cutting->run_count++;
    cutting->run_bytes += size;
    cutting->run.csv_bytes += csv;
    cutting->run.ndjson_bytes += ndjson;
    return 0;
}

static struct row_group_measure measure_piece(const struct cutting *cutting, uint32_t column,
                                              const struct cell_study *study,
                                              const struct text_traits *traits, size_t size,
                                              uint8_t flags)
{
    bool opens = (flags & ROW_GROUP_BEGINS_INSIDE) == 0;
    bool closes = (flags & ROW_GROUP_ENDS_INSIDE) == 0;
    struct row_group_measure measure = {
        .csv_bytes = study->csv->body == CSV_BASE64 ? base64_size(size) : size,
        .ndjson_bytes = study->json->body == JSON_BASE64 ? base64_size(size) : size,
    };

    if (study->quoted)
        measure.csv_bytes += traits->quotes + (opens ? 1u : 0u) + (closes ? 1u : 0u);
    if (study->json->body == JSON_STRING)
        measure.ndjson_bytes += traits->json_growth;
    if (study->json->body == JSON_NOTHING)
        measure.ndjson_bytes = 0;
    if (opens) {
        measure.csv_bytes += study->csv->prefix_size + (column != 0 ? 1u : 0u);
        measure.ndjson_bytes +=
            json_key_size(cutting->cut->schema->columns[column].name) + study->json->prefix_size;
    }
    if (closes)
        measure.ndjson_bytes += study->json->suffix_size;
    return measure;
}

static int give_piece(struct cutting *cutting, uint32_t column, const struct cell_study *study,
                      const uint8_t *bytes, size_t size, uint8_t flags)
{
    bool inside = flags != 0;
    struct text_traits traits = {0};
    struct group_part group = {
        .column_count = 1,
        .first_column = column,
        .flags = flags,
        .inside_kind = inside ? study->kind : KIND_NULL,
        .inside_quoted = inside && study->quoted,
        .inside_base64 = inside && study->csv->body == CSV_BASE64 && study->kind == KIND_TEXT,
        .columns = &cutting->parts[column],
    };

    text_scan(&traits, bytes, size);
    describe_cell(cutting, column, bytes, size, study->kind, false,
                  needs_escapes(study, &traits, bytes, size));

    struct row_group_measure measure = measure_piece(cutting, column, study, &traits, size, flags);

    return give(cutting, &group, &measure, (flags & ROW_GROUP_ENDS_INSIDE) == 0);
}

static int cut_cell(struct cutting *cutting, uint32_t column)
{
    uint64_t size = cutting->cut->cells[column].size;
    struct cell_study study;
    int error = give_run(cutting);

    if (error == 0)
        error = study_cell(cutting, column, &study);
    for (uint64_t offset = 0; offset < size && error == 0;) {
        size_t step = piece_size(cutting, size - offset);
        uint8_t flags = (uint8_t)((offset != 0 ? ROW_GROUP_BEGINS_INSIDE : 0) |
                                  (offset + step < size ? ROW_GROUP_ENDS_INSIDE : 0));
        const uint8_t *bytes = no_bytes;

        error = read_piece(cutting, column, offset, step, &bytes);
        if (error == 0)
            error = give_piece(cutting, column, &study, bytes, step, flags);
        offset += step;
    }
    cutting->run_first = column + 1;
    return error;
}

static bool is_whole(const struct cutting *cutting, const struct cell *cell)
{
    return cell->class == CELL_NULL || cell->size == 0 ||
           (cell->data != NULL && cell->size <= cutting->cut->fragment_bytes);
}

static int cut_columns(struct cutting *cutting)
{
    size_t count = cutting->column_count;

    cutting->parts = allocate_array(count, sizeof(*cutting->parts));
    cutting->lengths = allocate_array(count, sizeof(*cutting->lengths));
    cutting->kinds = allocate_array(count, sizeof(*cutting->kinds));
    if (cutting->parts == NULL || cutting->lengths == NULL || cutting->kinds == NULL)
        return failure_set(cutting->failure, ENOMEM, "no memory for a row of %zu cells", count);

    int error = 0;

    for (uint32_t i = 0; i < cutting->column_count && error == 0; i++)
        error = is_whole(cutting, &cutting->cut->cells[i]) ? add_whole(cutting, i)
                                                           : cut_cell(cutting, i);
    return error == 0 ? give_run(cutting) : error;
}

int row_group_cut(const struct row_cut *cut, struct failure *failure)
{
    struct cutting cutting = {
        .cut = cut,
        .failure = failure,
        .column_count = (uint32_t)cut->schema->column_count,
        .encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT),
    };

    if (cut->schema->column_count == 0)
        return failure_set(failure, EINVAL, "a row without columns");

    int error = cut_columns(&cutting);

    free(cutting.piece);
    free(cutting.parts);
    free(cutting.lengths);
    free(cutting.kinds);
    buffer_release(&cutting.encoded);
    return error;
}

int row_group_cut_row(const struct schema *schema, struct cursor *cursor, const struct cell *cells,
                      row_group_take *take, void *context, struct failure *failure)
{
    const struct row_cut cut = {
        .schema = schema,
        .cursor = cursor,
        .cells = cells,
        .fragment_bytes = ROW_GROUP_FRAGMENT_BYTES,
        .take = take,
        .context = context,
    };

    return row_group_cut(&cut, failure);
}
