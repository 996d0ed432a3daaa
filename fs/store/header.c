/* SPDX-License-Identifier: MIT */
#include "fs/store/header.h"

#include <errno.h>
#include <string.h>

#include "fs/base/little_endian.h"

#define MAGIC_BYTES 16
#define VERSION 1
#define LEVEL_BIAS 128

/* Where the fields stand; what is between them is zero. */
enum place {
    AT_VERSION = 16,
    AT_CIPHER = 18,
    AT_GROUP_BYTES = 20,
    AT_COMPRESSION = 24,
    AT_ID = STORE_HEADER_ID_AT
};

static const uint8_t magic[MAGIC_BYTES] = "crmfs store 1\n";

int store_header_check(const struct store_header *header, struct failure *failure)
{
    if (header->cipher != SEAL_AES_256_GCM && header->cipher != SEAL_XCHACHA20_POLY1305)
        return failure_set(failure, EINVAL, "this crmfs does not know the cipher %d",
                           (int)header->cipher);
    if (header->group_bytes < STORE_GROUP_BYTES_LEAST ||
        header->group_bytes > STORE_GROUP_BYTES_MOST)
        return failure_set(failure, EINVAL,
                           "a row group cannot have %lu bytes on average: 64K to 4M can be",
                           (unsigned long)header->group_bytes);
    if (header->compression_level < STORE_LEVEL_LEAST ||
        header->compression_level > STORE_LEVEL_MOST)
        return failure_set(failure, EINVAL, "there is no compression level %d",
                           header->compression_level);
    return 0;
}

void store_header_encode(const struct store_header *header, uint8_t bytes[STORE_HEADER_BYTES])
{
    memset(bytes, 0, STORE_HEADER_BYTES);
    memcpy(bytes, magic, sizeof magic);
    put_u16(bytes + AT_VERSION, VERSION);
    bytes[AT_CIPHER] = (uint8_t)header->cipher;
    put_u32(bytes + AT_GROUP_BYTES, header->group_bytes);
    if (header->compression_level != 0)
        put_u32(bytes + AT_COMPRESSION, (uint32_t)(header->compression_level + LEVEL_BIAS));
    memcpy(bytes + AT_ID, header->id, STORE_ID_BYTES);
}

int store_header_decode(const uint8_t bytes[STORE_HEADER_BYTES], struct store_header *ret_header,
                        struct failure *failure)
{
    uint8_t again[STORE_HEADER_BYTES];

    if (memcmp(bytes, magic, sizeof magic) != 0)
        return failure_set(failure, EINVAL, "this is no store of crmfs");
    if (get_u16(bytes + AT_VERSION) != VERSION)
        return failure_set(failure, EINVAL,
                           "the store has format %d, and this crmfs knows format 1 only: use a "
                           "newer one",
                           get_u16(bytes + AT_VERSION));

    uint32_t level = get_u32(bytes + AT_COMPRESSION);
    struct store_header header = {
        .cipher = (enum seal_cipher)bytes[AT_CIPHER],
        .group_bytes = get_u32(bytes + AT_GROUP_BYTES),
        .compression_level = level != 0 && level <= UINT8_MAX ? (int)level - LEVEL_BIAS : 0,
    };
    int error = store_header_check(&header, failure);

    if (error != 0)
        return error;
    memcpy(header.id, bytes + AT_ID, STORE_ID_BYTES);
    /* One header has one encoding: whatever else stands there is refused, zeros that are none too.
     */
    store_header_encode(&header, again);
    if (memcmp(again, bytes, sizeof again) != 0)
        return failure_set(failure, EINVAL, "the store's header is damaged");
    *ret_header = header;
    return 0;
}

int store_header_read(struct storage *storage, struct store_header *ret_header,
                      uint8_t ret_bytes[STORE_HEADER_BYTES], struct failure *failure)
{
    uint8_t bytes[STORE_HEADER_BYTES];
    uint64_t size;
    int error = storage->class->size(storage, STORE_HEADER_NAME, &size, failure);

    if (error == -ENOENT)
        return failure_set(failure, EINVAL, "there is no store; crmfs init makes one");
    if (error != 0)
        return error;
    if (size != sizeof bytes)
        return failure_set(failure, EINVAL, "this is no store of crmfs");
    error = storage->class->read(storage, STORE_HEADER_NAME, 0, bytes, sizeof bytes, failure);
    if (error == 0)
        error = store_header_decode(bytes, ret_header, failure);
    if (error == 0 && ret_bytes != NULL)
        memcpy(ret_bytes, bytes, sizeof bytes);
    return error;
}
