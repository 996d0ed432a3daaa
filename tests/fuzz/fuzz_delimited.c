/* SPDX-License-Identifier: MIT */
/* A table as text: however it is cut into pieces, the same rows come of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/delimited.h"
#include "tests/fuzz/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

struct digest {
    struct row_taker taker;
    size_t columns; /* 0: the table has not begun */
    uint64_t hash;
};

static void add(struct digest *digest, const void *bytes, size_t size)
{
    digest->hash = XXH3_64bits_withSeed(bytes, size, digest->hash + 1);
}

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(digest->columns == 0 && table->schema->column_count > 0);
    digest->columns = table->schema->column_count;
    for (size_t i = 0; i < digest->columns; i++) {
        const char *name = table->schema->columns[i].name;

        add(digest, name, strlen(name));
        for (size_t j = 0; j < i; j++)
            require(strcmp(name, table->schema->columns[j].name) != 0);
    }
    *ret_table = 0;
    return 0;
}

static int take_row(struct row_taker *taker, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(table == 0 && digest->columns != 0);
    for (size_t i = 0; i < digest->columns; i++) {
        require(cells[i].class == CELL_NULL || cells[i].class == CELL_TEXT);
        add(digest, &cells[i].class, sizeof cells[i].class);
        if (cells[i].class == CELL_TEXT)
            add(digest, cells[i].data, (size_t)cells[i].size);
    }
    return 0;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    require(table == 0 && why->code != 0);
    add((struct digest *)taker, "fail", 4);
    return 0;
}

static const struct row_taker_class digest_class = {
    .begin_table = begin_table,
    .row = take_row,
    .fail_table = fail_table,
};

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step,
                              const struct dialect *dialect)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct digest digest = {.taker = {&digest_class}};
    struct failure failure = {0};
    int error = delimited_read(&pieces.stream, dialect, "t.csv", &digest.taker, NULL, &failure);

    return digest.hash + (uint64_t)(error < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect dialect;

    if (!delimited_recognise("t.csv", data, size, true, NULL, &dialect))
        return 0;

    uint64_t whole = read_in_steps(data, size, size + 1, &dialect);

    require(read_in_steps(data, size, 7, &dialect) == whole);
    require(read_in_steps(data, size, 1, &dialect) == whole);
    return 0;
}
