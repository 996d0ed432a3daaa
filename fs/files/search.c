/* SPDX-License-Identifier: MIT */
/*
 * What a new file is a new version of, when its first bytes have come. Files that may be it are
 * found with the lock: those that were removed lately, which other programs do before they write
 * the new one; those that are open, which a program reads as it writes the new one; those of the
 * same directory. Without the lock the pieces at the same place of each are read, and what has most
 * in common with the new bytes is taken.
 *
 * Where nothing was found a few times, only the likeliest are read: many large files that are
 * unpacked do not wait for it.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/little_endian.h"
#include "fs/files/earlier.h"
#include "fs/files/sketch.h"

#define NAMES_LOOKED_AT 2048
#define NAME_PART_LEAST 4   /* that two names have in common, or they are unlike */
#define UNLIKE_LOOKED_AT 64 /* of the files whose names are unlike the new one's */
#define OPEN_LOOKED_AT 64
#define OPEN_MOST 2
#define REMOVED_ANY_MOST 4 /* by other names */
#define CANDIDATES_MOST 16
#define LIKELIEST 3 /* are read where MISSES_MOST times nothing was found */
#define MISSES_MOST 3
#define PIECES_MOST 3
#define PIECES_BYTES ((size_t)64 << 10) /* are enough of a candidate */
#define COMMON_LEAST (SKETCH_ALL / 8)
#define COMMON_PLENTY (SKETCH_ALL / 16 * 15) /* then the others are not read */
#define READING_NS_MOST UINT64_C(50000000)   /* from a distant storage */

struct candidate {
    uint64_t inode;
    size_t name_part; /* that the names have in common */
    unsigned count;
    struct past_piece pieces[PIECES_MOST];
};

struct search {
    struct files *files;
    uint64_t inode;
    uint64_t directory;
    const char *name; /* the held file's, as long as the lock is not given back */
    uint64_t offset;
    struct sketch sketch; /* of what stands there */
    struct sketch other;
    struct candidate candidates[CANDIDATES_MOST]; /* the likeliest first */
    size_t count;
    uint64_t named; /* the file whose name is most alike; 0: none is alike */
    uint64_t found; /* 0: none */
};

/* ---- Candidates ---- */

static bool is_known(const struct search *search, uint64_t inode)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->candidates[i].inode == inode)
            return true;
    }
    return inode == search->inode;
}

/* A piece of the candidate; false: no more of them. */
static bool add_piece(struct candidate *candidate, const struct past_piece *piece)
{
    size_t bytes = 0;

    if (piece->length > CUT_MOST)
        return false;
    candidate->pieces[candidate->count++] = *piece;
    for (unsigned i = 0; i < candidate->count; i++)
        bytes += candidate->pieces[i].length;
    return candidate->count < PIECES_MOST && bytes < PIECES_BYTES;
}

static void add_removed(struct search *search, const struct removed_file *file)
{
    struct candidate *candidate = &search->candidates[search->count];

    if (search->count == CANDIDATES_MOST || is_known(search, file->inode))
        return;
    *candidate = (struct candidate){.inode = file->inode};
    for (size_t i = past_place(&file->past, search->offset); i < file->past.count; i++) {
        if (!add_piece(candidate, &file->past.pieces[i]))
            break;
    }
    search->count += candidate->count > 0;
}

/* Reads the tree: no item that was looked at before is in memory for sure then. */
static bool is_large(struct search *search, uint64_t inode)
{
    struct attributes attributes;

    return inode_get(&search->files->tree, inode, &attributes, NULL) == 0 &&
           S_ISREG(attributes.mode) && attributes.size >= PAST_FILE_LEAST;
}

static void add_present(struct search *search, uint64_t inode, size_t name_part)
{
    struct candidate *candidate = &search->candidates[search->count];
    uint64_t offset = search->offset;
    struct file_extent extent;
    uint64_t begin;

    if (search->count == CANDIDATES_MOST || is_known(search, inode))
        return;
    *candidate = (struct candidate){.inode = inode, .name_part = name_part};
    while (extent_find(&search->files->tree, inode, offset, &begin, &extent, NULL) == 0) {
        offset = begin + extent.length;
        if (!add_piece(candidate, &(struct past_piece){.offset = begin,
                                                       .length = extent.length,
                                                       .content = extent.content}))
            break;
    }
    search->count += candidate->count > 0;
}

