/* SPDX-License-Identifier: MIT */
/*
 * Little-endian numbers in bytes: how every stored format writes them.
 */
#ifndef CRMFS_BASE_LITTLE_ENDIAN_H
#define CRMFS_BASE_LITTLE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put_u16(void *bytes, uint16_t number)
{
    number = htole16(number);
    memcpy(bytes, &number, sizeof number);
}

static inline void put_u32(void *bytes, uint32_t number)
{
    number = htole32(number);
    memcpy(bytes, &number, sizeof number);
}

static inline void put_u64(void *bytes, uint64_t number)
{
    number = htole64(number);
    memcpy(bytes, &number, sizeof number);
}

static inline uint16_t get_u16(const void *bytes)
{
    uint16_t number;

    memcpy(&number, bytes, sizeof number);
    return le16toh(number);
}

static inline uint32_t get_u32(const void *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return le32toh(number);
}

static inline uint64_t get_u64(const void *bytes)
{
    uint64_t number;

    memcpy(&number, bytes, sizeof number);
    return le64toh(number);
}

#endif
