/* SPDX-License-Identifier: MIT */
/*
 * A file without a name is written, flushed, and given its name: so nothing is left of one that
 * was not finished, whatever happens, and two that write the same do not meet. It is flushed not
 * because it must not be lost, but so that a power cut rarely leaves one that is damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/little_endian.h"
#include "fs/base/owner.h"
#include "fs/store/image_cache_internal.h"
#include "fs/store/kept_layout.h"

#define COMPRESSION_LEVEL 1

struct kept_writer {
    struct image_cache *cache;
    char name[KEPT_NAME_SIZE];
    int file;
    struct sealer *sealer;
    ZSTD_CCtx *compressor; /* NULL: the store does not compress */
    struct buffer packed;
    struct buffer sealed;
    uint64_t end;
    uint64_t limit_bytes;
    struct kept_group *groups;
    size_t count;
};

static int refuse(struct failure *failure, int error)
{
    return failure_set(failure, -error, "cannot keep the table for the next mount: %s",
                       strerror(-error));
}

static int write_all(struct kept_writer *writer, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;

    while (size > 0) {
        ssize_t written = pwrite(writer->file, from, size, (off_t)writer->end);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        from += written;
        writer->end += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

static int seal_and_write(struct kept_writer *writer, const void *label, size_t label_size,
                          const void *plain, size_t size)
{
    buffer_clear(&writer->sealed);

    int error = buffer_reserve(&writer->sealed, size + SEAL_OVERHEAD_BYTES);

    if (error == 0)
        error =
            seal(writer->sealer, writer->end, label, label_size, plain, size, writer->sealed.data);
    return error == 0 ? write_all(writer, writer->sealed.data, size + SEAL_OVERHEAD_BYTES) : error;
}

static int begin_file(struct kept_writer *writer, struct failure *failure)
{
    struct store *store = writer->cache->options.store;
    int folder = image_cache_folder(writer->cache, true);
    uint8_t head[KEPT_HEAD_BYTES] = KEPT_MAGIC;
    char path[KEPT_PATH_SIZE];

    if (folder < 0)
        return folder;
    writer->file = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0444);
    if (writer->file < 0)
        return errno == EISDIR || errno == ENOENT ? -EOPNOTSUPP : -errno;

    int given = owner_follow(folder, writer->file);

    if (given != 0)
        return given;
    writer->limit_bytes = image_cache_limit(writer->cache);
    randombytes_buf(head + 8, STORE_SALT_BYTES);
    kept_path(writer->name, path);

    int error = store_file_sealer(store, STORE_CACHE, head + 8, path, &writer->sealer, failure);

    return error == 0 ? write_all(writer, head, sizeof head) : error;
}

int kept_writer_create(struct image_cache *cache, const struct image_key *key,
                       struct kept_writer **ret_writer, struct failure *failure)
{
    struct kept_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL)
        return -ENOMEM;
    writer->cache = cache;
    writer->file = -1;
    writer->packed = BUFFER(KEPT_GROUP_LIMIT);
    writer->sealed = BUFFER(KEPT_GROUP_LIMIT + SEAL_OVERHEAD_BYTES);
    kept_name(key, writer->name);

    bool compress = store_header(cache->options.store)->compression_level != 0;

    if (compress)
        writer->compressor = ZSTD_createCCtx();

    int error = cache->options.read_only                 ? -EROFS
                : compress && writer->compressor == NULL ? -ENOMEM
                                                         : begin_file(writer, failure);

    if (error != 0) {
        kept_writer_free(writer);
        return refuse(failure, error);
    }
    *ret_writer = writer;
    return 0;
}

