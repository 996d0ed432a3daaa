/* SPDX-License-Identifier: MIT */
/*
 * Rows for LOAD DATA: a line that ends the statement, and the file. However that is cut into
 * pieces, the same rows come of it, each with as many cells as the table has columns.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/dump.h"
#include "tests/fuzz/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TABLES_MOST 4

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

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    if (digest->tables == TABLES_MOST)
        return -12;
    digest->columns[digest->tables] = table->schema->column_count;
    *ret_table = digest->tables++;
    return 0;
}

static int change_table(struct row_taker *taker, size_t table, const struct stream_table *changed,
                        struct failure *failure)
{
    struct digest *digest = (struct digest *)taker;

    (void)failure;
    require(table < digest->tables && digest->columns[table] == changed->schema->column_count);
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
        require(cells[i].class == CELL_NULL || cells[i].data != NULL);
        add(digest, &cells[i].class, sizeof cells[i].class);
        if (cells[i].class != CELL_NULL)
            add(digest, cells[i].data, (size_t)cells[i].size);
    }
    return 0;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    add((struct digest *)taker, why->text, strlen(why->text));
    require(table < ((struct digest *)taker)->tables && why->code != 0);
    return 0;
}

static int drop_table(struct row_taker *taker, size_t table)
{
    require(table < ((struct digest *)taker)->tables);
    return 0;
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    (void)taker;
    require(why->code != 0);
}

static void take_moment(struct row_taker *taker, struct timespec moment)
{
    (void)taker;
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

static const char schema[] = "CREATE TABLE `t` (`id` int NOT NULL, `v` text, `b` blob, `n` double,"
                             " `f` bit(9), PRIMARY KEY (`id`));\n";
static const char begin[] =
    "/*!40101 SET NAMES binary*/;\nLOAD DATA LOCAL INFILE 'd.t.dat' INTO TABLE `t` ";

static void read_schema(struct dump_reader *reader)
{
    struct pieces pieces = {{&pieces_class}, (const uint8_t *)schema, sizeof schema - 1, 4096};

    require(dump_session_read(reader, &pieces.stream, "d.t-schema.sql", "d", NULL, NULL) == 0);
}

static void read_statement(struct dump_reader *reader, const uint8_t *line, size_t size)
{
    size_t before = sizeof begin - 1;
    uint8_t *text = malloc(before + size + 2);
    struct pieces pieces = {{&pieces_class}, text, before + size + 2, 4096};

    require(text != NULL);
    memcpy(text, begin, before);
    memcpy(text + before, line, size);
    memcpy(text + before + size, ";\n", 2);
    dump_session_read_loads(reader, &pieces.stream, "d.t.sql", "d", NULL);
    free(text);
}

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t line = end != NULL ? (size_t)(end - data) : size;
    struct digest digest = {.taker = {&digest_class}};
    struct dump_reader *reader = dump_session_create(&digest.taker);
    struct pieces pieces = {{&pieces_class}, data + line, size - line, step};
    struct failure failure = {0};

    require(reader != NULL);
    if (line < size) {
        pieces.bytes++;
        pieces.size--;
    }
    read_schema(reader);
    read_statement(reader, data, line);

    int error = dump_session_load(reader, &pieces.stream, "d.t.dat", "d", "t", &failure);

    require(dump_session_end(reader, &failure) == 0);
    dump_session_free(reader);
    return digest.hash + (uint64_t)(error < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    uint64_t whole = read_in_steps(data, size, size);

    require(read_in_steps(data, size, 7) == whole);
    require(read_in_steps(data, size, 1) == whole);
    return 0;
}
