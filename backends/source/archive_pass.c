/* SPDX-License-Identifier: MIT */
/* Passes over all parts of an archive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/archive_packages.h"
#include "backends/source/archive_postgres.h"
#include "fs/base/memory.h"

/* What a file that is merely compressed, or nothing but a dump, is called under raw/. */
static char *name_within(const char *path, const struct archive_file *file)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    return archive_file_is_packed(file) ? archive_unpacked_name(name) : strdup(name);
}

/* A file of a folder without a byte, which may be one of a dump for all that. */
static int tell_empty(struct archive_walk *walk, struct failure *failure)
{
    cleanup_free char *shown = archive_shown_name(walk->part->name);
    struct byte_stream empty = {&byte_stream_empty};
    struct archive_dump *dump;
    int error = 0;
    struct stream_member member = {.path = shown, .modified = walk->modified};

    if (shown == NULL)
        return -ENOMEM;
    walk->found = walk->wanted != NULL;
    if (walk->pass == PASS_NAMES)
        return archive_plan_note(walk->plan, shown);
    if (walk->wanted != NULL)
        return 0;
    dump = archive_plan_dump(walk->plan, shown);
    if (dump != NULL)
        error = archive_dump_read(walk, dump, &empty, shown, false, failure);
    if (error != 0 || walk->pass != PASS_ALL)
        return error;
    archive_tabs_take_empty(walk->plan->tabs, shown);
    return walk->taker->class->member(walk->taker, &member, failure);
}

static int walk_first(struct archive_walk *walk, struct failure *failure)
{
    const struct archive_part *part = walk->part;
    struct archive *archive = walk->outermost->archive;
    struct archive_entry *about;
    int code = archive_read_next_header(archive, &about);
    int error = code == ARCHIVE_EOF || code < ARCHIVE_WARN
                    ? archive_feed_error(walk->feed, part->path, failure)
                    : 0;

    if (error != 0)
        return error;
    if (code == ARCHIVE_EOF)
        return part->name != NULL ? tell_empty(walk, failure) : 0;
    if (code < ARCHIVE_WARN)
        return archive_failure(archive, part->path, failure);

    bool raw = archive_format(archive) == ARCHIVE_FORMAT_RAW;

    if (raw && walk->source->series != NULL)
        return failure_set(failure, EILSEQ, "%.300s: this is no ZIP", part->path);

    cleanup_free char *name = part->name != NULL ? strdup(part->name)
                              : raw              ? name_within(part->path, walk->outermost)
                                                 : strdup("");

    if (name == NULL)
        return -ENOMEM;
    /* Of one thing there is nothing to plan. */
    if (walk->pass == PASS_NAMES && raw && part->name == NULL)
        return 0;

    error = archive_walk_entry(walk, archive, about, name, 0, failure);

    return error != 0 ? error : archive_walk(walk, archive, "", 0, failure);
}

static int walk_part(struct archive_walk *walk, struct failure *failure)
{
    const struct archive_part *part = walk->part;
    struct archive_file file;
    int error = part->name != NULL ? archive_file_open_plain(part->path, &file, failure)
                                   : archive_file_open(walk->source, part->path, &file, failure);

    if (error != 0)
        return error;
    walk->outermost = &file;
    walk->feed = file.is_packed ? &file.feed : NULL;
    walk->broken = false;
    error = walk_first(walk, failure);
    if (error == 0 && part->name == NULL)
        archive_tell_rest_of_file(walk, &file, part->path);
    walk->outermost = NULL;
    walk->feed = NULL;
    archive_file_close(&file);
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
    walk->plan->others++;
    walk->taker->class->trouble(walk->taker, own);
    return delimited_parts_fail(walk->parts, NULL, own);
}

static int walk_parts(struct archive_walk *walk, const struct archive_parts *parts,
                      struct failure *failure)
{
    int error = name_map_create(&walk->names);

