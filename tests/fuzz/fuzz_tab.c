/* SPDX-License-Identifier: MIT */
/*
 * Rows as mysqldump --tab writes them: a line of columns that makes the table, and the file.
 * However that is cut into pieces, the same rows come of it, each with as many cells as the table
 * shows.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/row_digest.h"
#include "tests/fuzz/target.h"

static const char begin[] = "CREATE TABLE `t` (`id` int";
static const char end[] = ", `v` text, `g` int GENERATED ALWAYS AS (`id`)) CHARSET=latin1;\n";

static void read_schema(struct dump_reader *reader, const uint8_t *line, size_t size)
{
    size_t whole = sizeof begin - 1 + size + sizeof end - 1;
    uint8_t *text = malloc(whole);
    struct pieces pieces = {{&pieces_class}, text, whole, 4096};

    require(text != NULL);
    memcpy(text, begin, sizeof begin - 1);
    memcpy(text + sizeof begin - 1, line, size);
    memcpy(text + sizeof begin - 1 + size, end, sizeof end - 1);
    dump_session_read(reader, &pieces.stream, "t.sql", "", NULL, NULL);
    free(text);
}

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step)
{
    const uint8_t *behind = memchr(data, '\n', size);
    size_t line = behind != NULL ? (size_t)(behind - data) : 0;
    struct digest digest = {.taker = {&digest_class}, .words = true};
    struct dump_reader *reader = dump_session_create(&digest.taker, NULL);
    size_t rows = behind != NULL ? line + 1 : 0;
    struct pieces pieces = {{&pieces_class}, data + rows, size - rows, step};
    struct failure failure = {0};

    require(reader != NULL);
    read_schema(reader, data, line);

    int error = dump_session_load_tab(reader, &pieces.stream, "t.txt", NULL, &failure);

    require(dump_session_end(reader, &failure) == 0);
    dump_session_free(reader);
    return digest.hash + (uint64_t)(error < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    uint64_t whole = read_in_steps(data, size, size + 1);

    require(read_in_steps(data, size, 7) == whole);
    require(read_in_steps(data, size, 1) == whole);
    return 0;
}
