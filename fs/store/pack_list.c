/* SPDX-License-Identifier: MIT */
#include "fs/store/pack_list.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define SALTS_KEPT ((size_t)1 << 16)        /* 2 MiB, of all folders together */
#define FOLDER_SALTS_MOST ((size_t)1 << 20) /* 256 million packs in the store */

typedef uint8_t pack_salt_bytes[STORE_SALT_BYTES];

/* The packs of one folder, in the order of their salts. */
struct folder {
    pack_salt_bytes *salts;
    size_t count;
    size_t room;
    uint8_t number;
    uint64_t used; /* when, in calls */
};

struct pack_list {
    struct storage *storage;
    pthread_mutex_t lock; /* guards all below */
    struct folder folders[PACK_FOLDERS];
    size_t kept; /* salts, of all folders */
    uint64_t calls;
};

struct pack_list *pack_list_create(struct storage *storage)
{
    struct pack_list *list = calloc(1, sizeof *list);

    if (list != NULL) {
        list->storage = storage;
        pthread_mutex_init(&list->lock, NULL);
    }
    return list;
}

/* A storage_visit. Names that are none of a pack are not ours. */
static int note_pack(void *context, const char *name, uint64_t size, time_t modified)
{
    struct folder *folder = context;
    const char *slash = strrchr(name, '/');
    pack_salt_bytes salt;

    (void)size;
    (void)modified;
    if (!pack_salt(slash != NULL ? slash + 1 : name, salt) || salt[0] != folder->number)
        return 0;
    if (folder->count == FOLDER_SALTS_MOST)
        return -EFBIG;
    if (folder->count == folder->room) {
        size_t room = folder->room == 0 ? 16 : folder->room * 2;
        pack_salt_bytes *salts = realloc(folder->salts, room * sizeof *salts);

        if (salts == NULL)
            return -ENOMEM;
        folder->salts = salts;
        folder->room = room;
    }
    memcpy(folder->salts[folder->count++], salt, sizeof salt);
    return 0;
}

static int compare_salts(const void *left, const void *right)
{
    return memcmp(left, right, STORE_SALT_BYTES);
}

static int list_folder(struct storage *storage, uint8_t number, struct folder *ret_folder,
                       struct failure *failure)
{
    struct folder folder = {.number = number};
    char path[sizeof PACK_FOLDER "/00"];

    snprintf(path, sizeof path, PACK_FOLDER "/%02x", number);

    int error = storage->class->list(storage, path, note_pack, &folder, failure);

    if (error != 0 && error != -ENOENT) {
        free(folder.salts);
        return error;
    }
    if (folder.count > 0)
        qsort(folder.salts, folder.count, sizeof *folder.salts, compare_salts);
    *ret_folder = folder;
    return 0;
}

/* The lock is held. */
static void forget(struct pack_list *list, struct folder *folder)
{
    list->kept -= folder->count;
    free(folder->salts);
    *folder = (struct folder){0};
}

/* Makes room by forgetting the folders that were used the longest ago. The lock is held. */
static void make_room(struct pack_list *list, size_t wanted)
{
    while (list->kept > 0 && list->kept + wanted > SALTS_KEPT) {
        struct folder *oldest = NULL;

        for (size_t i = 0; i < PACK_FOLDERS; i++) {
            struct folder *folder = &list->folders[i];

            if (folder->count > 0 && (oldest == NULL || folder->used < oldest->used))
                oldest = folder;
        }
        if (oldest == NULL)
            break;
        forget(list, oldest);
    }
}

/* The storage is asked without the lock. */
static int refresh(struct pack_list *list, uint8_t number, struct failure *failure)
{
    struct folder fresh;
    int error = list_folder(list->storage, number, &fresh, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&list->lock);
    forget(list, &list->folders[number]);
    make_room(list, fresh.count);
    fresh.used = ++list->calls;
    list->folders[number] = fresh;
    list->kept += fresh.count;
    pthread_mutex_unlock(&list->lock);
    return 0;
}

int pack_list_known(struct pack_list *list, uint64_t hint, int most,
                    uint8_t ret_salts[][STORE_SALT_BYTES])
{
    struct folder *folder = &list->folders[hint & 0xff];
    int found = 0;

    pthread_mutex_lock(&list->lock);
    folder->used = ++list->calls;

    pack_salt_bytes first = {0};
    size_t low = 0;
    size_t high = folder->count;

    for (size_t i = 0; i < sizeof hint; i++)
        first[i] = (uint8_t)(hint >> (8 * i));
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (memcmp(folder->salts[middle], first, sizeof first) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < folder->count && found < most; low++) {
        if (pack_hint(folder->salts[low]) != hint)
            break;
        memcpy(ret_salts[found++], folder->salts[low], STORE_SALT_BYTES);
    }
    pthread_mutex_unlock(&list->lock);
    return found;
}

int pack_list_find(struct pack_list *list, uint64_t hint, int most,
                   uint8_t ret_salts[][STORE_SALT_BYTES], struct failure *failure)
{
    int found = pack_list_known(list, hint, most, ret_salts);

    if (found > 0)
        return found;

    int error = refresh(list, (uint8_t)(hint & 0xff), failure);

    return error != 0 ? error : pack_list_known(list, hint, most, ret_salts);
}

void pack_list_forget(struct pack_list *list)
{
    pthread_mutex_lock(&list->lock);
    for (size_t i = 0; i < PACK_FOLDERS; i++)
        forget(list, &list->folders[i]);
    pthread_mutex_unlock(&list->lock);
}

int pack_list_folder(struct pack_list *list, uint8_t folder,
                     uint8_t (**ret_salts)[STORE_SALT_BYTES], size_t *ret_count,
                     struct failure *failure)
{
    struct folder listed;
    int error = list_folder(list->storage, folder, &listed, failure);

    if (error != 0)
        return error;
    *ret_salts = listed.salts;
    *ret_count = listed.count;
    return 0;
}

void pack_list_free(struct pack_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < PACK_FOLDERS; i++)
        free(list->folders[i].salts);
    pthread_mutex_destroy(&list->lock);
    free(list);
}