/* Of the name that the new one has; of the same directory first. */
static void add_removed_by_name(struct search *search)
{
    const struct removed_files *removed = &search->files->removed;

    for (int elsewhere = 0; elsewhere <= 1; elsewhere++) {
        for (size_t i = removed->count; i-- > 0;) {
            const struct removed_file *file = &removed->files[i];

            if ((file->directory != search->directory) == elsewhere &&
                strcmp(file->name, search->name) == 0)
                add_removed(search, file);
        }
    }
}

static void add_removed_lately(struct search *search)
{
    const struct removed_files *removed = &search->files->removed;

    for (size_t i = 0; i < removed->count && i < REMOVED_ANY_MOST; i++)
        add_removed(search, &removed->files[removed->count - 1 - i]);
}

/* The last ones that were opened. */
static void add_open(struct search *search)
{
    struct held_file *held =
        ELMT_FROM_HH(search->files->held->hh.tbl, search->files->held->hh.tbl->tail);
    unsigned added = 0;

    for (unsigned i = 0; held != NULL && i < OPEN_LOOKED_AT && added < OPEN_MOST; i++) {
        size_t before = search->count;

        if (held->opened > 0 && held->inode != search->inode && is_large(search, held->inode))
            add_present(search, held->inode, 0);
        added += search->count > before;
        held = held->hh.prev;
    }
}

/* ---- Of the same directory ---- */

struct named_file {
    uint64_t inode;
    size_t name_part;
};

/* The large files whose names are most alike, of equal ones the newest. */
struct named_files {
    struct named_file files[CANDIDATES_MOST];
    size_t count;
    unsigned unlike; /* that were looked at */
};

/* The longest part that stands in both; RIGHT has at most NAME_MAX bytes. */
static size_t common_part(const char *left, const char *right, size_t right_size)
{
    size_t best = 0;
    size_t common[NAME_MAX + 1] = {0}; /* up to here in LEFT, and to each place in RIGHT */

    for (const char *at = left; *at != '\0'; at++) {
        for (size_t i = right_size; i > 0; i--) {
            common[i] = right[i - 1] == *at ? common[i - 1] + 1 : 0;
            if (common[i] > best)
                best = common[i];
        }
    }
    return best;
}

static bool is_likelier(const struct named_file *left, const struct named_file *right)
{
    return left->name_part != right->name_part ? left->name_part > right->name_part
                                               : left->inode > right->inode;
}

static void add_named(struct search *search, struct named_files *named,
                      const struct named_file *file)
{
    size_t place = named->count;

    if (file->name_part < NAME_PART_LEAST && named->unlike++ >= UNLIKE_LOOKED_AT)
        return;
    while (place > 0 && is_likelier(file, &named->files[place - 1]))
        place--;
    if (place == CANDIDATES_MOST || !is_large(search, file->inode))
        return;
    if (named->count < CANDIDATES_MOST)
        named->count++;
    memmove(&named->files[place + 1], &named->files[place],
            (named->count - 1 - place) * sizeof *file);
    named->files[place] = *file;
}

static void add_of_directory(struct search *search)
{
    struct named_files named = {.count = 0};
    struct file_key key = {.inode = search->directory, .kind = FILE_ENTRY};

    for (unsigned i = 0; i < NAMES_LOOKED_AT; i++) {
        struct file_item item;

        if (catalogue_next(&search->files->tree, &key, &item, NULL) != 0 ||
            item.key.inode != search->directory || item.key.kind != FILE_ENTRY)
            break;
        key = item.key;
        key.number++;
        if (item.size <= ENTRY_HEAD_BYTES || item.size > ENTRY_HEAD_BYTES + NAME_MAX ||
            item.value[ENTRY_HEAD_BYTES - 1] != DT_REG)
            continue;

        struct named_file file = {
            .inode = get_u64(item.value) & INODE_MASK,
            .name_part = common_part(search->name, (const char *)item.value + ENTRY_HEAD_BYTES,
                                     item.size - ENTRY_HEAD_BYTES)};

        if (file.inode != search->inode)
            add_named(search, &named, &file);
    }
    for (size_t i = 0; i < named.count; i++)
        add_present(search, named.files[i].inode, named.files[i].name_part);
    if (named.count > 0 && named.files[0].name_part >= NAME_PART_LEAST)
        search->named = named.files[0].inode;
}

