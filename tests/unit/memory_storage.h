/* SPDX-License-Identifier: MIT */
/*
 * A storage in memory: what a store writes can be looked at, damaged and copied.
 * Everything is durable at once. Safe from several threads, but for the functions
 * declared here.
 */
#ifndef CRMFS_TESTS_UNIT_MEMORY_STORAGE_H
#define CRMFS_TESTS_UNIT_MEMORY_STORAGE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "backends/storage/storage.h"

/* None of these fails: no memory ends the test. Freed by the storage's own close(). */
struct storage *memory_storage_new(void);
struct storage *memory_storage_copy(struct storage *storage);

/* Makes STORAGE what SAVED is. */
void memory_storage_restore(struct storage *storage, struct storage *saved);

/* Its files, in the order of their names. The name is borrowed until the file is removed. */
size_t memory_storage_count(struct storage *storage);
const char *memory_storage_name(struct storage *storage, size_t index);

/* A file's bytes, to be changed in place; NULL: there is none of that name. */
uint8_t *memory_storage_bytes(struct storage *storage, const char *name, size_t *ret_size);

/* Puts a file, over one that is there too: what no store does, but an adversary may. */
void memory_storage_set(struct storage *storage, const char *name, const void *bytes, size_t size);

/* What list() says of when a file was put. */
void memory_storage_set_time(struct storage *storage, const char *name, time_t modified);

/* Makes STORAGE hold what FROM holds, and nothing else. */
void memory_storage_assign(struct storage *storage, struct storage *from);

#endif
