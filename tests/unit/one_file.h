/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount, with one file "a", open and standing in its store: for tests of what a
 * file costs. What goes wrong ends the test; the words are in failure (succeed.h).
 */
#ifndef CRMFS_TESTS_UNIT_ONE_FILE_H
#define CRMFS_TESTS_UNIT_ONE_FILE_H

#include <stdint.h>

#include "fs/files/files.h"

struct one_file {
    struct storage *storage; /* the store's */
    struct store *store;
    struct object_reader *reader;
    struct files *files;
    struct files_options options;
    uint64_t number; /* of the file */
};

/* On STORAGE, which is empty and becomes the store's; OPTIONS but for the store and its reader. */
struct one_file one_file_make(struct storage *storage, struct files_options options);

/* As somebody else finds it, on a storage that has a copy of it; closes the one before. */
void one_file_find(struct one_file *file, struct storage *storage);

void one_file_close(struct one_file *file);

#endif
