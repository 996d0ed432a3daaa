/* SPDX-License-Identifier: MIT */
/* What a reader of streams gives, as a number, each row seen to belong to a table that began. */
#ifndef CRMFS_FUZZ_ROW_DIGEST_H
#define CRMFS_FUZZ_ROW_DIGEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/stream.h"
#include "tests/fuzz/target.h"

#define TABLES_MOST 1000

struct digest {
    struct row_taker taker;
    bool words;       /* why a table failed counts, too */
    bool own_names;   /* the reader names columns itself: no two alike, and at least one */
    bool grows;       /* a table may get more columns */
    unsigned classes; /* of cells that may come, a bit each; 0: all */
    size_t tables;
    size_t changes; /* of tables */
    size_t others;  /* tables dropped, troubles, moments */
    size_t columns[TABLES_MOST];
    uint64_t hash;
};

static void add(struct digest *digest, const void *bytes, size_t size)
{
    digest->hash = XXH3_64bits_withSeed(bytes, size, digest->hash + 1);
}

static void require_own_names(const struct schema *schema)
{
    require(schema->column_count != 0);
    for (size_t i = 0; i < schema->column_count; i++) {
        for (size_t j = 0; j < i; j++)
            require(strcmp(schema->columns[i].name, schema->columns[j].name) != 0);
    }
}

static void add_schema(struct digest *digest, const struct stream_table *table)
{
    const struct schema *schema = table->schema;

    add(digest, schema->name, strlen(schema->name));
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];

        require(column->name != NULL && column->native_type != NULL);
        add(digest, column->name, strlen(column->name));
        add(digest, &column->type, sizeof column->type);
    }
    if (digest->own_names)
        require_own_names(schema);
    for (size_t i = 0; i < schema->primary_key_count; i++)
        require(schema->primary_key[i] < schema->column_count);
    for (size_t i = 0; i < schema->order_key_count; i++)
        require(schema->order_key[i] < schema->column_count);
    for (size_t i = 0; i < table->term_count; i++)
        require(table->terms[i].column < schema->column_count);
    for (size_t i = 0; i < schema->foreign_key_count; i++)
        require(schema->foreign_keys[i].target_table != NULL);
}

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    if (digest->tables == TABLES_MOST)
        return -12;
    add_schema(digest, table);
    digest->columns[digest->tables] = table->schema->column_count;
    *ret_table = digest->tables++;
    return 0;
}

static int change_table(struct row_taker *taker, size_t table, const struct stream_table *changed,
                        struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(table < digest->tables);

    size_t count = changed->schema->column_count;

    require(digest->grows ? count >= digest->columns[table] : count == digest->columns[table]);
    add_schema(digest, changed);
    digest->columns[table] = count;
    digest->changes++;
    return 0;
}

static int take_row(struct row_taker *taker, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(table < digest->tables);
    add(digest, &table, sizeof table);
    for (size_t i = 0; i < digest->columns[table]; i++) {
        require(cells[i].class <= CELL_BOOLEAN);
        require(digest->classes == 0 || (digest->classes >> cells[i].class & 1) != 0);
        require(cells[i].class == CELL_NULL || cells[i].data != NULL);
        add(digest, &cells[i].class, sizeof cells[i].class);
        if (cells[i].class != CELL_NULL)
            add(digest, cells[i].data, (size_t)cells[i].size);
    }
    return 0;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    struct digest *digest = (struct digest *)taker;

    require(table < digest->tables && why->code != 0);
    add(digest, &table, sizeof table);
    if (digest->words)
        add(digest, why->text, strlen(why->text));
    return 0;
}

static int drop_table(struct row_taker *taker, size_t table)
{
    struct digest *digest = (struct digest *)taker;

    require(table < digest->tables);
    digest->others++;
    return 0;
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    ((struct digest *)taker)->others++;
    require(why->code != 0);
}

static void take_moment(struct row_taker *taker, struct timespec moment)
{
    ((struct digest *)taker)->others++;
    (void)moment;
}

static const struct row_taker_class digest_class = {
    .begin_table = begin_table,
    .change_table = change_table,
    .row = take_row,
    .fail_table = fail_table,
    .drop_table = drop_table,
    .trouble = take_trouble,
    .moment = take_moment,
};

#endif
