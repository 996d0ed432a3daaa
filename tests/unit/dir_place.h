/* SPDX-License-Identifier: MIT */
/* A directory of a test's own with a storage on it, and short words for what is done there. */
#ifndef CRMFS_TESTS_UNIT_DIR_PLACE_H
#define CRMFS_TESTS_UNIT_DIR_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "backends/storage/storage.h"

#define LARGE ((size_t)200000)

struct place {
    char path[64];
    struct storage *storage;
    unsigned descriptors; /* open before */
};

/* For a test's setup and teardown, which fails when a descriptor is left open. */
int place_begin(void **state);
int place_end(void **state);

/* The path of what is NAME in it, until the next call. */
char *place_path(const struct place *place, const char *name);

unsigned open_descriptors(void);
unsigned entries_in(const char *path); /* but for those that begin with a dot */

/* What the storage says. The second one writes piece by piece. */
int put_text(struct storage *storage, const char *name, const char *text);
int put_large(struct storage *storage, const char *name, const char *bytes, size_t size);
bool holds(struct storage *storage, const char *name, const char *bytes, size_t size);

/* LARGE bytes, to be freed. */
char *pattern_bytes(void);

/* A storage_visit whose context it is: "NAME:SIZE " of each; it gives the answer back. */
struct names {
    char text[2048];
    unsigned count;
    int answer;
};

int gather_names(void *context, const char *name, uint64_t size, time_t modified);

#endif
