/* SPDX-License-Identifier: MIT */
/* Tables as JSON: however the text is cut into pieces, the same rows come of it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/row_digest.h"
#include "tests/fuzz/target.h"

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step,
                              const struct json_form *form)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct digest digest = {
        .taker = {&digest_class},
        .words = true,
        .own_names = true,
        .grows = true,
        .classes = ~(1u << CELL_BYTES),
    };
    struct failure failure = {0};
    int error = json_rows_read(&pieces.stream, form, "t.json", &digest.taker, &failure);

    require(error == 0 || failure.code != 0 || error == -ENOMEM);
    require(digest.others <= 1);
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
