/* SPDX-License-Identifier: MIT */
/*
 * A small CRM whose content follows from a day alone, taken into stores as the
 * command does it and read back to the last byte. Whatever cannot fail in a test ends
 * the process (must() of fake_source.h), so all of it may be used in children and
 * threads; random numbers are the same in every run.
 */
#ifndef CRMFS_TESTS_FAULT_SCENE_H
#define CRMFS_TESTS_FAULT_SCENE_H

#include <stdbool.h>

#include "fs/store/check.h"
#include "fs/store/log.h"
#include "fs/store/prune.h"
#include "tests/unit/fake_source.h"

#define SCENE_DAYS 100 /* days are 0 … SCENE_DAYS - 1 */

struct scene;

/* ROWS of its largest table: 200 bytes each, about 20 when compressed. */
struct scene *scene_create(size_t rows);
void scene_free(struct scene *scene);

/* A store in STORAGE, which is the caller's; the group size is the smallest there is. */
void scene_make_store(struct storage *storage);
struct store *scene_open(struct storage *storage); /* STORAGE becomes the store's */
extern const struct store_passphrase scene_passphrase;

/* What a child tries things on: a copy of a storage, and the store in it. For struct spread. */
struct scene_copy {
    void *context; /* the test's */
    struct storage *storage;
    struct store *store;
};
void *scene_copy_begin(void *context, struct storage *of);
void scene_copy_end(void *own);

/* Takes the snapshot NAME of what the CRM is on DAY; its host says the day. */
int scene_take(struct scene *scene, struct store *store, const char *name, unsigned day,
               struct failure *failure);

/* As log_forget and log_rename, again until nobody else was first. */
int scene_forget(struct store *store, const char *name, struct failure *failure);
int scene_rename(struct store *store, const char *from, const char *to, struct failure *failure);

unsigned scene_day(const struct snapshot *snapshot);

/* Reads all of a snapshot: 0, or what reading said. Wrong bytes end the process. */
int scene_read(struct scene *scene, struct store *store, const struct snapshot *snapshot,
               struct failure *failure);

/* Reads the log and every snapshot in it; the number of them, or -errno. */
int scene_read_all(struct scene *scene, struct store *store, struct failure *failure);

/* check() with every byte read; what is UNWANTED is told, and ends the process. */
enum scene_finding { SCENE_NOTHING, SCENE_HARMFUL, SCENE_ANY };
struct check_result scene_check(struct store *store, enum scene_finding unwanted);

extern const struct prune_options scene_prune_now;   /* no grace, nothing may stay unused */
extern const struct prune_options scene_prune_usual; /* an hour of grace */

#endif
