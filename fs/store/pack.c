/* SPDX-License-Identifier: MIT */
#include "fs/store/pack.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/store/pack_layout.h"

uint64_t pack_hint(const uint8_t salt[STORE_SALT_BYTES])
{
    return get_u64(salt);
}

void pack_name(const uint8_t salt[STORE_SALT_BYTES], char ret_name[PACK_NAME_SIZE])
{
    sodium_bin2hex(ret_name, PACK_NAME_SIZE, salt, STORE_SALT_BYTES);
}

void pack_path(const uint8_t salt[STORE_SALT_BYTES], char ret_path[PACK_PATH_SIZE])
{
    char name[PACK_NAME_SIZE];

    pack_name(salt, name);
    snprintf(ret_path, PACK_PATH_SIZE, PACK_FOLDER "/%.2s/%s", name, name);
}

bool pack_salt(const char *name, uint8_t ret_salt[STORE_SALT_BYTES])
{
    uint8_t salt[STORE_SALT_BYTES];

    for (size_t i = 0; i < PACK_NAME_SIZE - 1; i++) {
        bool digit = (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f');

        if (!digit)
            return false;
    }
    if (name[PACK_NAME_SIZE - 1] != '\0' ||
        sodium_hex2bin(salt, sizeof salt, name, PACK_NAME_SIZE - 1, NULL, NULL, NULL) != 0)
        return false;
    memcpy(ret_salt, salt, sizeof salt);
    return true;
}

size_t pack_entry_encode(const struct pack_entry *entry, uint8_t bytes[PACK_ENTRY_BYTES_MOST])
{
    memcpy(bytes, entry->reference.id, OBJECT_ID_BYTES);
    put_u32(bytes + 32, (uint32_t)(entry->reference.offset / 8));
    put_u32(bytes + 36, entry->reference.sealed_size);
    bytes[40] = (uint8_t)entry->type;
    bytes[41] = (uint8_t)entry->encoding;
    bytes[42] = entry->depth;
    bytes[43] = 0;
    if (entry->encoding != OBJECT_ZSTD_PARENT)
        return PACK_ENTRY_BYTES;
    object_reference_encode(&entry->parent, bytes + PACK_ENTRY_BYTES);
    return PACK_ENTRY_BYTES_MOST;
}

/* The entry's length, or 0 when it is malformed or does not fit into SIZE bytes. */
static size_t entry_decode(const uint8_t *bytes, size_t size, uint64_t hint,
                           struct pack_entry *entry)
{
    if (size < PACK_ENTRY_BYTES)
        return 0;
    *entry = (struct pack_entry){
        .reference = {.pack_hint = hint,
                      .offset = (uint64_t)get_u32(bytes + 32) * 8,
                      .sealed_size = get_u32(bytes + 36)},
        .type = bytes[40],
        .encoding = bytes[41],
        .depth = bytes[42],
    };
    memcpy(entry->reference.id, bytes, OBJECT_ID_BYTES);

    bool has_parent = entry->encoding == OBJECT_ZSTD_PARENT;

    if (entry->type < OBJECT_ROW_GROUP || entry->type >= OBJECT_TYPES ||
        entry->encoding >= OBJECT_ENCODINGS || entry->depth > OBJECT_DEPTH_MOST ||
        (entry->depth != 0) != has_parent || bytes[43] != 0 ||
        entry->reference.sealed_size < OBJECT_SEALED_LEAST ||
        entry->reference.sealed_size > OBJECT_SEALED_LIMIT ||
        entry->reference.sealed_size % OBJECT_BODY_ROUND != 0)
        return 0;
    if (!has_parent)
        return PACK_ENTRY_BYTES;
    if (size < PACK_ENTRY_BYTES_MOST)
        return 0;
    entry->parent = object_reference_decode(bytes + PACK_ENTRY_BYTES);
    return PACK_ENTRY_BYTES_MOST;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    /* Not sodium_is_zero: that takes its time, so as to tell nothing, and there may be 64 KiB. */
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static int visit_entries(const uint8_t *bytes, size_t size, uint64_t hint, uint64_t end,
                         pack_visit *visit, void *context)
{
    size_t count = get_u32(bytes);
    size_t at = PACK_DIRECTORY_HEAD_BYTES;
    uint64_t free_from = PACK_HEAD_BYTES;

    for (size_t i = 0; i < count; i++) {
        struct pack_entry entry;
        size_t length = entry_decode(bytes + at, size - at, hint, &entry);

        if (length == 0 || entry.reference.offset != free_from ||
            entry.reference.offset + entry.reference.sealed_size > end)
            return -EBADMSG;
        free_from = entry.reference.offset + entry.reference.sealed_size;
        at += length;

        int stop = visit != NULL ? visit(context, &entry) : 0;

        if (stop != 0)
            return stop;
    }
    return visit != NULL || all_zero(bytes + at, size - at) ? 0 : -EBADMSG;
}

int pack_directory_decode(const void *bytes, size_t size, uint64_t hint, uint64_t end,
                          pack_visit *visit, void *context)
{
    const uint8_t *head = bytes;

    if (size < PACK_DIRECTORY_HEAD_BYTES || size > PACK_DIRECTORY_LIMIT ||
        get_u32(head) > PACK_OBJECTS_MOST || get_u32(head + 4) != 0)
        return -EBADMSG;

    int error = visit_entries(bytes, size, hint, end, NULL, NULL);

    if (error != 0 || visit == NULL)
        return error;
    return visit_entries(bytes, size, hint, end, visit, context);
}

/* Where the directory stands, as the foot of a pack of SIZE bytes says; false: malformed. */
static bool foot_decode(const uint8_t foot[PACK_FOOT_PLAIN], uint64_t size, uint64_t *ret_begin,
                        size_t *ret_sealed)
{
    uint64_t begin = get_u64(foot);
    uint64_t sealed = get_u32(foot + 8);

    if (get_u32(foot + 12) != 0 || begin % 8 != 0 || begin < PACK_HEAD_BYTES || begin >= size ||
        sealed < PACK_DIRECTORY_HEAD_BYTES + SEAL_OVERHEAD_BYTES ||
        sealed > PACK_DIRECTORY_LIMIT + SEAL_OVERHEAD_BYTES ||
        begin + sealed + PACK_FOOT_BYTES != size)
        return false;
    *ret_begin = begin;
    *ret_sealed = (size_t)sealed;
    return true;
}

/* What a foot says. */
struct foot {
    uint64_t begin; /* of the directory */
    size_t sealed_size;
};

static int read_foot(struct storage *storage, struct sealer *sealer, const char *path,
                     struct foot *ret_foot, struct failure *failure)
{
    uint8_t sealed[PACK_FOOT_BYTES];
    uint8_t plain[PACK_FOOT_PLAIN];
    uint64_t size;
    int error = storage->class->size(storage, path, &size, failure);

    if (error != 0)
        return error;
    if (size < PACK_ROUND_LEAST || size > PACK_BYTES_MOST || size % PACK_ROUND_LEAST != 0)
        return failure_set(failure, EBADMSG, "%s is damaged: its length cannot be", path);

    uint64_t offset = size - sizeof sealed;

    error = storage->class->read(storage, path, offset, sealed, sizeof sealed, failure);
    if (error == 0)
        error = unseal(sealer, offset, PACK_FOOT_BOUND, strlen(PACK_FOOT_BOUND), sealed,
                       sizeof sealed, plain);
    if (error == 0 && !foot_decode(plain, size, &ret_foot->begin, &ret_foot->sealed_size))
        error = -EBADMSG;
    return error == -EBADMSG
               ? failure_set(failure, EBADMSG, "%s is damaged: its directory does not open", path)
               : error;
}

int pack_foot_check(struct storage *storage, struct sealer *sealer,
                    const uint8_t salt[STORE_SALT_BYTES], struct failure *failure)
{
    char path[PACK_PATH_SIZE];

    pack_path(salt, path);
    return pack_foot_check_at(storage, sealer, path, failure);
}

int pack_foot_check_at(struct storage *storage, struct sealer *sealer, const char *path,
                       struct failure *failure)
{
    struct foot foot = {.begin = 0};

    return read_foot(storage, sealer, path, &foot, failure);
}

static int unseal_directory(struct storage *storage, struct sealer *sealer, const char *path,
                            uint64_t begin, size_t sealed_size, struct buffer *plain,
                            struct failure *failure)
{
    cleanup_buffer struct buffer sealed = BUFFER(PACK_DIRECTORY_LIMIT + SEAL_OVERHEAD_BYTES);
    int error = buffer_reserve(&sealed, sealed_size);

    buffer_clear(plain);
    if (error == 0)
        error = buffer_reserve(plain, sealed_size - SEAL_OVERHEAD_BYTES);
    if (error == 0)
        error = storage->class->read(storage, path, begin, sealed.data, sealed_size, failure);
    if (error == 0)
        error = unseal(sealer, begin, PACK_DIRECTORY_BOUND, strlen(PACK_DIRECTORY_BOUND),
                       sealed.data, sealed_size, plain->data);
    if (error == 0)
        plain->size = sealed_size - SEAL_OVERHEAD_BYTES;
    return error;
}

int pack_directory_read(struct storage *storage, struct sealer *sealer,
                        const uint8_t salt[STORE_SALT_BYTES], struct buffer *plain,
                        uint64_t *ret_end, struct failure *failure)
{
    char path[PACK_PATH_SIZE];

    pack_path(salt, path);
    return pack_directory_read_at(storage, sealer, salt, path, plain, ret_end, failure);
}

int pack_directory_read_at(struct storage *storage, struct sealer *sealer,
                           const uint8_t salt[STORE_SALT_BYTES], const char *path,
                           struct buffer *plain, uint64_t *ret_end, struct failure *failure)
{
    struct foot foot = {.begin = 0};
    int error = read_foot(storage, sealer, path, &foot, failure);

    if (error != 0)
        return error;
    error = unseal_directory(storage, sealer, path, foot.begin, foot.sealed_size, plain, failure);
    if (error == 0)
        error = pack_directory_decode(plain->data, plain->size, pack_hint(salt), foot.begin, NULL,
                                      NULL);
    if (error == -EBADMSG)
        return failure_set(failure, EBADMSG, "%s is damaged: its directory does not open", path);
    if (error == 0)
        *ret_end = foot.begin;
    return error;
}