/* ---- Where nothing was found ---- */

static struct search_misses *misses_of(struct files *files, uint64_t directory)
{
    struct search_misses *misses = NULL;

    for (size_t i = 0; i < SEARCHED_KNOWN && misses == NULL; i++) {
        if (files->searched[i].directory == directory)
            misses = &files->searched[i];
    }
    if (misses == NULL) {
        misses = &files->searched[files->next_searched++ % SEARCHED_KNOWN];
        *misses = (struct search_misses){.directory = directory};
    }
    return misses;
}

static void collect(struct search *search)
{
    unsigned *here = &misses_of(search->files, search->directory)->misses;
    unsigned *anywhere = &search->files->removed_misses;

    add_removed_by_name(search);
    add_open(search);
    add_of_directory(search);
    if (*here >= MISSES_MOST && search->count > LIKELIEST)
        search->count = LIKELIEST;
    else if (*anywhere < MISSES_MOST)
        add_removed_lately(search);
}

/* ---- Comparing ---- */

/* Without the lock. BUFFER has CUT_MOST bytes. */
static unsigned compare(struct search *search, const struct candidate *candidate, uint8_t *buffer)
{
    size_t size = 0;

    for (unsigned i = 0; i < candidate->count; i++) {
        const struct past_piece *piece = &candidate->pieces[i];

        if (piece->length > CUT_MOST - size)
            break;
        /* What is damaged or gone is nothing to compare with. */
        if (content_read(search->files->contents, &piece->content, 0, buffer + size, piece->length,
                         NULL) != 0)
            return 0;
        size += piece->length;
    }
    sketch_make(&search->other, search->files->gear, buffer, size);
    return sketch_common(&search->sketch, &search->other);
}

static void choose(struct search *search, uint8_t *buffer)
{
    uint64_t begun = clock_now_ns();
    unsigned best = COMMON_LEAST - 1;

    for (size_t i = 0; i < search->count && best < COMMON_PLENTY; i++) {
        unsigned common = compare(search, &search->candidates[i], buffer);

        if (common > best) {
            best = common;
            search->found = search->candidates[i].inode;
        }
        if (clock_now_ns() - begun > READING_NS_MOST)
            return;
    }
}

static void conclude(struct search *search, struct held_file *held)
{
    struct files *files = search->files;
    struct search_misses *misses = misses_of(files, search->directory);
    bool was_removed = removed_find(&files->removed, search->found) != NULL;

    if (search->found != 0)
        misses->misses = 0;
    else if (misses->misses < MISSES_MOST && search->count > 0)
        misses->misses++;
    if (was_removed)
        files->removed_misses = 0;
    else if (search->found == 0 && files->removed_misses < MISSES_MOST && files->removed.count > 0)
        files->removed_misses++;
    if (held == NULL || held->past.count > 0)
        return;
    /* What begins otherwise may go on alike, which a few pieces tell. */
    files_take_past(files, held, search->found != 0 ? search->found : search->named);
}

void files_find_past(struct files *files, struct held_file *held, const struct written *written,
                     uint8_t *buffer)
{
    struct search *search = malloc(sizeof *search);
    uint64_t inode = held->inode;

    if (search != NULL) {
        *search = (struct search){.files = files,
                                  .inode = inode,
                                  .directory = held->directory,
                                  .name = held->name,
                                  .offset = written->offset};
        sketch_make(&search->sketch, files->gear, written->bytes, written->size);
        collect(search);
    }
    held->directory = 0; /* once */
    if (search == NULL)
        return;
    /* Nobody else takes pieces of it meanwhile: they would be stored whole. */
    held->searching = true;
    files_runs_changed(files, held);
    pthread_mutex_unlock(&files->lock);
    choose(search, buffer);
    pthread_mutex_lock(&files->lock);
    held = files_held(files, inode);
    conclude(search, held);
    if (held != NULL) {
        held->searching = false;
        files_runs_changed(files, held);
    }
    free(search);
}
