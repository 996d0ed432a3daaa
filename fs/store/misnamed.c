/* SPDX-License-Identifier: MIT */
#include "fs/store/misnamed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/durable.h"
#include "fs/store/pack.h"
#include "fs/store/pack_layout.h"
#include "fs/store/pack_rivals.h"

#define PIECE_BYTES ((size_t)256 << 10)
#define ASIDE ".aside" /* and a digit from 1 to 9 */
#define ASIDE_PATH_SIZE (PACK_PATH_SIZE + sizeof ASIDE + 1)
#define PASSES_MOST 16 /* of packs that stand in one another's place */

/* ---- Looking ---- */

struct paths {
    char **items;
    size_t count;
};

static void release_paths(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free((void *)paths->items);
}

/* A storage_visit. */
static int note_path(void *context, const char *name, uint64_t size, time_t modified)
{
    struct paths *paths = context;
    char path[STORAGE_NAME_LIMIT + 1];

    (void)modified;
    if (size < PACK_HEAD_BYTES + PACK_FOOT_BYTES || size > PACK_BYTES_MOST ||
        strlen(name) + sizeof PACK_FOLDER >= sizeof path)
        return 0;
    if ((paths->count & (paths->count - 1)) == 0) {
        size_t room = paths->count != 0 ? 2 * paths->count : 1;
        char **items = reallocarray((void *)paths->items, room, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        paths->items = items;
    }
    memcpy(path, PACK_FOLDER "/", sizeof PACK_FOLDER);
    memcpy(path + sizeof PACK_FOLDER, name, strlen(name) + 1);
    paths->items[paths->count] = strdup(path);
    return paths->items[paths->count] != NULL ? (paths->count++, 0) : -ENOMEM;
}

/* 1: the file at PATH is the pack that OWN, which it is to be called, names. 0: it is not. */
static int is_misnamed(struct store *store, const char *path, char own[PACK_PATH_SIZE])
{
    struct storage *storage = store_storage(store);
    uint8_t head[PACK_HEAD_BYTES];
    struct sealer *sealer;
    int error = storage->class->read(storage, path, 0, head, sizeof head, NULL);

    if (error != 0)
        return error == -ENOMEM ? error : 0;
    pack_path(head + strlen(PACK_MAGIC), own);
    if (memcmp(head, PACK_MAGIC, strlen(PACK_MAGIC)) != 0 || strcmp(path, own) == 0)
        return 0;
    error = store_file_sealer(store, STORE_PACKS, head + strlen(PACK_MAGIC), own, &sealer, NULL);
    if (error != 0)
        return error;
    error = pack_foot_check_at(storage, sealer, path, NULL);
    sealer_free(sealer);
    return error == -ENOMEM ? error : error == 0;
}

int misnamed_find(struct store *store, misnamed_visit *visit, void *context,
                  struct failure *failure)
{
    struct storage *storage = store_storage(store);
    struct paths paths = {.count = 0};
    int error = storage->class->list(storage, PACK_FOLDER, note_path, &paths, failure);

    for (size_t i = 0; i < paths.count && error == 0; i++) {
        char own[PACK_PATH_SIZE];
        uint64_t size;

        error = is_misnamed(store, paths.items[i], own);
        if (error == 1)
            error = visit(context, paths.items[i], own,
                          storage->class->size(storage, own, &size, NULL) == -ENOENT);
    }
    release_paths(&paths);
    return error;
}

/* ---- Putting back ---- */

struct putting {
    struct store *store;
    uint8_t *piece; /* PIECE_BYTES, twice */
    size_t changed; /* in this pass */
    struct misnamed_result result;
    struct failure *failure;
};

static int append_all(struct putting *putting, struct storage_writer *writer, const char *path,
                      uint64_t size)
{
    struct storage *storage = store_storage(putting->store);
    int error = 0;

    for (uint64_t at = 0; at < size && error == 0; at += PIECE_BYTES) {
        size_t length = size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;

        error = storage->class->read(storage, path, at, putting->piece, length, putting->failure);
        if (error == 0)
            error = storage->class->append(writer, putting->piece, length, putting->failure);
    }
    return error;
}

static int copy_to(struct putting *putting, const char *path, const char *to)
{
    struct storage *storage = store_storage(putting->store);
    struct storage_writer *writer;
    uint64_t size;
    int error = storage->class->size(storage, path, &size, putting->failure);

    if (error == 0)
        error = storage->class->create(storage, to, &writer, putting->failure);
    if (error != 0)
        return error;
    error = append_all(putting, writer, path, size);
    if (error != 0) {
        storage->class->abort(writer);
        return error;
    }
    error = storage->class->commit(writer, putting->failure);
    return error == 0 ? storage->class->sync(storage, putting->failure) : error;
}

/* 1, 0 or -errno. */
static int is_same(struct putting *putting, const char *path, const char *own)
{
    struct storage *storage = store_storage(putting->store);
    uint8_t *other = putting->piece + PIECE_BYTES;
    uint64_t size;
    uint64_t own_size;
    int error = storage->class->size(storage, path, &size, putting->failure);

    if (error == 0)
        error = storage->class->size(storage, own, &own_size, putting->failure);
    if (error != 0 || size != own_size)
        return error;
    for (uint64_t at = 0; at < size; at += PIECE_BYTES) {
        size_t length = size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;

        error = storage->class->read(storage, path, at, putting->piece, length, putting->failure);
        if (error == 0)
            error = storage->class->read(storage, own, at, other, length, putting->failure);
        if (error != 0 || memcmp(putting->piece, other, length) != 0)
            return error;
    }
    return 1;
}

/*
 * Whether the file that stands under the name OWN is that pack, damaged or not, as its first bytes
 * say; or too short to be any. 1, 0 or -ENOMEM.
 */
static int is_its_own(struct putting *putting, const char *own, const uint8_t *salt)
{
    int error = pack_head_check_at(store_storage(putting->store), own, salt, NULL);

    return error == -ENOMEM ? error : error == 0 || error == -ENODATA;
}

/* A durable copy of what stands under the name OWN, under one that is no pack's. */
static int set_aside(struct putting *putting, const char *own)
{
    char aside[ASIDE_PATH_SIZE];
    int same = 0;

    for (int i = 1; i <= 9 && same == 0; i++) {
        snprintf(aside, sizeof aside, "%s" ASIDE "%d", own, i);

        int error = copy_to(putting, own, aside);

        putting->result.set_aside += error == 0;
        same = error == 0 || error == -EEXIST ? is_same(putting, own, aside) : error;
    }
    if (same < 0)
        return same;
    return same == 1 ? durable_flush(putting->store, aside, putting->failure)
                     : failure_set(putting->failure, EEXIST,
                                   "%s is not the pack of that name, and there is no name left to "
                                   "set it aside: look at the files beside it",
                                   own);
}

/*
 * 1: nothing stands under the name OWN any more, as what stands at PATH is better, and durable; 0:
 * that stays; -errno. A power cut from here on leaves PATH, which the next repair puts back.
 */
static int make_room(struct putting *putting, const char *path, const char *own)
{
    struct storage *storage = store_storage(putting->store);
    uint8_t salt[STORE_SALT_BYTES];
    int better = pack_salt(own + PACK_PATH_SIZE - PACK_NAME_SIZE, salt)
                     ? pack_is_better(putting->store, salt, path)
                     : 0;
    int its_own = better == 1 ? is_its_own(putting, own, salt) : 0;

    if (better != 1 || its_own < 0)
        return better != 1 ? better : its_own;

    int error = its_own == 1 ? 0 : set_aside(putting, own);

    if (error == 0)
        error = durable_flush(putting->store, path, putting->failure);
    if (error == 0)
        error = storage->class->remove(storage, own, putting->failure);
    if (error == 0 || error == -ENOENT) /* the name is taken again only once it is free for good */
        error = storage->class->sync(storage, putting->failure);
    return error == 0 ? 1 : error;
}

/* What was set aside turned out to be a pack. */
static void count_put_back(struct putting *putting, const char *path)
{
    putting->changed++;
    putting->result.put_back++;
    if (strstr(path, ASIDE) != NULL && putting->result.set_aside > 0)
        putting->result.set_aside--;
}

/* A misnamed_visit. */
static int put_back(void *context, const char *path, const char *own, bool missing)
{
    struct putting *putting = context;
    struct storage *storage = store_storage(putting->store);
    int same = missing ? 0 : is_same(putting, path, own);

    if (!missing && same == 0)
        missing = (same = make_room(putting, path, own)) == 1;
    if (missing) {
        int error = copy_to(putting, path, own);

        same = error == 0 || error == -EEXIST ? is_same(putting, path, own) : error;
    }
    if (same != 1)
        return same != -ENOENT ? same : 0; /* another repair was here */

    /* Another repair may have put it, and not come to its sync. */
    int error = durable_flush(putting->store, own, putting->failure);

    if (error == 0)
        error = storage->class->remove(storage, path, putting->failure);
    if (error == 0 && missing)
        count_put_back(putting, path);
    return error == -ENOENT ? 0 : error;
}

int misnamed_put_back(struct store *store, struct misnamed_result *ret_result,
                      struct failure *failure)
{
    cleanup_free uint8_t *piece = malloc(2 * PIECE_BYTES);
    struct putting putting = {.store = store, .piece = piece, .changed = 1, .failure = failure};
    int error = piece != NULL ? 0 : -ENOMEM;

    /* What was set aside is looked at in the next pass. */
    for (int pass = 0; pass < PASSES_MOST && putting.changed > 0 && error == 0; pass++) {
        putting.changed = 0;
        error = misnamed_find(store, put_back, &putting, failure);
    }
    if (error == 0)
        *ret_result = putting.result;
    return error;
}
