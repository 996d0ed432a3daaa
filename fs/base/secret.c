/* SPDX-License-Identifier: MIT */
#include "fs/base/secret.h"

#include <sodium.h>

void *secret_allocate(size_t size)
{
    void *memory = sodium_init() >= 0 ? sodium_malloc(size) : NULL;

    /* sodium_malloc goes on without locking when it may not; a secret must not. */
    if (memory == NULL || sodium_mlock(memory, size) == 0)
        return memory;
    sodium_free(memory);
    return NULL;
}
