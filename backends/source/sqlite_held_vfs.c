/* SPDX-License-Identifier: MIT */
/*
 * A database that is not a file but bytes held somewhere else, as SQLite's view of the
 * file system: it can be read, and there is nothing beside it. The URI says where the
 * bytes are; it never leaves the process.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/held_bytes.h"
#include "backends/source/sqlite_internal.h"
#include "backends/source/sqlite_refuse.h"

#define RUN_BYTES ((size_t)256 << 10) /* read at once */
#define RUNS 4

/* A run of the bytes, read lately. */
struct run {
    uint8_t *bytes; /* NULL: none */
    uint64_t number;
    uint64_t used; /* when, in reads */
};

struct held_file {
    sqlite3_file file;
    struct held_bytes *held;
    uint64_t reads;
    struct run runs[RUNS];
};

static int close_held(sqlite3_file *file)
{
    struct held_file *own = (struct held_file *)file;

    for (size_t i = 0; i < RUNS; i++)
        free(own->runs[i].bytes);
    return SQLITE_OK;
}

/* The run that was used longest ago becomes run NUMBER. NULL: it cannot be read. */
static const struct run *load(struct held_file *own, uint64_t number)
{
    uint64_t left = own->held->size - number * RUN_BYTES;
    struct run *run = &own->runs[0];

    for (size_t i = 1; i < RUNS; i++) {
        if (own->runs[i].used < run->used)
            run = &own->runs[i];
    }
    if (run->bytes == NULL)
        run->bytes = malloc(RUN_BYTES);
    if (run->bytes == NULL)
        return NULL;
    run->used = 0;
    if (own->held->class->read(own->held, number * RUN_BYTES, run->bytes,
                               left < RUN_BYTES ? (size_t)left : RUN_BYTES, NULL) != 0)
        return NULL;
    run->number = number;
    run->used = ++own->reads;
    return run;
}

static const struct run *find(struct held_file *own, uint64_t number)
{
    for (size_t i = 0; i < RUNS; i++) {
        if (own->runs[i].used != 0 && own->runs[i].number == number) {
            own->runs[i].used = ++own->reads;
            return &own->runs[i];
        }
    }
    return load(own, number);
}

static int read_held(sqlite3_file *file, void *buffer, int size, sqlite3_int64 offset)
{
    struct held_file *own = (struct held_file *)file;
    uint64_t at = (uint64_t)offset;
    size_t left = (size_t)size;
    uint8_t *to = buffer;

    if (at + left > own->held->size) {
        memset(buffer, 0, left);
        if (offset >= SQLITE_SMALLEST_PAGE_BYTES)
            return SQLITE_CORRUPT;
        left = at < own->held->size ? (size_t)(own->held->size - at) : 0;
    }

    int code = left == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;

    while (left > 0) {
        const struct run *run = find(own, at / RUN_BYTES);
        size_t within = (size_t)(at % RUN_BYTES);
        size_t step = RUN_BYTES - within < left ? RUN_BYTES - within : left;

        if (run == NULL)
            return SQLITE_IOERR_READ;
        memcpy(to, run->bytes + within, step);
        to += step;
        at += step;
        left -= step;
    }
    return code;
}

static int no_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int held_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)((struct held_file *)file)->held->size;
    return SQLITE_OK;
}

static int no_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int no_sector(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods held_methods = {
    .iVersion = 1,
    .xClose = close_held,
    .xRead = read_held,
    .xWrite = sqlite_refuse_write,
    .xTruncate = sqlite_refuse_truncate,
    .xSync = no_sync,
    .xFileSize = held_size,
    .xLock = sqlite_no_lock,
    .xUnlock = sqlite_no_lock,
    .xCheckReservedLock = sqlite_no_reserved_lock,
    .xFileControl = no_control,
    .xSectorSize = no_sector,
    .xDeviceCharacteristics = characteristics,
};

static int open_held(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    struct held_file *own = (struct held_file *)file;
    const char *where = name != NULL ? sqlite3_uri_parameter(name, "held") : NULL;
    void *held = NULL;

    (void)vfs;
    *own = (struct held_file){.held = NULL};
    if (where == NULL || (flags & SQLITE_OPEN_MAIN_DB) == 0 || sscanf(where, "%p", &held) != 1)
        return SQLITE_CANTOPEN;
    own->held = held;
    own->file.pMethods = &held_methods;
    if (ret_flags != NULL)
        *ret_flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
    return SQLITE_OK;
}

static int nothing_there(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
    (void)vfs;
    (void)name;
    (void)flags;
    *ret_there = 0;
    return SQLITE_OK;
}

static int same_name(sqlite3_vfs *vfs, const char *name, int size, char *ret_name)
{
    (void)vfs;
    return snprintf(ret_name, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static sqlite3_vfs held_vfs;
static int registered; /* an SQLite result code */

/* Randomness, time and sleep are the system's. */
static void register_held(void)
{
    const sqlite3_vfs *below = sqlite3_vfs_find("unix");

    if (below == NULL) {
        registered = SQLITE_ERROR;
        return;
    }
    held_vfs = *below;
    held_vfs.pNext = NULL;
    held_vfs.zName = SQLITE_VFS_HELD;
    held_vfs.szOsFile = sizeof(struct held_file);
    held_vfs.xOpen = open_held;
    held_vfs.xDelete = sqlite_refuse_delete;
    held_vfs.xAccess = nothing_there;
    held_vfs.xFullPathname = same_name;
    registered = sqlite3_vfs_register(&held_vfs, 0);
}

int sqlite_held_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_held);
    return registered;
}
