/* SPDX-License-Identifier: MIT */
/* What the files of an image cache share: its folder, and which kept images are in use here. */
#ifndef CRMFS_STORE_IMAGE_CACHE_INTERNAL_H
#define CRMFS_STORE_IMAGE_CACHE_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/store/file_keys.h"
#include "fs/store/kept.h"

#define KEPT_NAME_DIGITS ((size_t)4 * IMAGE_KEY_PART_BYTES)
#define KEPT_NAME_SIZE (KEPT_NAME_DIGITS + 1)
#define IMAGE_CACHE_FOLDER "cache"
#define IMAGE_CACHE_FILES_HELD 128 /* descriptors; what else is open is opened for each read */

struct kept {
    struct image_cache *cache;
    struct kept *next; /* guarded by the cache's lock */
    int file;          /* -1: opened for each read */
    uint64_t size;     /* of the file */
    uint8_t salt[STORE_SALT_BYTES];
    char name[KEPT_NAME_SIZE];
};

struct image_cache {
    struct image_cache_options options;
    struct file_keys *keys;

    pthread_mutex_t lock; /* guards all below */
    int folder;           /* -1: not opened yet; stays open then */
    struct kept *open;    /* those in use in this process */
    unsigned files_held;
};

void kept_name(const struct image_key *key, char name[KEPT_NAME_SIZE]);
bool kept_name_valid(const char *name);

/* The name below the store, as the file's key is made of it. */
#define KEPT_PATH_SIZE (sizeof IMAGE_CACHE_FOLDER + KEPT_NAME_SIZE)
void kept_path(const char *name, char path[KEPT_PATH_SIZE]);

/* The folder's descriptor, the cache's own; made if missing and MAKE. Or -errno. */
int image_cache_folder(struct image_cache *cache, bool make);

/* Opens the file of KEPT's name and checks its head; sets file, size and salt. -ENOENT, -EBADMSG …
 */
int kept_open_file(struct kept *kept);

/* The groups of an open file. -EBADMSG, -ENOMEM, -EIO … */
int kept_read_directory(struct kept *kept, struct kept_group **ret_groups, size_t *ret_count,
                        struct failure *failure);

struct cached_file {
    char name[KEPT_NAME_SIZE];
    uint64_t size;
    struct timespec used; /* when last */
};

/* All kept images, those not used for longest first; the caller's to free. None: no folder. */
int image_cache_list(struct image_cache *cache, struct cached_file **ret_files, size_t *ret_count);

void image_cache_remove(struct image_cache *cache, const char *name);

/* Removes what is kept of the table of NAME but NAME itself, and nobody in this process uses. */
void image_cache_supersede(struct image_cache *cache, const char *name);

/* Removes those not used for longest, none of this process, until MORE bytes fit. -ENOSPC. */
int image_cache_make_room(struct image_cache *cache, uint64_t more);

uint64_t image_cache_limit(struct image_cache *cache);

#endif
