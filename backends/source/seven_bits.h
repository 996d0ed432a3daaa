/* SPDX-License-Identifier: MIT */
/* Numbers as the headers of .xz and RAR 5 have them: seven bits a byte, the lowest first. */
#ifndef CRMFS_SOURCE_SEVEN_BITS_H
#define CRMFS_SOURCE_SEVEN_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* Goes behind it. False: it does not end before END. */
static inline bool seven_bits_take(const uint8_t **at, const uint8_t *end, uint64_t *ret_number)
{
    *ret_number = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = *(*at)++;

        *ret_number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

#endif