    walk->file_bytes = parts->bytes;
    for (size_t i = 0; i < parts->count && error == 0 && !walk->found; i++) {
        struct failure own = {0};

        walk->part = &parts->items[i];
        walk->modified = walk->part->about.st_mtim;
        /* mydumper's tables begin in an earlier pass. */
        walk->first_table = parts->count > 1 ? archive_table_count(walk) : 0;
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

static bool is_damage(int error)
{
    return error == -EIO || error == -EILSEQ || error == -EACCES || error == -EFBIG;
}

static int run_pass(struct archive_source *source, const struct archive_parts *parts,
                    enum archive_pass pass, struct archive_plan *plan, struct row_taker *taker,
                    struct failure *failure)
{
    struct archive_walk walk = {.source = source, .taker = taker, .pass = pass, .plan = plan};

    return walk_parts(&walk, parts, failure);
}

static void tell_renamed(const struct archive_walk *walk)
{
    struct failure why;

    if (walk->renamed == 0)
        return;
    failure_set(&why, ENOTUNIQ,
                "%.300s: under raw/, names in it that begin with a slash, lead out of the folder, "
                "or are there twice, are shown otherwise: %zu, the first %s",
                walk->source->path, walk->renamed,
                walk->first_renamed != NULL ? walk->first_renamed : "");
    walk->taker->class->trouble(walk->taker, &why);
}

/* The pass in which everything is told. */
static int read_rest(struct archive_source *source, const struct archive_parts *parts,
                     struct archive_plan *plan, struct archive_endings *endings,
                     struct row_taker *taker, struct failure *failure)
{
    struct archive_walk walk = {
        .source = source,
        .taker = taker,
        .pass = PASS_ALL,
        .plan = plan,
        .endings = endings,
        .parts = delimited_parts_create(taker, source->series != NULL),
    };
    int error = walk.parts != NULL ? walk_parts(&walk, parts, failure) : -ENOMEM;
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
    if (error == 0 && archive_is_single_part(source)) {
        failure_set(&why, ENOENT,
                    "%.300s is one of several parts of an export, and its tables may have rows in "
                    "the others: name the folder of all parts, or a pattern in quotes",
                    source->path);
        taker->class->trouble(taker, &why);
    }
    if (error == 0 && walk.odd_names != 0) {
        failure_set(&why, ENOTUNIQ,
                    "%.300s: %zu of the names in it are in another character set than UTF-8, and "
                    "shown with %%XX for its bytes; say which it is: archive://PATH?names=CP437, "
                    "or CP932, CP866 …",
                    source->path, walk.odd_names);
        taker->class->trouble(taker, &why);
    }
    if (error == 0)
        tell_renamed(&walk);
    if (error == 0)
        error = delimited_parts_end(walk.parts);
    free(walk.first_renamed);
    delimited_parts_free(walk.parts);
    return error;
}

static int read_folder_dump(struct archive_source *source, struct row_taker *taker,
                            struct failure *failure)
{
    struct archive_walk walk = {.source = source, .taker = taker, .pass = PASS_ALL};

    return archive_postgres_read_folder(&walk, failure);
}

/* What files are called, as all lists say it; kept for whoever asks for one of them. */
static int read_lists(struct archive_source *source, const struct archive_parts *parts,
                      struct archive_endings **ret_endings, struct failure *failure)
{
    struct archive_walk walk = {
        .source = source,
        .pass = PASS_LISTS,
        .endings = archive_endings_create(&parts->version),
    };
    int error = walk.endings != NULL ? walk_parts(&walk, parts, failure) : -ENOMEM;

    if (error != 0 && !is_damage(error)) {
        archive_endings_release(walk.endings);
        return error;
    }
    archive_endings_sort(walk.endings);
    pthread_mutex_lock(&source->lock);
    archive_endings_release(source->endings);
    source->endings = archive_endings_reference(walk.endings);
    pthread_mutex_unlock(&source->lock);
    *ret_endings = walk.endings;
    return 0;
}

/* A first look at all names; where they cannot be read to the end, those that can be count. */
static int make_plan(struct archive_source *source, const struct archive_parts *parts,
                     struct archive_plan *plan, struct archive_endings **ret_endings,
                     struct failure *failure)
{
    int error = run_pass(source, parts, PASS_NAMES, plan, NULL, failure);

    if (error != 0 && !is_damage(error))
        return error;
    return plan->lists && plan->listed ? read_lists(source, parts, ret_endings, failure) : 0;
}

/* An empty folder looks as if all were well. */
static void tell_nothing(const struct archive_source *source, const struct archive_plan *plan,
                         struct row_taker *taker)
{
    struct failure why;

    if (plan->others != 0 || taker->class->table_count == NULL ||
        taker->class->table_count(taker) != 0)
        return;
    failure_set(&why, ENODATA,
                "%.300s: there is no table in it, nor anything else: was it made of an empty "
                "database, or did what made it fail?",
                source->path);
    taker->class->trouble(taker, &why);
}

int archive_read_all(struct archive_source *source, const struct archive_parts *parts,
                     struct row_taker *taker, struct failure *failure)
{
    struct archive_endings *endings = NULL;
    struct archive_plan plan;
    int error = archive_plan_create(&plan);

    if (error != 0)
        return error;
    error = make_plan(source, parts, &plan, &endings, failure);
    if (error == 0)
        error = archive_plan_decide(&plan, delimited_wish_charset(&source->wish), taker);
    if (error == 0 &&
        (plan.dumped || archive_packages_any(plan.packages) || archive_tabs_any(plan.tabs)))
        error = run_pass(source, parts, PASS_TABLES, &plan, taker, failure);
    if (error == 0 && plan.loaded)
        error = run_pass(source, parts, PASS_LOADS, &plan, taker, failure);
    if (error == 0)
        error = read_rest(source, parts, &plan, endings, taker, failure);
    if (error == 0 && source->folder && archive_postgres_is_folder(source->path))
        error = read_folder_dump(source, taker, failure);
    if (error == 0)
        error = archive_postgres_read_folders(source, &plan, taker, failure);
    if (error == 0)
        error = archive_plan_end(&plan, taker, failure);
    if (error == 0)
        tell_nothing(source, &plan, taker);
    archive_plan_release(&plan);
    archive_endings_release(endings);
    return error;
}

/* Those that were read for the same files, else they are read again. */
static int find_endings(struct archive_source *source, const struct archive_parts *parts,
                        struct archive_endings **ret_endings, struct failure *failure)
{
    struct archive_plan plan;
    int error;

    pthread_mutex_lock(&source->lock);
    if (source->endings != NULL && archive_endings_are_of(source->endings, &parts->version))
        *ret_endings = archive_endings_reference(source->endings);
    pthread_mutex_unlock(&source->lock);
    if (*ret_endings != NULL)
        return 0;
    error = archive_plan_create(&plan);
    if (error == 0)
        error = make_plan(source, parts, &plan, ret_endings, failure);
    archive_plan_release(&plan);
    return error;
}

/* Whether a file of that name may have got its ending from a list. */
static bool may_be_listed(const char *name)
{
    const char *dot = strrchr(name, '.');
    cleanup_free char *plain = dot != NULL ? strndup(name, (size_t)(dot - name)) : NULL;

    return plain != NULL && archive_is_listed(plain);
}

int archive_read_member(struct archive_source *source, const struct archive_parts *parts,
                        struct archive_walk *walk, struct failure *failure)
{
    int error =
        may_be_listed(walk->wanted) ? find_endings(source, parts, &walk->endings, failure) : 0;

    if (error == 0)
        error = walk_parts(walk, parts, failure);
    archive_endings_release(walk->endings);
    return error;
}
