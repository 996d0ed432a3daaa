/* SPDX-License-Identifier: MIT */
#include "tests/unit/file_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/verify.h"
#include "fs/store/check.h"
#include "tests/unit/fake_source.h"

#define NAMES 9
#define LARGEST_WRITE ((size_t)300 << 10)
#define ENTRIES_MOST 64

int file_scene_begin(struct file_scene *scene, struct store *store, struct failure *failure)
{
    struct files_options options = {
        .store = store, .memory_bytes = FILE_SCENE_MEMORY, .uid = 7, .gid = 8};

    *scene = (struct file_scene){.store = store};

    int error = object_reader_create(store, FILE_SCENE_MEMORY, &scene->reader, failure);

    options.reader = scene->reader;
    return error == 0 ? files_create(&options, &scene->files, failure) : error;
}

void file_scene_end(struct file_scene *scene)
{
    files_free(scene->files);
    object_reader_free(scene->reader);
    *scene = (struct file_scene){.store = scene->store};
}

/* ---- What there is, in one number ---- */

struct found_entry {
    char name[256];
    uint64_t number;
    struct stat stat;
};

struct found_entries {
    struct found_entry entries[ENTRIES_MOST];
    size_t count;
};

/* A files_visit. */
static bool note_entry(void *context, const struct files_entry *entry)
{
    struct found_entries *found = context;
    struct found_entry *place = &found->entries[found->count];

    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        return true;
    must(found->count < ENTRIES_MOST);
    snprintf(place->name, sizeof place->name, "%s", entry->name);
    place->number = entry->number;
    place->stat = entry->stat;
    found->count++;
    return true;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct found_entry *)left)->name,
                  ((const struct found_entry *)right)->name);
}

static int add_content(struct files *files, uint64_t number, crypto_generichash_state *hash,
                       struct failure *failure)
{
    static uint8_t bytes[100000];
    uint64_t offset = 0;
    ssize_t length;

    while ((length = files_read(files, number, offset, bytes, sizeof bytes, failure)) > 0) {
        crypto_generichash_update(hash, bytes, (unsigned long long)length);
        offset += (uint64_t)length;
    }
    return (int)length;
}

static int add_xattr(struct files *files, uint64_t number, crypto_generichash_state *hash,
                     struct failure *failure)
{
    char value[4096];
    ssize_t length = files_xattr_get(files, number, "user.note", value, sizeof value, failure);

    if (length > 0)
        crypto_generichash_update(hash, (uint8_t *)value, (unsigned long long)length);
    return length < 0 && length != -ENODATA ? (int)length : 0;
}

static int add_directory(struct files *files, uint64_t number, crypto_generichash_state *hash,
                         struct failure *failure)
{
    struct found_entries *found = calloc(1, sizeof *found);
    int error;

    if (found == NULL)
        return -ENOMEM;
    error = files_list(files, number, 0, note_entry, found, failure);
    qsort(found->entries, found->count, sizeof *found->entries, by_name);
    for (size_t i = 0; i < found->count && error == 0; i++) {
        struct found_entry *entry = &found->entries[i];
        char line[400];
        int size = snprintf(line, sizeof line, "%s %o %lld %lu\n", entry->name, entry->stat.st_mode,
                            (long long)entry->stat.st_size, (unsigned long)entry->stat.st_nlink);

        crypto_generichash_update(hash, (uint8_t *)line, (unsigned long long)size);
        error = add_xattr(files, entry->number, hash, failure);
        if (error == 0 && S_ISDIR(entry->stat.st_mode))
            error = add_directory(files, entry->number, hash, failure);
        else if (error == 0)
            error = add_content(files, entry->number, hash, failure);
        crypto_generichash_update(hash, (const uint8_t *)"end", 3);
    }
    free(found);
    return error;
}

int file_picture(struct files *files, uint64_t directory, uint8_t ret_picture[PICTURE_BYTES],
                 struct failure *failure)
{
    crypto_generichash_state hash;

    crypto_generichash_init(&hash, NULL, 0, PICTURE_BYTES);

    int error = add_directory(files, directory, &hash, failure);

    crypto_generichash_final(&hash, ret_picture, PICTURE_BYTES);
    return error;
}

/* ---- Random operations ---- */

/* splitmix64 */
uint64_t dice_roll(struct dice *dice, uint64_t limit)
{
    uint64_t number = dice->state += UINT64_C(0x9e3779b97f4a7c15);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return (number ^ number >> 31) % limit;
}

static const struct files_caller caller = {.uid = 7, .gid = 8};

/* One of two directories, and a name in it. */
static uint64_t some_directory(struct files *files, struct dice *dice)
{
    struct stat stat;
    uint64_t number;

    if (dice_roll(dice, 3) != 0)
        return FILES_TOP;
    if (files_lookup(files, FILES_TOP, "d", &number, &stat, NULL) == 0 && S_ISDIR(stat.st_mode))
        return number;
    return FILES_TOP;
}

