/* SPDX-License-Identifier: MIT */
/* Base64 as RFC 4648 has it, with padding and without line breaks. */
#ifndef CRMFS_BASE_BASE64_H
#define CRMFS_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters that SIZE bytes become; SIZE is at most 3/4 of the type's range. */
static inline uint64_t base64_size(uint64_t size)
{
    return (size + 2) / 3 * 4;
}

/*
 * Writes base64_size(SIZE) characters to TEXT, which must not overlap BYTES, and
 * returns their end. Pieces whose sizes are multiples of 3, the last excepted,
 * give together what the whole gives.
 */
uint8_t *base64_write(uint8_t *text, const void *bytes, size_t size);

#endif
