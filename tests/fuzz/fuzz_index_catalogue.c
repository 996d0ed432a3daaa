/* SPDX-License-Identifier: MIT */
/* What was kept of an archive: refused, or exactly its own bytes when it is written again. */
#include <stdlib.h>
#include <string.h>

#include "fs/table/index_catalogue.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer again = BUFFER(2 * INDEX_CATALOGUE_LIMIT);
    struct index_catalogue catalogue;

    if (index_catalogue_decode(data, size, &catalogue) != 0)
        return 0;
    require(index_catalogue_encode(&catalogue, &again) == 0);
    require(again.size == size && memcmp(again.data, data, size) == 0);
    index_catalogue_release(&catalogue);
    return 0;
}
