/* SPDX-License-Identifier: MIT */
/*
 * A dump: however it is cut into pieces, the same tables and rows come of it; each
 * row belongs to a table that began, and has as many cells as that has columns.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/row_digest.h"
#include "tests/fuzz/target.h"

static uint64_t read_in_steps(const uint8_t *data, size_t size, enum text_set set, size_t step)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct digest *digest = calloc(1, sizeof *digest);
    struct failure failure = {0};

    require(digest != NULL);
    digest->taker.class = &digest_class;

    int error = dump_read(&pieces.stream, set, NULL, &digest->taker, &failure);
    uint64_t hash = digest->hash + (uint64_t)(error < 0);

    free(digest);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum text_set set;

    dump_recognise(data, size, &set);

    uint64_t whole = read_in_steps(data, size, set, size + 1);

    require(read_in_steps(data, size, set, 13) == whole);
    require(read_in_steps(data, size, set, 1) == whole);
    return 0;
}
