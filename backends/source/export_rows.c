/* SPDX-License-Identifier: MIT */
#include "backends/source/export_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/export_internal.h"
#include "backends/source/json_rows.h"
#include "backends/source/stream.h"
#include "fs/base/memory.h"

#define WORDS_SIZE 600
#define LEAST_WINDOW ((size_t)256 << 10)

const char *export_format_extension(enum export_format format)
{
    static const char *const extensions[EXPORT_FORMATS] = {"csv", "json", "ndjson"};

    return extensions[format];
}

static int name_columns(struct export_rows *rows)
{
    const struct schema *schema = rows->options.schema;
    int error = name_map_create(&rows->names);

    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        error = name_map_add(rows->names, schema->columns[i].name, i);
        if (error == -EEXIST)
            error = 0;
    }
    return error;
}

int export_rows_create(struct byte_stream *stream, const struct export_options *options,
                       struct export_rows **ret_rows)
{
    size_t count = options->schema->column_count;
    struct export_rows *rows = calloc(1, sizeof *rows);

    if (rows == NULL)
        return -ENOMEM;
    rows->options = *options;
    rows->window = BYTE_WINDOW(stream, STREAM_ROW_LIMIT);
    rows->decoded = BUFFER(2 * STREAM_ROW_LIMIT);
    rows->columns = allocate_array(count, sizeof *rows->columns);
    rows->places = allocate_array(count, sizeof *rows->places);
    rows->cells = allocate_array(count, sizeof *rows->cells);
    rows->given = allocate_array(count, sizeof *rows->given);
    if (options->format == EXPORT_CSV)
        rows->fields = allocate_array(count + 1, sizeof *rows->fields);
    else
        rows->members = allocate_array(count + 1, sizeof *rows->members);

    int error = rows->columns == NULL || rows->places == NULL || rows->cells == NULL ||
                        rows->given == NULL || (rows->fields == NULL && rows->members == NULL)
                    ? -ENOMEM
                    : name_columns(rows);

    if (error != 0) {
        export_rows_free(rows);
        return error;
    }
    for (size_t i = 0; i < count; i++)
        rows->places[i] = NO_COLUMN;
    *ret_rows = rows;
    return 0;
}

void export_rows_free(struct export_rows *rows)
{
    if (rows == NULL)
        return;
    byte_window_release(&rows->window);
    name_map_free(rows->names);
    buffer_release(&rows->decoded);
    free(rows->columns);
    free(rows->places);
    free(rows->cells);
    free(rows->given);
    free(rows->fields);
    free(rows->members);
    free(rows);
}

int export_refuse(const struct export_rows *rows, struct failure *failure, const char *format, ...)
{
    char words[WORDS_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return failure_set(failure, EINVAL, "line %llu: %s", (unsigned long long)rows->line, words);
}

/* NULL: no memory. */
static char *copy_name(const void *name, size_t size)
{
    return memchr(name, '\0', size) == NULL ? strndup(name, size) : strdup("");
}

int export_add_column(struct export_rows *rows, const void *name, size_t size,
                      struct failure *failure)
{
    cleanup_free char *copy = copy_name(name, size);

    if (copy == NULL)
        return -ENOMEM;

    const size_t *found = name_map_find(rows->names, copy);

    if (found == NULL || strlen(copy) != size)
        return export_refuse(rows, failure, "the table %.200s has no column \"%.200s\"",
                             rows->options.schema->name, copy);

    /* Columns of one name follow one another. */
    const struct schema *schema = rows->options.schema;
    size_t column = *found;

    while (column < schema->column_count &&
           (rows->places[column] != NO_COLUMN || strcmp(schema->columns[column].name, copy) != 0))
        column++;
    if (column == schema->column_count)
        return export_refuse(rows, failure, "the column \"%.200s\" is there twice", copy);
    rows->places[column] = rows->count;
    rows->columns[rows->count++] = column;
    return 0;
}

int export_more(struct export_rows *rows, struct failure *failure)
{
    struct byte_window *window = &rows->window;
    size_t there = window->end - window->at;
    size_t wanted = there < LEAST_WINDOW / 2 ? LEAST_WINDOW : 2 * there;
    int error = 0;

    if (wanted > window->limit && there < window->limit)
        wanted = window->limit;
    error = wanted > window->limit ? -EFBIG : byte_window_want(window, wanted, failure);
    if (error == -EFBIG)
        return failure_set(failure, EFBIG,
                           "line %llu: the row is larger than %zu MiB, the most that can be read",
                           (unsigned long long)rows->line, STREAM_ROW_LIMIT >> 20);
    if (error != 0)
        return error;
    return window->end - window->at > there;
}

int export_ended(const struct export_rows *rows, struct failure *failure)
{
    const struct byte_window *window = &rows->window;

    if (!window->ended || window->error == 0)
        return window->ended;
    if (failure != NULL)
        *failure = window->failure;
    return window->error;
}

void export_pass(struct export_rows *rows, size_t size)
{
    const uint8_t *at = export_at(rows);
    const uint8_t *end = size != 0 ? at + size : at;

    while (size != 0 && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        rows->lines_passed++;
        at++;
    }
    rows->window.at += size;
}

/* The columns, once. */
static int begin(struct export_rows *rows, struct failure *failure)
{
    if (rows->begun)
        return 0;

    int error = rows->options.format == EXPORT_CSV ? export_csv_begin(rows, failure)
                                                   : export_json_begin(rows, failure);

    rows->begun = error == 0;
    return error;
}

int export_rows_columns(struct export_rows *rows, const size_t **ret_columns, size_t *ret_count,
                        struct failure *failure)
{
    int error = begin(rows, failure);

    if (error != 0)
        return error;
    *ret_columns = rows->columns;
    *ret_count = rows->count;
    return 0;
}

int export_rows_next(struct export_rows *rows, const struct cell **ret_cells,
                     struct failure *failure)
{
    int error = begin(rows, failure);

    if (error != 0 || rows->ended)
        return error;

    int found = rows->options.format == EXPORT_CSV ? export_csv_next(rows, failure)
                                                   : export_json_next(rows, failure);

    if (found == 1) {
        rows->rows++;
        *ret_cells = rows->cells;
    }
    rows->ended = found == 0;
    return found;
}

uint64_t export_rows_line(const struct export_rows *rows)
{
    return rows->line;
}
