/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount, on a store in memory, and versions of a text to write to it; for tests
 * that look at what a new version takes. What fails ends the test.
 */
#ifndef CRMFS_TESTS_UNIT_TEXT_SCENE_H
#define CRMFS_TESTS_UNIT_TEXT_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "fs/files/files.h"
#include "fs/store/store.h"

#define LINES 20000
#define LINE_BYTES 100
#define TEXT_BYTES ((size_t)LINES * LINE_BYTES)
#define WRITE_BYTES ((size_t)128 << 10)

struct text_scene {
    struct storage *storage;
    struct store *store;
    struct object_reader *reader;
    struct files *files;
};

void text_scene_begin(struct text_scene *scene);
void text_scene_again(struct text_scene *scene); /* as after an unmount and another mount */
void text_scene_end(struct text_scene *scene);

/* A new empty file at the top, open: its number. */
uint64_t text_scene_make(struct text_scene *scene, const char *name);
void text_scene_write(struct text_scene *scene, uint64_t number, const uint8_t *bytes, size_t size);
void text_scene_expect(struct text_scene *scene, uint64_t number, const uint8_t *bytes,
                       size_t size);                        /* that the file is these */
uint64_t text_scene_stored(const struct text_scene *scene); /* bytes of packs */

uint64_t text_scramble(uint64_t number); /* a number that looks random, always the same one */

/*
 * TEXT_BYTES, and a line of blanks behind them, in lines that do not compress well; every hundredth
 * differs from one VERSION to the next. The caller frees them.
 */
uint8_t *text_version(unsigned version);

#endif
