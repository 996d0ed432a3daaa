/* SPDX-License-Identifier: MIT */
/* Passes over all parts of an archive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "fs/base/memory.h"

/* What a file that is merely compressed, or nothing but a dump, is called under raw/. */
static char *name_within(const char *path, struct archive *archive)
{
    static const char *const endings[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z"};
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash != NULL ? slash + 1 : path);
    size_t size = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; name != NULL && i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);

        if (archive_filter_count(archive) > 1 && size > length &&
            strcmp(name + size - length, endings[i]) == 0) {
            name[size - length] = '\0';
            break;
        }
    }
    return name;
}

/* A file of a folder without a byte. */
static int tell_empty(struct archive_walk *walk, struct failure *failure)
{
    cleanup_free char *shown = archive_shown_name(walk->part->name);
    struct stream_member member = {.path = shown, .modified = walk->modified};

    if (shown == NULL)
        return -ENOMEM;
    walk->found = walk->wanted != NULL;
    if (walk->pass == PASS_NAMES)
        return archive_plan_note(walk->plan, shown);
    if (walk->pass != PASS_ALL || walk->wanted != NULL)
        return 0;
    return walk->taker->class->member(walk->taker, &member, failure);
}

static int walk_first(struct archive_walk *walk, struct failure *failure)
{
    const struct archive_part *part = walk->part;
    struct archive_entry *about;
    int code = archive_read_next_header(walk->outermost, &about);

    if (code == ARCHIVE_EOF)
        return part->name != NULL ? tell_empty(walk, failure) : 0;
    if (code < ARCHIVE_WARN)
        return archive_failure(walk->outermost, part->path, failure);

    bool raw = archive_format(walk->outermost) == ARCHIVE_FORMAT_RAW;
    cleanup_free char *name = part->name != NULL ? strdup(part->name)
                              : raw              ? name_within(part->path, walk->outermost)
                                                 : strdup("");

    if (name == NULL)
        return -ENOMEM;
    /* Of one thing there is nothing to plan. */
    if (walk->pass == PASS_NAMES && raw && part->name == NULL)
        return 0;

    int error = archive_walk_entry(walk, walk->outermost, about, name, 0, failure);

    return error != 0 ? error : archive_walk(walk, walk->outermost, "", 0, failure);
}

static int walk_part(struct archive_walk *walk, struct failure *failure)
{
    const struct archive_part *part = walk->part;
    int error = part->name != NULL
                    ? archive_open_plain(part->path, &walk->outermost, failure)
                    : archive_open_file(walk->source, part->path, &walk->outermost, failure);

    if (error != 0)
        return error;
    error = walk_first(walk, failure);
    archive_read_free(walk->outermost);
    walk->outermost = NULL;
    if (error == 0 && walk->part_is_dump && !walk->source->folder && walk->wanted == NULL)
        error = archive_postgres_read_part(walk, failure);
    return error;
}

/* One part of several that cannot be read is not the end. */
static int pass_over(const struct archive_walk *walk, int error, const struct failure *own,
                     size_t parts, struct failure *failure)
{
    if (error != 0 && own->code != 0 && failure != NULL)
        *failure = *own;
    if (parts == 1 || (error != -EIO && error != -EILSEQ && error != -EACCES))
        return error;
    if (walk->wanted != NULL || walk->pass != PASS_ALL || own->code == 0)
        return 0;
    walk->taker->class->trouble(walk->taker, own);
    return delimited_parts_fail(walk->parts, NULL, own);
}

int archive_walk_parts(struct archive_walk *walk, const struct archive_parts *parts,
                       struct failure *failure)
{
    int error = name_map_create(&walk->names);

    walk->file_bytes = parts->bytes;
    for (size_t i = 0; i < parts->count && error == 0 && !walk->found; i++) {
        struct failure own = {0};

        walk->part = &parts->items[i];
        walk->modified = walk->part->about.st_mtim;
        if (walk->wanted != NULL && walk->part->name != NULL &&
            strcmp(walk->part->name, walk->wanted) != 0)
            continue;
        walk->part_is_dump = walk->source->folder && archive_postgres_is_folder(walk->source->path);
        error = pass_over(walk, walk_part(walk, &own), &own, parts->count, failure);
        walk->bytes_before += (uint64_t)walk->part->about.st_size;
    }
    name_map_free(walk->names);
    for (size_t i = 0; i < walk->members; i++)
        free(walk->name_list[i]);
    free((void *)walk->name_list);
    return error;
}

static int run_pass(struct archive_source *source, const struct archive_parts *parts,
                    enum archive_pass pass, struct archive_plan *plan, struct row_taker *taker,
                    struct failure *failure)
{
    struct archive_walk walk = {.source = source, .taker = taker, .pass = pass, .plan = plan};

    return archive_walk_parts(&walk, parts, failure);
}

/* The pass in which everything is told. */
static int read_rest(struct archive_source *source, const struct archive_parts *parts,
                     struct archive_plan *plan, struct row_taker *taker, struct failure *failure)
{
    struct archive_walk walk = {
        .source = source,
        .taker = taker,
        .pass = PASS_ALL,
        .plan = plan,
        .parts = delimited_parts_create(taker, source->series != NULL),
    };
    int error = walk.parts != NULL ? archive_walk_parts(&walk, parts, failure) : -ENOMEM;
    struct failure why;

    if (error == 0 && parts->missing != 0) {
        failure_set(
            &why, ENOENT,
            "%.200s/%.200s%lu.zip is not there, though a later part is: rows may be missing",
            source->path, source->series, parts->missing);
        taker->class->trouble(taker, &why);
        why.code = EIO;
        error = delimited_parts_fail(walk.parts, NULL, &why);
    }
    if (error == 0)
        error = delimited_parts_end(walk.parts);
    delimited_parts_free(walk.parts);
    return error;
}

static int read_folder_dump(struct archive_source *source, struct row_taker *taker,
                            struct failure *failure)
{
    struct archive_walk walk = {.source = source, .taker = taker, .pass = PASS_ALL};

    return archive_postgres_read_folder(&walk, failure);
}

int archive_read_all(struct archive_source *source, const struct archive_parts *parts,
                     struct row_taker *taker, struct failure *failure)
{
    struct archive_plan plan;
    int error = archive_plan_create(&plan);

    if (error != 0)
        return error;
    /* Where the names cannot be read to the end, those that can be are what there is. */
    error = run_pass(source, parts, PASS_NAMES, &plan, taker, failure);
    if (error == 0 || error == -EIO || error == -EILSEQ || error == -EACCES || error == -EFBIG)
        error = archive_plan_decide(&plan, taker);
    if (error == 0 && plan.dumped)
        error = run_pass(source, parts, PASS_TABLES, &plan, taker, failure);
    if (error == 0)
        error = read_rest(source, parts, &plan, taker, failure);
    if (error == 0 && source->folder && archive_postgres_is_folder(source->path))
        error = read_folder_dump(source, taker, failure);
    if (error == 0)
        error = archive_plan_end(&plan, taker, failure);
    archive_plan_release(&plan);
    return error;
}
