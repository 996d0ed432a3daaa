/* SPDX-License-Identifier: MIT */
/* How much memory an .xz or .lzma says that it takes: it is refused with words, or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/xz_window.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {0};
    uint8_t *copy = malloc(size != 0 ? size : 1); /* so that what is read behind it is seen */

    require(copy != NULL);
    memcpy(copy, data, size);

    int error = xz_window_check(copy, size, &failure);

    require(error == 0 || (error == -EFBIG && strstr(failure.text, "MiB of memory") != NULL));
    free(copy);
    return 0;
}
