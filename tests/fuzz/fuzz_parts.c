/* SPDX-License-Identifier: MIT */
/*
 * Tables in parts: a byte that says whether it is a series, then parts, each a name, a line feed
 * and a table as text, with a NUL behind it. Every row of a part is a row of one table, whose
 * columns only become more; none is lost or given twice.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/target.h"

#define TABLES_MOST 64

struct tally {
    struct row_taker taker;
    struct schema *schemas[TABLES_MOST];
    size_t count;
    uint64_t rows;
    uint64_t cells; /* that are not NULL */
    bool failed;
};

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct tally *tally = (struct tally *)taker;

    (void)failure;
    require(table->schema->column_count > 0);
    if (tally->count == TABLES_MOST)
        return -ENOMEM;
    tally->schemas[tally->count] = schema_reference(table->schema);
    *ret_table = tally->count++;
    return 0;
}

static int change_table(struct row_taker *taker, size_t index, const struct stream_table *changed,
                        struct failure *failure)
{
    struct tally *tally = (struct tally *)taker;
    struct schema *before = tally->schemas[index];

    (void)failure;
    require(index < tally->count && changed->schema->column_count >= before->column_count);
    for (size_t i = 0; i < changed->schema->column_count; i++) {
        const char *name = changed->schema->columns[i].name;

        require(i >= before->column_count || strcmp(name, before->columns[i].name) == 0);
        for (size_t j = 0; j < i; j++)
            require(strcmp(name, changed->schema->columns[j].name) != 0);
    }
    tally->schemas[index] = schema_reference(changed->schema);
    schema_release(before);
    return 0;
}

static int take_row(struct row_taker *taker, size_t index, const struct cell *cells,
                    struct failure *failure)
{
    struct tally *tally = (struct tally *)taker;

    (void)failure;
    require(index < tally->count);
    tally->rows++;
    for (size_t i = 0; i < tally->schemas[index]->column_count; i++)
        tally->cells += cells[i].class != CELL_NULL;
    return 0;
}

static int fail_table(struct row_taker *taker, size_t index, const struct failure *why)
{
    struct tally *tally = (struct tally *)taker;

    require(index < tally->count && why->code != 0);
    tally->failed = true;
    return 0;
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    (void)taker;
    require(why->code != 0);
}

static const struct row_taker_class tally_class = {
    .begin_table = begin_table,
    .change_table = change_table,
    .row = take_row,
    .fail_table = fail_table,
    .trouble = take_trouble,
};

static void tally_end(struct tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        schema_release(tally->schemas[i]);
}

/* TEXT is "NAME\nTABLE". 0, or what made no table of it. */
static int read_part(const char *text, size_t size, struct tally *tally,
                     struct delimited_parts *parts)
{
    const char *line = memchr(text, '\n', size);
    struct failure failure = {0};
    struct dialect dialect;

    if (line == NULL || line == text)
        return 0;

    char *name = strndup(text, (size_t)(line - text));
    const uint8_t *bytes = (const uint8_t *)line + 1;
    size_t left = size - (size_t)(line + 1 - text);
    struct pieces pieces = {{&pieces_class}, bytes, left, 5};
    int error = 0;

    require(name != NULL);
    if (delimited_recognise(name, bytes, left, true, NULL, &dialect))
        error = delimited_read(&pieces.stream, &dialect, name, &tally->taker, parts, &failure);
    free(name);
    return error;
}

/* All parts, joined or each on its own. */
static bool read_all(const uint8_t *data, size_t size, bool series, bool joined,
                     struct tally *tally)
{
    struct delimited_parts *parts = joined ? delimited_parts_create(&tally->taker, series) : NULL;
    const char *at = (const char *)data;
    const char *end = at + size;
    bool whole = true;

    require(!joined || parts != NULL);
    while (at < end) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);

        whole = read_part(at, length, tally, parts) == 0 && whole;
        at += length + 1;
    }
    if (joined)
        require(delimited_parts_end(parts) == 0);
    delimited_parts_free(parts);
    return whole && !tally->failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally joined = {.taker = {&tally_class}};
    struct tally apart = {.taker = {&tally_class}};

    if (size == 0)
        return 0;

    bool series = data[0] == 's';
    bool whole = read_all(data + 1, size - 1, series, true, &joined);

    if (read_all(data + 1, size - 1, series, false, &apart) && whole) {
        require(joined.rows == apart.rows && joined.cells == apart.cells);
        require(joined.count <= apart.count);
    }
    tally_end(&joined);
    tally_end(&apart);
    return 0;
}
