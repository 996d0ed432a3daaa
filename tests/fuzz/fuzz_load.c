/* SPDX-License-Identifier: MIT */
/*
 * Rows for LOAD DATA: a line that ends the statement, and the file. However that is cut into
 * pieces, the same rows come of it, each with as many cells as the table has columns.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/row_digest.h"
#include "tests/fuzz/target.h"

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
    struct digest digest = {.taker = {&digest_class}, .words = true};
    struct dump_reader *reader = dump_session_create(&digest.taker, NULL);
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
