/* SPDX-License-Identifier: MIT */
/* What every fuzz target has: its one function, and what must hold lest it ends. */
#ifndef CRMFS_FUZZ_TARGET_H
#define CRMFS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

#endif