static int add_group(struct kept_writer *writer, const struct kept_group *group)
{
    size_t count = writer->count;

    if (count == KEPT_GROUPS_LIMIT)
        return -EFBIG;
    if ((count & (count - 1)) == 0) {
        struct kept_group *more =
            reallocarray(writer->groups, count != 0 ? 2 * count : 1, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        writer->groups = more;
    }
    writer->groups[writer->count++] = *group;
    return 0;
}

/* Compresses if that makes it smaller; *BYTES and *SIZE then point to the result. */
static int pack(struct kept_writer *writer, const void **bytes, size_t *size)
{
    buffer_clear(&writer->packed);

    int error = buffer_reserve(&writer->packed, *size);

    if (error != 0)
        return error;

    size_t packed = ZSTD_compressCCtx(writer->compressor, writer->packed.data, *size - 1, *bytes,
                                      *size, COMPRESSION_LEVEL);

    if (!ZSTD_isError(packed)) {
        *bytes = writer->packed.data;
        *size = packed;
    }
    return 0;
}

int kept_writer_add(struct kept_writer *writer, const void *bytes, const struct kept_group *group,
                    struct failure *failure)
{
    struct kept_group added = *group;
    size_t size = group->place.size;
    uint8_t label[8];
    int error = size == 0 || size > KEPT_GROUP_LIMIT ? -EFBIG : 0;

    put_u64(label, writer->count);
    if (error == 0 && writer->compressor != NULL && size > 1)
        error = pack(writer, &bytes, &size);
    added.place.offset = writer->end;
    added.place.sealed_size = (uint32_t)(size + SEAL_OVERHEAD_BYTES);
    if (error == 0 && writer->end + added.place.sealed_size > writer->limit_bytes)
        error = -ENOSPC;
    if (error == 0)
        error = add_group(writer, &added);
    if (error == 0)
        error = seal_and_write(writer, label, sizeof label, bytes, size);
    return error == 0 ? 0 : refuse(failure, error);
}

static int write_directory(struct kept_writer *writer)
{
    const struct kept_foot foot = {.directory = writer->end, .count = writer->count};
    size_t blocks = kept_block_count(writer->count);
    cleanup_free uint8_t *plain = malloc(KEPT_BLOCK_MOST);
    uint8_t foot_bytes[KEPT_FOOT_BYTES];
    int error = plain == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < blocks && error == 0; i++) {
        bool last = i + 1 == blocks;
        size_t first = i * KEPT_BLOCK_ENTRIES;
        size_t count = last ? writer->count - first : KEPT_BLOCK_ENTRIES;
        size_t size = last ? kept_last_block_bytes(&foot) : KEPT_BLOCK_BYTES;

        kept_block_encode(count > 0 ? &writer->groups[first] : NULL, count, plain, size);
        error = seal_and_write(writer, KEPT_DIRECTORY_LABEL, sizeof KEPT_DIRECTORY_LABEL - 1, plain,
                               size);
    }
    kept_foot_encode(&foot, foot_bytes);
    return error != 0 ? error
                      : seal_and_write(writer, KEPT_FOOT_LABEL, sizeof KEPT_FOOT_LABEL - 1,
                                       foot_bytes, sizeof foot_bytes);
}

/* Whoever has kept the same meanwhile was as good. */
static int name_file(const struct kept_writer *writer)
{
    int folder = image_cache_folder(writer->cache, true);
    char path[sizeof "/proc/self/fd/" + 12];

    if (folder < 0)
        return folder;
    snprintf(path, sizeof path, "/proc/self/fd/%d", writer->file);
    if (linkat(AT_FDCWD, path, folder, writer->name, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST)
        return 0;
    return -errno;
}

int kept_writer_finish(struct kept_writer *writer, struct failure *failure)
{
    int error = write_directory(writer);

    if (error == 0 && fdatasync(writer->file) != 0)
        error = -errno;
    if (error == 0)
        image_cache_supersede(writer->cache, writer->name);
    if (error == 0)
        error = image_cache_make_room(writer->cache, writer->end);
    if (error == 0)
        error = name_file(writer);
    /* Another mount may have had the same idea of how much room there was. */
    if (error == 0)
        image_cache_make_room(writer->cache, 0);
    return error == 0 ? 0 : refuse(failure, error);
}

void kept_writer_free(struct kept_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file >= 0)
        close(writer->file);
    sealer_free(writer->sealer);
    ZSTD_freeCCtx(writer->compressor);
    buffer_release(&writer->packed);
    buffer_release(&writer->sealed);
    free(writer->groups);
    free(writer);
}
