/* SPDX-License-Identifier: MIT */
#include "tools/store_access.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "fs/base/log.h"
#include "fs/store/header.h"
#include "fs/store/keys.h"
#include "fs/store/log.h"
#include "fs/store/log_ahead.h"
#include "fs/store/remembered.h"
#include "tools/stop.h"
#include "tools/store_writers.h"

#define TRIES 3

/* A thread that reads the log ahead. */
struct ahead {
    struct storage *storage;
    bool enough; /* atomic */
    bool runs;
    pthread_t thread;
};

static void *run_ahead(void *context)
{
    struct ahead *ahead = context;

    log_read_ahead(ahead->storage, &ahead->enough);
    return NULL;
}

/* Without memory for a thread, nothing is read ahead. */
static void ahead_begin(struct ahead *ahead)
{
    ahead->runs = stop_thread_beside(&ahead->thread, run_ahead, ahead) == 0;
}

static void ahead_end(struct ahead *ahead)
{
    __atomic_store_n(&ahead->enough, true, __ATOMIC_RELAXED);
    if (ahead->runs)
        pthread_join(ahead->thread, NULL);
}

/* To make a key of a passphrase takes a core for as long as the disk needs to give the log. */
static int open_reading_ahead(struct storage *storage, const struct store_passphrase *passphrase,
                              struct store **ret_store, struct failure *failure)
{
    struct ahead ahead = {.storage = storage};

    ahead_begin(&ahead);

    int error = store_open(storage, passphrase, ret_store, failure);

    ahead_end(&ahead);
    return error;
}

/* What the memory of the store leaves in doubt. */
static void warn_of_memory(struct store *store, const char *path)
{
    uint64_t record;

    if (remembered_is_damaged(store))
        log_message(LOG_LEVEL_WARNING,
                    "what this machine remembers of the store %s cannot be read: whether an older "
                    "copy stands in its place is not known this once",
                    path);
    else if (log_lacks_seen(store, &record))
        log_message(LOG_LEVEL_WARNING,
                    "the store %s is a copy that lacks what this machine has seen of it in another "
                    "place, up to record %" PRIu64 " of its log: a mirror that is behind, or one "
                    "that was put back from a backup. This is said once",
                    path, record);
}

/*
 * A log that cannot be read is no reason: whoever reads it next says what is wrong with it. What
 * was read is theirs.
 */
static int refuse_removed(struct store *store, const struct store_passphrase *passphrase,
                          struct failure *failure)
{
    struct log_state state = {.sequence = 0};

    if (log_read(store, &state, NULL) != 0)
        return 0;

    int error = store_leave_removed(store, &state, passphrase, failure);

    log_leave(store, &state);
    return error;
}

static int open_with(struct storage *storage, const char *path,
                     const struct passphrase_options *options, struct store **ret_store,
                     bool *ret_typed, struct failure *failure)
{
    struct store *store = NULL;
    struct passphrase passphrase = {.typed = false};
    int error = passphrase_get(options, PASSPHRASE_OPEN, path, &passphrase, failure);

    *ret_typed = passphrase.typed;
    if (error == 0)
        error = open_reading_ahead(storage, &passphrase.text, &store, failure);
    if (error == 0 && !options->accept_rollback)
        warn_of_memory(store, path);
    /* Without the memory of it, what is read next is all that there ever was. */
    if (error == 0 && options->accept_rollback)
        log_accept_rollback(store, NULL);
    if (error == 0)
        error = refuse_removed(store, &passphrase.text, failure);
    passphrase_release(&passphrase);
    if (error == 0)
        *ret_store = store;
    else if (store != NULL)
        store_give_back(store);
    return error;
}

/* A header or a slot that was changed is not told from a wrong passphrase by anything. */
static int reject(const char *path, struct failure *failure)
{
    char words[FAILURE_TEXT_SIZE];

    snprintf(words, sizeof words, "%s", failure->text);
    return failure_set(failure, EKEYREJECTED,
                       "%s: %s. If it is the right one, put `store` and keys/ back from a copy",
                       path, words);
}

int store_access_open(const char *path, const struct passphrase_options *options,
                      struct store **ret_store, struct failure *failure)
{
    struct store_header header;
    struct storage *storage;
    bool typed = true;
    int error = dir_storage_open(path, 0, &storage, failure);

    if (error != 0)
        return error;
    error = store_header_read(storage, &header, NULL, failure);
    if (error == 0)
        store_writers_tell(path);
    for (int i = 1; error == 0 && i <= TRIES; i++) {
        error = open_with(storage, path, options, ret_store, &typed, failure);
        if ((error != -EKEYREJECTED && error != -EKEYREVOKED) || !typed || i == TRIES)
            break;
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
        error = 0;
    }
    if (error != 0) {
        storage->class->close(storage);
        if (error == -EKEYREJECTED)
            return reject(path, failure);
        return failure_prefix(failure, -error, "%s", path);
    }
    return 0;
}