static void some_name(struct dice *dice, char name[8])
{
    uint64_t number = dice_roll(dice, NAMES);

    snprintf(name, 8, number == 0 ? "d" : "f%u", (unsigned)number);
}

static int write_some(struct files *files, struct dice *dice, uint64_t number,
                      struct failure *failure)
{
    static uint8_t bytes[LARGEST_WRITE];
    size_t size = 1 + dice_roll(dice, dice_roll(dice, 2) == 0 ? 5000 : LARGEST_WRITE);
    uint64_t offset = dice_roll(dice, 2) == 0 ? 0 : dice_roll(dice, 400000);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i % 61 == 0 ? dice_roll(dice, 256) : 'a' + i % 23);
    return files_write(files, number, offset, bytes, size, failure);
}

/* From another file, or from another part of the same. */
static int copy_some(struct files *files, struct dice *dice, uint64_t number,
                     struct failure *failure)
{
    struct files_copied wanted = {.to_number = number,
                                  .offset = dice_roll(dice, 100000),
                                  .to_offset = 300000 + dice_roll(dice, 100000),
                                  .size = dice_roll(dice, 200000)};
    char name[8];
    struct stat stat;

    some_name(dice, name);

    int error = files_lookup(files, FILES_TOP, name, &wanted.number, &stat, failure);

    if (error != 0 || !S_ISREG(stat.st_mode))
        return error;

    ssize_t copied = files_copy(files, &wanted, failure);

    return copied < 0 ? (int)copied : 0;
}

static int on_file(struct files *files, struct dice *dice, uint64_t directory, const char *name,
                   struct failure *failure)
{
    uint64_t number;
    struct stat stat;
    char note[300] = "note";
    int error = files_lookup(files, directory, name, &number, &stat, failure);

    if (error != 0 || !S_ISREG(stat.st_mode))
        return error;
    switch (dice_roll(dice, 7)) {
    case 0:
        return files_set(files, number, FILES_SET_SIZE,
                         &(struct stat){.st_size = (off_t)dice_roll(dice, 300000)}, &stat, failure);
    case 1:
        return files_allocate(files, number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              dice_roll(dice, 200000), dice_roll(dice, 100000), failure);
    case 2:
        note[5] = (char)('a' + dice_roll(dice, 26));
        return files_xattr_set(files, number, "user.note", note, sizeof note, 0, failure);
    case 3:
        return dice->whole ? write_some(files, dice, number, failure)
                           : copy_some(files, dice, number, failure);
    default: return write_some(files, dice, number, failure);
    }
}

int file_step(struct files *files, struct dice *dice, struct failure *failure)
{
    uint64_t directory = some_directory(files, dice);
    char name[8], other[8];
    struct files_new wanted = {.directory = directory, .name = name, .caller = caller};
    uint64_t number;
    struct stat stat;

    some_name(dice, name);
    some_name(dice, other);
    wanted.mode = (strcmp(name, "d") == 0 ? S_IFDIR : S_IFREG) | 0644;
    switch (dice_roll(dice, 9)) {
    case 0:
    case 1: return files_make(files, &wanted, &number, &stat, failure);
    case 2: return files_unlink(files, directory, name, failure);
    case 3: return files_rmdir(files, directory, name, failure);
    case 4:
        return files_rename(files, directory, name, some_directory(files, dice), other, 0, failure);
    default: return on_file(files, dice, directory, name, failure);
    }
}

int file_make(struct files *files, const char *name, uint64_t *ret_number, struct failure *failure)
{
    struct files_new wanted = {
        .directory = FILES_TOP, .name = name, .mode = S_IFREG | 0644, .caller = caller};
    struct stat stat;

    return files_make(files, &wanted, ret_number, &stat, failure);
}

/* ---- Whether it is sound ---- */

struct findings {
    unsigned torn;
    uint64_t harmful;
};

/* A check_report. */
static void count_finding(void *context, const struct check_finding *finding)
{
    struct findings *findings = context;

    if (finding->kind == CHECK_PACK && findings->torn > 0) {
        findings->torn--;
    } else if (!finding->harmless) {
        fprintf(stderr, "%s: %s\n", finding->file != NULL ? finding->file : "", finding->text);
        findings->harmful++;
    }
}

uint64_t file_scene_check(struct store *store, unsigned torn)
{
    struct findings findings = {.torn = torn};
    const struct check_options options = {
        .read_data = true, .threads = 1, .report = count_finding, .context = &findings};
    struct check_result result;
    uint64_t found = 0;

    must(check(store, &options, &result, NULL) == 0);
    must(files_verify(store, count_finding, &findings, &found, NULL) == 0);
    return findings.harmful;
}
