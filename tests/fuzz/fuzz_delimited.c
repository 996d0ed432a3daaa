/* SPDX-License-Identifier: MIT */
/* A table as text: however it is cut into pieces, the same rows come of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/row_digest.h"
#include "tests/fuzz/target.h"

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step,
                              const struct dialect *dialect)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct digest digest = {
        .taker = {&digest_class},
        .own_names = true,
        .classes = 1u << CELL_NULL | 1u << CELL_TEXT,
    };
    struct failure failure = {0};
    int error = delimited_read(&pieces.stream, dialect, "t.csv", &digest.taker, NULL, &failure);

    require(digest.tables <= 1 && digest.changes == 0 && digest.others <= 3);
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
