/* SPDX-License-Identifier: MIT */
/*
 * files/ on a store without a mount, for tests: random operations, and all that there is in one
 * number. What cannot fail ends the process (must() of fake_source.h), so all of it may be used in
 * children; what operations and reading say is the caller's to judge.
 */
#ifndef CRMFS_TESTS_UNIT_FILE_SCENE_H
#define CRMFS_TESTS_UNIT_FILE_SCENE_H

#include <stdint.h>

#include "fs/files/files.h"

#define FILE_SCENE_MEMORY ((size_t)2 << 20) /* so little that it is stored on the way, too */
#define PICTURE_BYTES 16

struct file_scene {
    struct store *store; /* the caller's */
    struct object_reader *reader;
    struct files *files;
};

/* 0, or what files_create() said; to be ended in either case. */
int file_scene_begin(struct file_scene *scene, struct store *store, struct failure *failure);
void file_scene_end(struct file_scene *scene);

/* Names, attributes but times, and content, of a directory and all below; 0, or what reading said.
 */
int file_picture(struct files *files, uint64_t directory, uint8_t ret_picture[PICTURE_BYTES],
                 struct failure *failure);

/* Random numbers that are the same on every machine. */
struct dice {
    uint64_t state;
    bool whole; /* only operations that are done wholly or not at all */
};

uint64_t dice_roll(struct dice *dice, uint64_t limit); /* below LIMIT */

/* A random operation, on one of a few names in two directories; what it said. */
int file_step(struct files *files, struct dice *dice, struct failure *failure);

/* A new empty file at the top. */
int file_make(struct files *files, const char *name, uint64_t *ret_number, struct failure *failure);

/*
 * Reads all of the store, and looks whether the trees of its files make sense: how many harmful
 * things are found, but for TORN damaged packs that nothing needs. They are told.
 */
uint64_t file_scene_check(struct store *store, unsigned torn);

#endif
