/* SPDX-License-Identifier: MIT */
/* The header of a store: whatever is accepted says just these bytes, and is in range. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/header.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {.code = 0};
    struct store_header header = {.group_bytes = 77};
    uint8_t bytes[STORE_HEADER_BYTES] = {0};

    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);

    int error = store_header_decode(bytes, &header, &failure);

    if (error != 0) {
        require(error == -EINVAL && failure.code == EINVAL && failure.text[0] != '\0');
        require(header.group_bytes == 77);
        return 0;
    }

    uint8_t again[STORE_HEADER_BYTES];

    require(store_header_check(&header, NULL) == 0);
    store_header_encode(&header, again);
    require(memcmp(again, bytes, sizeof again) == 0);
    return 0;
}
