/* SPDX-License-Identifier: MIT */
#include "fs/store/image_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/base/buffer.h"
#include "fs/base/user_folder.h"
#include "fs/store/image_cache_internal.h"
#include "fs/store/tables.h"

#define FREE_SHARE 10 /* the bound unless one is given: one part of so many of what is free */
#define SCHEMA_LIMIT ((size_t)16 << 20)
#define FILES_LIMIT ((size_t)1 << 20)

int image_cache_create(const struct image_cache_options *options, struct image_cache **ret_cache)
{
    struct image_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        return -ENOMEM;
    cache->options = *options;
    cache->folder = -1;
    pthread_mutex_init(&cache->lock, NULL);
    cache->keys = file_keys_create(options->store);
    if (cache->keys == NULL) {
        image_cache_free(cache);
        return -ENOMEM;
    }
    *ret_cache = cache;
    return 0;
}

void image_cache_free(struct image_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->folder >= 0)
        close(cache->folder);
    file_keys_free(cache->keys);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* ---- Names ---- */

void kept_name(const struct image_key *key, char name[KEPT_NAME_SIZE])
{
    sodium_bin2hex(name, KEPT_NAME_SIZE, key->table, IMAGE_KEY_PART_BYTES);
    sodium_bin2hex(name + KEPT_NAME_DIGITS / 2, KEPT_NAME_SIZE - KEPT_NAME_DIGITS / 2, key->content,
                   IMAGE_KEY_PART_BYTES);
}

bool kept_name_valid(const char *name)
{
    return strlen(name) == KEPT_NAME_DIGITS && strspn(name, "0123456789abcdef") == KEPT_NAME_DIGITS;
}

void kept_path(const char *name, char path[KEPT_PATH_SIZE])
{
    snprintf(path, KEPT_PATH_SIZE, "%s/%s", IMAGE_CACHE_FOLDER, name);
}

static void begin_hash(struct image_cache *cache, crypto_generichash_state *state, const char *what,
                       const uint8_t identity[SOURCE_IDENTITY_BYTES])
{
    crypto_generichash_init(state, store_key(cache->options.store, STORE_CACHE_NAMES),
                            SEAL_KEY_BYTES, IMAGE_KEY_PART_BYTES);
    crypto_generichash_update(state, (const uint8_t *)what, strlen(what) + 1);
    crypto_generichash_update(state, identity, SOURCE_IDENTITY_BYTES);
}

int image_cache_key(struct image_cache *cache, const struct source_identity *identity,
                    const struct schema *schema, struct image_key *ret_key)
{
    cleanup_buffer struct buffer encoded = BUFFER(SCHEMA_LIMIT);
    crypto_generichash_state state;
    int error = schema_encode(schema, &encoded);

    if (error != 0)
        return error;
    begin_hash(cache, &state, "table", identity->place);
    crypto_generichash_update(&state, (const uint8_t *)schema->name, strlen(schema->name));
    crypto_generichash_final(&state, ret_key->table, IMAGE_KEY_PART_BYTES);
    /* The version, because another crmfs may cut or show the same rows in another way. */
    begin_hash(cache, &state, "content of crmfs " CRMFS_VERSION, identity->content);
    crypto_generichash_update(&state, encoded.data, encoded.size);
    crypto_generichash_final(&state, ret_key->content, IMAGE_KEY_PART_BYTES);
    return 0;
}

void image_cache_catalogue_key(struct image_cache *cache, const struct source_identity *identity,
                               struct image_key *ret_key)
{
    crypto_generichash_state state;

    begin_hash(cache, &state, "catalogue", identity->place);
    crypto_generichash_final(&state, ret_key->table, IMAGE_KEY_PART_BYTES);
    begin_hash(cache, &state, "catalogue of crmfs " CRMFS_VERSION, identity->content);
    crypto_generichash_final(&state, ret_key->content, IMAGE_KEY_PART_BYTES);
}

/* ---- The folder ---- */

/* Where the store is not on this machine: beside the user's other caches. */
static int open_user_folder(const struct image_cache *cache, bool make)
{
    char digits[2 * STORE_ID_BYTES + 1];
    cleanup_free char *folder = user_folder("XDG_CACHE_HOME", ".cache");
    cleanup_free char *path = NULL;

    sodium_bin2hex(digits, sizeof digits, store_header(cache->options.store)->id, STORE_ID_BYTES);
    if (folder == NULL || asprintf(&path, "%s/%s", folder, digits) < 0) {
        path = NULL;
        return -ENOENT;
    }
    if (make)
        user_folder_make(path);

    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return descriptor >= 0 ? descriptor : -errno;
}

static int open_folder(const struct image_cache *cache, bool make)
{
    struct storage *storage = store_storage(cache->options.store);
    int descriptor = -ENOTSUP;

    if (storage->class->local_folder != NULL)
        descriptor = storage->class->local_folder(storage, IMAGE_CACHE_FOLDER, make);
    return descriptor == -ENOTSUP ? open_user_folder(cache, make) : descriptor;
}

