/* SPDX-License-Identifier: MIT */
/* Tables as JSON: however the text is cut into pieces, the same rows come of it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/json_rows.h"
#include "tests/fuzz/pieces.h"

#define TABLES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

struct digest {
    struct row_taker taker;
    size_t tables;
    size_t columns[TABLES_MOST];
    uint64_t hash;
};

static void add(struct digest *digest, const void *bytes, size_t size)
{
    digest->hash = XXH3_64bits_withSeed(bytes, size, digest->hash + 1);
}

static void add_schema(struct digest *digest, size_t table, const struct schema *schema)
{
    require(schema->column_count >= digest->columns[table % TABLES_MOST]);
    digest->columns[table % TABLES_MOST] = schema->column_count;
    add(digest, schema->name, strlen(schema->name));
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];

        add(digest, column->name, strlen(column->name));
        add(digest, &column->type, sizeof column->type);
        for (size_t j = 0; j < i; j++)
            require(strcmp(column->name, schema->columns[j].name) != 0);
    }
}

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    digest->columns[digest->tables % TABLES_MOST] = 0;
    require(table->schema->column_count != 0);
    add_schema(digest, digest->tables, table->schema);
    *ret_table = digest->tables++;
    return 0;
}

static int change_table(struct row_taker *taker, size_t table, const struct stream_table *changed,
                        struct failure *failure)
{
    (void)failure;
    add_schema((struct digest *)taker, table, changed->schema);
    return 0;
}

static int take_row(struct row_taker *taker, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(table < digest->tables);
    for (size_t i = 0; i < digest->columns[table % TABLES_MOST]; i++) {
        require(cells[i].class != CELL_BYTES);
        add(digest, &cells[i].class, sizeof cells[i].class);
        if (cells[i].class != CELL_NULL)
            add(digest, cells[i].data, (size_t)cells[i].size);
    }
    return 0;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    require(table < ((struct digest *)taker)->tables && why->code != 0);
    add((struct digest *)taker, why->text, strlen(why->text));
    return 0;
}

static const struct row_taker_class digest_class = {
    .begin_table = begin_table,
    .change_table = change_table,
    .row = take_row,
    .fail_table = fail_table,
};

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step,
                              const struct json_form *form)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct digest digest = {.taker = {&digest_class}};
    struct failure failure = {0};
    int error = json_rows_read(&pieces.stream, form, "t.json", &digest.taker, &failure);

    require(error == 0 || failure.code != 0 || error == -ENOMEM);
    return digest.hash + (uint64_t)(error < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_form form;

    if (!json_rows_recognise("t.json", data, size, &form) &&
        !json_rows_recognise("t.ndjson", data, size, &form))
        return 0;

    uint64_t whole = read_in_steps(data, size, size + 1, &form);

    require(read_in_steps(data, size, 7, &form) == whole);
    require(read_in_steps(data, size, 1, &form) == whole);
    return 0;
}
