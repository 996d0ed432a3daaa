/* SPDX-License-Identifier: MIT */
/* Going through an image cache as part of its store: check and prune. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/store/image_cache_internal.h"

/* What a look at all kept images needs. */
struct care {
    struct image_cache *cache;
    bool read_data;
    struct kept_scratch scratch;
    struct buffer group;
};

static int read_groups(struct care *care, struct kept *kept, const struct kept_group *groups,
                       size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++)
        error = kept_read(kept, i, &groups[i].place, &care->scratch, &care->group);
    return error;
}

/* 0; -EBADMSG; -ENOENT: gone meanwhile; -ENOMEM, -EIO … */
static int look_at(struct care *care, const char *name)
{
    struct kept kept = {.cache = care->cache, .file = -1};
    cleanup_free struct kept_group *groups = NULL;
    size_t count = 0;

    memcpy(kept.name, name, sizeof kept.name);

    int error = kept_open_file(&kept);

    if (error != 0)
        return error;
    error = kept_read_directory(&kept, &groups, &count, NULL);
    if (error == 0 && care->read_data)
        error = read_groups(care, &kept, groups, count);
    close(kept.file);
    return error;
}

/* CARED: called for each, with whether it is damaged. */
static int go_through(struct store *store, bool read_data,
                      void (*cared)(void *context, struct image_cache *cache,
                                    const struct cached_file *file, bool damaged),
                      void *context)
{
    const struct image_cache_options options = {.store = store};
    struct care care = {.read_data = read_data, .group = BUFFER(KEPT_GROUP_LIMIT)};
    cleanup_free struct cached_file *files = NULL;
    size_t count = 0;
    int error = image_cache_create(&options, &care.cache);

    if (error != 0)
        return error;
    error = image_cache_list(care.cache, &files, &count);
    for (size_t i = 0; i < count && error == 0; i++) {
        int found = look_at(&care, files[i].name);

        if (found == -ENOMEM)
            error = found;
        else if (found != -ENOENT)
            cared(context, care.cache, &files[i], found != 0);
    }
    kept_scratch_release(&care.scratch);
    buffer_release(&care.group);
    image_cache_free(care.cache);
    return error;
}

static int refuse(struct failure *failure, int error)
{
    return error == 0 ? 0
                      : failure_set(failure, -error, "cannot look at the kept tables: %s",
                                    strerror(-error));
}

static void add(struct image_cache_sum *sum, const struct cached_file *file, bool damaged)
{
    sum->count++;
    sum->bytes += file->size;
    sum->damaged += damaged;
}

static void count_file(void *context, struct image_cache *cache, const struct cached_file *file,
                       bool damaged)
{
    (void)cache;
    add(context, file, damaged);
}

int image_cache_check(struct store *store, bool read_data, struct image_cache_sum *ret_sum,
                      struct failure *failure)
{
    struct image_cache_sum sum = {.count = 0};
    int error = go_through(store, read_data, count_file, &sum);

    if (error == 0)
        *ret_sum = sum;
    return refuse(failure, error);
}

struct pruning {
    time_t used_before;
    bool dry_run;
    struct image_cache_sum removed;
};

static void prune_file(void *context, struct image_cache *cache, const struct cached_file *file,
                       bool damaged)
{
    struct pruning *pruning = context;

    if (!damaged && file->used.tv_sec >= pruning->used_before)
        return;
    add(&pruning->removed, file, damaged);
    if (!pruning->dry_run)
        image_cache_remove(cache, file->name);
}

int image_cache_prune(struct store *store, uint64_t unused_seconds, bool dry_run,
                      struct image_cache_sum *ret_removed, struct failure *failure)
{
    struct pruning pruning = {.used_before = time(NULL) - (time_t)unused_seconds,
                              .dry_run = dry_run};
    int error = go_through(store, false, prune_file, &pruning);

    if (error == 0)
        *ret_removed = pruning.removed;
    return refuse(failure, error);
}

void image_cache_clear(struct store *store, struct image_cache_sum *ret_removed)
{
    const struct image_cache_options options = {.store = store};
    cleanup_free struct cached_file *files = NULL;
    struct image_cache *cache;
    size_t count = 0;

    *ret_removed = (struct image_cache_sum){.count = 0};
    if (image_cache_create(&options, &cache) != 0)
        return;
    if (image_cache_list(cache, &files, &count) != 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        add(ret_removed, &files[i], false);
        image_cache_remove(cache, files[i].name);
    }
    image_cache_free(cache);
}