int image_cache_folder(struct image_cache *cache, bool make)
{
    pthread_mutex_lock(&cache->lock);
    int folder = cache->folder >= 0 ? cache->folder : open_folder(cache, make);

    if (folder >= 0)
        cache->folder = folder;
    pthread_mutex_unlock(&cache->lock);
    return folder;
}

struct list {
    struct cached_file *files;
    size_t count;
    uint64_t bytes;
};

static int add_file(struct list *list, const char *name, const struct stat *status)
{
    size_t count = list->count;

    if (count == FILES_LIMIT)
        return -EFBIG;
    if ((count & (count - 1)) == 0) {
        struct cached_file *more =
            reallocarray(list->files, count != 0 ? 2 * count : 1, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        list->files = more;
    }
    memcpy(list->files[count].name, name, KEPT_NAME_SIZE);
    list->files[count].size = (uint64_t)status->st_size;
    list->files[count].used = status->st_mtim;
    list->count++;
    list->bytes += (uint64_t)status->st_size;
    return 0;
}

static int list_stream(DIR *stream, struct list *list)
{
    const struct dirent *entry;
    struct stat status;
    int error = 0;

    while (error == 0 && (errno = 0, (entry = readdir(stream)) != NULL)) {
        if (kept_name_valid(entry->d_name) &&
            fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            error = add_file(list, entry->d_name, &status);
    }
    return error != 0 ? error : -errno;
}

static int by_use(const void *left, const void *right)
{
    const struct timespec *a = &((const struct cached_file *)left)->used;
    const struct timespec *b = &((const struct cached_file *)right)->used;

    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

static int list_files(struct image_cache *cache, struct list *ret_list)
{
    struct list list = {.count = 0};
    int folder = image_cache_folder(cache, false);

    if (folder < 0) {
        *ret_list = list;
        return folder == -ENOENT ? 0 : folder;
    }

    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;

    if (stream == NULL) {
        int error = -errno;

        if (descriptor >= 0)
            close(descriptor);
        return error;
    }

    int error = list_stream(stream, &list);

    closedir(stream);
    if (error != 0) {
        free(list.files);
        return error;
    }
    if (list.count != 0)
        qsort(list.files, list.count, sizeof *list.files, by_use);
    *ret_list = list;
    return 0;
}

int image_cache_list(struct image_cache *cache, struct cached_file **ret_files, size_t *ret_count)
{
    struct list list = {.count = 0};
    int error = list_files(cache, &list);

    if (error != 0)
        return error;
    *ret_files = list.files;
    *ret_count = list.count;
    return 0;
}

/* ---- Its bound ---- */

void image_cache_remove(struct image_cache *cache, const char *name)
{
    int folder = image_cache_folder(cache, false);

    if (folder >= 0)
        unlinkat(folder, name, 0);
}

static bool is_open(struct image_cache *cache, const char *name)
{
    bool found = false;

    pthread_mutex_lock(&cache->lock);
    for (const struct kept *kept = cache->open; kept != NULL && !found; kept = kept->next)
        found = strcmp(kept->name, name) == 0;
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void image_cache_supersede(struct image_cache *cache, const char *name)
{
    struct list list = {.count = 0};

    if (list_files(cache, &list) != 0)
        return;
    for (size_t i = 0; i < list.count; i++) {
        const char *other = list.files[i].name;

        if (strncmp(other, name, KEPT_NAME_DIGITS / 2) == 0 && strcmp(other, name) != 0 &&
            !is_open(cache, other))
            image_cache_remove(cache, other);
    }
    free(list.files);
}

/* How much the files may take, which take USED_BYTES now. */
static uint64_t limit_of(struct image_cache *cache, uint64_t used_bytes)
{
    int folder = image_cache_folder(cache, false);
    struct statvfs space;

    if (cache->options.limit_bytes != 0)
        return cache->options.limit_bytes;
    if (folder < 0 || fstatvfs(folder, &space) != 0)
        return 0;
    return ((uint64_t)space.f_bavail * space.f_frsize + used_bytes) / FREE_SHARE;
}

uint64_t image_cache_limit(struct image_cache *cache)
{
    struct image_cache_usage usage;

    image_cache_usage(cache, &usage);
    return usage.limit_bytes;
}

void image_cache_usage(struct image_cache *cache, struct image_cache_usage *ret_usage)
{
    struct list list = {.count = 0};

    if (list_files(cache, &list) == 0)
        free(list.files);
    *ret_usage = (struct image_cache_usage){
        .count = list.count, .used_bytes = list.bytes, .limit_bytes = limit_of(cache, list.bytes)};
}

int image_cache_make_room(struct image_cache *cache, uint64_t more)
{
    struct list list = {.count = 0};
    int error = list_files(cache, &list);

    if (error != 0)
        return error;

    uint64_t limit = limit_of(cache, list.bytes);

    for (size_t i = 0; i < list.count && list.bytes + more > limit; i++) {
        if (is_open(cache, list.files[i].name))
            continue;
        image_cache_remove(cache, list.files[i].name);
        list.bytes -= list.files[i].size;
    }
    free(list.files);
    return list.bytes + more > limit ? -ENOSPC : 0;
}
