/* SPDX-License-Identifier: MIT */
#include "fs/store/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/little_endian.h"
#include "fs/store/image_cache_internal.h"
#include "fs/store/kept_layout.h"

static int read_all(int file, uint8_t *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t taken = pread(file, bytes, size, (off_t)offset);

        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0)
            return taken < 0 ? -errno : -EBADMSG;
        bytes += taken;
        offset += (uint64_t)taken;
        size -= (size_t)taken;
    }
    return 0;
}

/* ---- Opening ---- */

static int open_by_name(struct image_cache *cache, const char *name)
{
    int folder = image_cache_folder(cache, false);
    int file = folder < 0 ? folder
                          : openat(folder, name,
                                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    return folder >= 0 && file < 0 ? -errno : file;
}

static int read_head(struct kept *kept)
{
    uint8_t head[KEPT_HEAD_BYTES];
    struct stat status;

    if (fstat(kept->file, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size % KEPT_ROUND_BYTES != 0)
        return -EBADMSG;
    kept->size = (uint64_t)status.st_size;

    int error = read_all(kept->file, head, sizeof head, 0);

    if (error != 0 || memcmp(head, KEPT_MAGIC, 8) != 0)
        return error != 0 ? error : -EBADMSG;
    memcpy(kept->salt, head + 8, STORE_SALT_BYTES);
    return 0;
}

int kept_open_file(struct kept *kept)
{
    kept->file = open_by_name(kept->cache, kept->name);
    if (kept->file < 0)
        return kept->file;

    int error = read_head(kept);

    if (error != 0)
        close(steal_fd(&kept->file));
    return error;
}

/* ---- The directory ---- */

struct directory {
    struct kept *kept;
    struct sealer *sealer;
    struct kept_foot foot;
    uint8_t *sealed; /* KEPT_BLOCK_MOST and a tag */
    uint8_t *plain;
};

static int read_foot(struct directory *directory)
{
    const struct kept *kept = directory->kept;
    uint64_t at = kept->size - KEPT_FOOT_SEALED;
    uint8_t sealed[KEPT_FOOT_SEALED];
    uint8_t plain[KEPT_FOOT_BYTES];
    int error = read_all(kept->file, sealed, sizeof sealed, at);

    if (error == 0)
        error = unseal(directory->sealer, at, KEPT_FOOT_LABEL, sizeof KEPT_FOOT_LABEL - 1, sealed,
                       sizeof sealed, plain);
    return error == 0 ? kept_foot_decode(plain, kept->size, &directory->foot) : error;
}

static int read_block(struct directory *directory, uint64_t at, size_t size)
{
    int error = read_all(directory->kept->file, directory->sealed, size + SEAL_OVERHEAD_BYTES, at);

    if (error != 0)
        return error;
    return unseal(directory->sealer, at, KEPT_DIRECTORY_LABEL, sizeof KEPT_DIRECTORY_LABEL - 1,
                  directory->sealed, size + SEAL_OVERHEAD_BYTES, directory->plain);
}

static int read_blocks(struct directory *directory, struct kept_group *groups)
{
    size_t blocks = kept_block_count(directory->foot.count);
    size_t left = directory->foot.count;
    uint64_t at = directory->foot.directory;
    uint64_t end = KEPT_HEAD_BYTES;
    int error = 0;

    for (size_t i = 0; i < blocks && error == 0; i++) {
        bool last = i + 1 == blocks;
        size_t count = last ? left : KEPT_BLOCK_ENTRIES;
        size_t size = last ? kept_last_block_bytes(&directory->foot) : KEPT_BLOCK_BYTES;

        error = read_block(directory, at, size);
        if (error == 0)
            error = kept_block_decode(directory->plain, size, count, &end, groups);
        groups += count;
        left -= count;
        at += size + SEAL_OVERHEAD_BYTES;
    }
    return error == 0 && end != directory->foot.directory ? -EBADMSG : error;
}

static int read_groups(struct directory *directory, struct kept_group **ret_groups)
{
    int error = read_foot(directory);

    if (error != 0)
        return error;

    cleanup_free struct kept_group *groups = allocate_array(directory->foot.count, sizeof *groups);

    directory->sealed = malloc(KEPT_BLOCK_MOST + SEAL_OVERHEAD_BYTES);
    directory->plain = malloc(KEPT_BLOCK_MOST);
    error = groups == NULL || directory->sealed == NULL || directory->plain == NULL
                ? -ENOMEM
                : read_blocks(directory, groups);
    free(directory->sealed);
    free(directory->plain);
    if (error == 0)
        *ret_groups = steal_pointer(&groups);
    return error;
}

static int take_sealer(const struct kept *kept, struct sealer **ret_sealer, struct failure *failure)
{
    char path[KEPT_PATH_SIZE];

    kept_path(kept->name, path);
    return file_keys_take(kept->cache->keys, STORE_CACHE, kept->salt, path, ret_sealer, failure);
}

int kept_read_directory(struct kept *kept, struct kept_group **ret_groups, size_t *ret_count,
                        struct failure *failure)
{
    struct directory directory = {.kept = kept};
    int error = take_sealer(kept, &directory.sealer, failure);

    if (error != 0)
        return error;
    error = read_groups(&directory, ret_groups);
    file_keys_give(kept->cache->keys, directory.sealer);
    if (error == 0)
        *ret_count = directory.foot.count;
    return error;
}

/* ---- In use ---- */

/* Known to be in use before it is opened, so that this process does not remove it any more. */
static void enter(struct kept *kept)
{
    struct image_cache *cache = kept->cache;

    pthread_mutex_lock(&cache->lock);
    kept->next = cache->open;
    cache->open = kept;
    pthread_mutex_unlock(&cache->lock);
}

/* Keeps the file open while there are not too many such. */
static void hold_file(struct kept *kept)
{
    struct image_cache *cache = kept->cache;

    if (!cache->options.read_only)
        futimens(kept->file, NULL); /* used now */
    pthread_mutex_lock(&cache->lock);
    bool hold = cache->files_held < IMAGE_CACHE_FILES_HELD;

    cache->files_held += hold;
    pthread_mutex_unlock(&cache->lock);
    if (!hold)
        close(steal_fd(&kept->file));
}

static void leave(struct kept *kept, bool held)
{
    struct image_cache *cache = kept->cache;

    pthread_mutex_lock(&cache->lock);
    struct kept **link = &cache->open;

    while (*link != kept)
        link = &(*link)->next;
    *link = kept->next;
    cache->files_held -= held;
    pthread_mutex_unlock(&cache->lock);
}

int kept_open(struct image_cache *cache, const struct image_key *key, struct kept **ret_kept,
              struct kept_group **ret_groups, size_t *ret_count, struct failure *failure)
{
    struct kept *kept = calloc(1, sizeof *kept);

    if (kept == NULL)
        return -ENOMEM;
    kept->cache = cache;
    kept->file = -1;
    kept_name(key, kept->name);
    enter(kept);

    int error = kept_open_file(kept);

    if (error == 0)
        error = kept_read_directory(kept, ret_groups, ret_count, failure);
    if (error == -EBADMSG)
        kept_discard(kept);
    if (error == 0) {
        hold_file(kept);
        *ret_kept = kept;
        return 0;
    }
    if (kept->file >= 0)
        close(kept->file);
    leave(kept, false);
    free(kept);
    return error;
}

void kept_discard(struct kept *kept)
{
    if (!kept->cache->options.read_only)
        image_cache_remove(kept->cache, kept->name);
}

void kept_close(struct kept *kept)
{
    if (kept == NULL)
        return;
    leave(kept, kept->file >= 0);
    if (kept->file >= 0)
        close(kept->file);
    free(kept);
}

/* ---- Groups ---- */

void kept_scratch_release(struct kept_scratch *scratch)
{
    buffer_release(&scratch->sealed);
    buffer_release(&scratch->packed);
    ZSTD_freeDCtx(scratch->decompressor);
    scratch->decompressor = NULL;
}

static int make_scratch(struct kept_scratch *scratch, const struct kept_place *place, bool packed)
{
    scratch->sealed.limit = KEPT_GROUP_LIMIT + SEAL_OVERHEAD_BYTES;
    scratch->packed.limit = KEPT_GROUP_LIMIT;
    buffer_clear(&scratch->sealed);
    buffer_clear(&scratch->packed);
    if (packed && scratch->decompressor == NULL)
        scratch->decompressor = ZSTD_createDCtx();
    if (packed && scratch->decompressor == NULL)
        return -ENOMEM;

    int error = buffer_reserve(&scratch->sealed, place->sealed_size);

    return error != 0 || !packed ? error : buffer_reserve(&scratch->packed, place->sealed_size);
}

static int read_sealed(const struct kept *kept, const struct kept_place *place, uint8_t *sealed)
{
    if (kept->file >= 0)
        return read_all(kept->file, sealed, place->sealed_size, place->offset);

    cleanup_fd int file = open_by_name(kept->cache, kept->name);

    return file < 0 ? file : read_all(file, sealed, place->sealed_size, place->offset);
}

int kept_read(struct kept *kept, size_t number, const struct kept_place *place,
              struct kept_scratch *scratch, struct buffer *output)
{
    size_t stored = place->sealed_size - SEAL_OVERHEAD_BYTES;
    bool packed = stored != place->size;
    uint8_t label[8];
    struct sealer *sealer;

    put_u64(label, number);
    buffer_clear(output);

    int error = make_scratch(scratch, place, packed);

    if (error == 0)
        error = buffer_reserve(output, place->size);
    if (error == 0)
        error = read_sealed(kept, place, scratch->sealed.data);
    if (error == 0)
        error = take_sealer(kept, &sealer, NULL);
    if (error != 0)
        return error;
    error = unseal(sealer, place->offset, label, sizeof label, scratch->sealed.data,
                   place->sealed_size, packed ? scratch->packed.data : output->data);
    file_keys_give(kept->cache->keys, sealer);
    if (error == 0 && packed &&
        ZSTD_decompressDCtx(scratch->decompressor, output->data, place->size, scratch->packed.data,
                            stored) != place->size)
        error = -EBADMSG;
    if (error == 0)
        output->size = place->size;
    return error;
}

void kept_expect(const struct kept *kept, const struct kept_place *place)
{
    if (kept->file >= 0)
        posix_fadvise(kept->file, (off_t)place->offset, place->sealed_size, POSIX_FADV_WILLNEED);
}
