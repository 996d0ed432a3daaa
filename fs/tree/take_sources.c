/* SPDX-License-Identifier: MIT */
/*
 * The sources of a snapshot, each read in one transaction; what of one was not asked for, and what
 * cannot be read and yet is no reason to have no backup, is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/indexed.h"
#include "fs/table/scan.h"
#include "fs/table/stored_table.h"
#include "fs/tree/take_internal.h"
#include "fs/tree/view_bounds.h"

#define SOURCE_ATTEMPTS 5

bool take_is_called_off(const struct take_attempt *attempt, int *ret_error)
{
    const bool *cancelled = attempt->options->cancelled;

    if (!called_off(cancelled))
        return false;
    *ret_error = failure_set(attempt->failure, ECANCELED, "taking the snapshot was called off");
    return true;
}

/* Which of COUNT words means the table: "table" or "source.table"; COUNT: none does. */
static size_t find_word(const char *const *words, size_t count, const char *source,
                        const char *table)
{
    size_t length = strlen(source);

    for (size_t i = 0; i < count; i++) {
        const char *word = words[i];

        if (strcmp(word, table) == 0 ||
            (strncmp(word, source, length) == 0 && word[length] == '.' &&
             strcmp(word + length + 1, table) == 0))
            return i;
    }
    return count;
}

/* Whether the options ask for the table. Words that leave tables out are noted when they do. */
static bool is_wanted(struct take_attempt *attempt, const char *source, const char *table)
{
    const struct take_options *options = attempt->options;
    bool excluded = false;

    if (options->tables != NULL &&
        find_word(options->tables, options->table_count, source, table) == options->table_count)
        return false;
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (find_word(&options->excluded[i], 1, source, table) == 0)
            attempt->excluded_met[i] = excluded = true;
    }
    return !excluded;
}

static void note_progress(struct take_attempt *attempt, const struct stored_table *table)
{
    struct take_progress *progress = attempt->options->progress;

    attempt->raw_bytes += table->csv_bytes;
    if (progress == NULL)
        return;
    __atomic_add_fetch(&progress->tables_done, 1, __ATOMIC_RELAXED);
}

/* Has the sink compress the next table against its last image. What cannot be read is no base. */
static int choose_base(struct take_attempt *attempt, const char *source, const char *table,
                       struct image_group **ret_groups)
{
    const struct object_reference *image = take_bases_find(&attempt->bases, source, table);
    size_t count = 0;

    *ret_groups = NULL;
    if (image != NULL) {
        int error = stored_table_groups(attempt->options->reader, image, ret_groups, &count, NULL);

        if (error == -ENOMEM)
            return error;
    }
    return store_sink_begin_table(attempt->sink, *ret_groups, count);
}

static int scan_table(struct take_attempt *attempt, struct dataset *dataset, size_t index,
                      const char *source, struct stored_table *ret_table)
{
    const struct take_options *options = attempt->options;
    struct schema *schema = dataset->class->schema(dataset, index);
    struct view_deadline deadline = {clock_now_ns() + options->view_timeout_ns};
    bool bounded = schema->kind == RELATION_VIEW && options->view_timeout_ns != 0;
    struct scan_options scan = {
        .threads = options->threads,
        .cut_key = store_key(options->store, STORE_BOUNDARIES),
        .group_bytes = store_header(options->store)->group_bytes,
        .cancelled = options->cancelled,
        .bound = {bounded ? view_deadline_look : NULL, &deadline},
        .rows_done = options->progress != NULL ? &options->progress->rows : NULL,
    };
    cleanup_free struct image_group *base = NULL;
    cleanup_free struct image_group *groups = NULL;
    size_t count;
    int error = choose_base(attempt, source, schema->name, &base);

    if (error == 0)
        error = table_scan(dataset, index, store_sink_base(attempt->sink), &scan, &groups, &count,
                           attempt->failure);
    if (error == -ETIMEDOUT && bounded)
        failure_set(attempt->failure, ETIMEDOUT,
                    "it takes longer than %g s to read; allow views more time (view-timeout)",
                    (double)options->view_timeout_ns / NS_PER_SECOND);
    if (error == 0)
        error =
            stored_table_write(attempt->sink, schema, groups, count, ret_table, attempt->failure);
    store_sink_begin_table(attempt->sink, NULL, 0);
    if (error != 0)
        return error;
    ret_table->name = strdup(schema->name);
    return ret_table->name != NULL ? 0 : -ENOMEM;
}

/*
 * A view that its own database cannot show, or not in time, is no reason to have no
 * backup: it is left out with a warning; likewise what holds nothing that could be read, and
 * rows that are not in the database, but on a server that it cannot read. Whatever else cannot be
 * read is.
 */
static bool may_be_left_out(struct dataset *dataset, size_t index, int error)
{
    return error == -ENODATA || error == -EREMOTEIO ||
           (dataset->class->schema(dataset, index)->kind == RELATION_VIEW &&
            (error == -EIO || error == -ETIMEDOUT));
}

/*
 * What there is of a view that is left out: its statement, so that schema.sql has it, a restore can
 * make it, and the snapshot says what it lacks. 1: it is in RET_TABLE; 0: it has none.
 */
static int keep_statement(struct take_attempt *attempt, const struct schema *schema,
                          struct stored_table *ret_table)
{
    struct schema *bare;
    int error = 0;

    if ((schema->kind != RELATION_VIEW && schema->kind != RELATION_STORED_VIEW) ||
        schema->ddl[0] == '\0')
        return 0;
    bare = schema_create(schema->name, 0);
    if (bare == NULL)
        return -ENOMEM;
    bare->kind = schema->kind;
    bare->is_statement = true;
    bare->ddl = strdup(schema->ddl);
    ret_table->name = strdup(schema->name);
    if (bare->ddl == NULL || ret_table->name == NULL)
        error = -ENOMEM;
    if (error == 0)
        error = stored_table_write(attempt->sink, bare, NULL, 0, ret_table, attempt->failure);
    schema_release(bare);
    if (error != 0)
        free(ret_table->name);
    return error != 0 ? error : 1;
}

/*
 * Of what holds nothing, nothing is lacking; but what made a dump without the rows of a table has
 * left it out on purpose.
 */
static int note_lack(struct stored_source *stored, const struct schema *schema, int error)
{
    bool on_purpose = error == -ENODATA && !stored->has_only;

    if (error == -ENODATA && (schema->kind != RELATION_TABLE || schema->column_count == 0))
        return 0;
    stored->partial = true;
    return stored_names_add(on_purpose ? &stored->without : &stored->lacking, schema->name);
}

/* ERROR: why it cannot be read. */
static int leave_out(struct take_attempt *attempt, struct dataset *dataset, size_t index, int error,
                     const char *source, struct stored_source *stored)
{
    const struct take_options *options = attempt->options;
    const struct schema *schema = dataset->class->schema(dataset, index);
    struct stored_table *table = &stored->tables[stored->table_count];
    int kept;

    if (options->warn != NULL)
        options->warn(options->warn_context, source, schema->name, attempt->failure);
    *attempt->failure = (struct failure){0};
    *table = (struct stored_table){0};
    if (note_lack(stored, schema, error) != 0)
        return -ENOMEM;
    kept = keep_statement(attempt, schema, table);
    if (kept == 1) {
        stored->table_count++;
        note_progress(attempt, table);
    }
    return kept < 0 ? kept : 0;
}

/* Notes of a table whether it was asked for. 1: it was; 0: it was not; -ENOMEM. */
static int choose(struct take_attempt *attempt, const char *source, const char *table,
                  struct stored_source *stored)
{
    bool wanted = is_wanted(attempt, source, table);
    int error = 0;

    if (!wanted)
        stored->partial = true;
    if (wanted == stored->has_only)
        error = stored_names_add(wanted ? &stored->only : &stored->without, table);
    return error != 0 ? error : wanted;
}

static int scan_tables(struct take_attempt *attempt, struct dataset *dataset, const char *source,
                       struct stored_source *stored)
{
    const struct take_options *options = attempt->options;
    size_t count = dataset->class->table_count(dataset);

    stored->tables = allocate_array(count, sizeof *stored->tables);
    if (stored->tables == NULL)
        return -ENOMEM;
    stored->has_only = options->tables != NULL;
    if (options->progress != NULL)
        __atomic_add_fetch(&options->progress->tables, count, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count; i++) {
        const char *name = dataset->class->schema(dataset, i)->name;
        struct stored_table *table = &stored->tables[stored->table_count];

        int error = choose(attempt, source, name, stored);

        if (error < 0)
            return error;
        if (error == 0)
            continue;
        error = scan_table(attempt, dataset, i, source, table);

        if (take_is_called_off(attempt, &error)) {
            free(table->name);
            return error;
        }
        if (error != 0 && may_be_left_out(dataset, i, error)) {
            error = leave_out(attempt, dataset, i, error, source, stored);
            if (error != 0)
                return error;
            continue;
        }
        if (error != 0)
            return failure_prefix(attempt->failure, -error, "%s, table %s", source, name);
        stored->table_count++;
        note_progress(attempt, table);
    }
    return 0;
}

/* Tables that nobody is told of are missed by who wants all, not by who has named those he wants.
 */
static void tell_unseen(struct take_attempt *attempt, const struct dataset *dataset,
                        struct stored_source *stored)
{
    const struct take_options *options = attempt->options;
    struct failure why;

    /* Parts that are lost were told of as they were met, and nobody knows what was in them. */
    if (indexed_dataset_is(dataset) && indexed_dataset_lacks(dataset))
        stored->partial = stored->unseen = true;
    if (dataset->unseen == NULL || options->tables != NULL)
        return;
    stored->partial = true;
    stored->unseen = true;
    failure_set(&why, EPERM, "%s", dataset->unseen);
    if (options->warn != NULL)
        options->warn(options->warn_context, stored->name, NULL, &why);
}

static int scan_source_once(struct take_attempt *attempt, const struct take_source *place,
                            struct stored_source *stored)
{
    struct source_version version;
    struct dataset *dataset;
    uint64_t before = attempt->raw_bytes;
    int error = place->source->class->begin(place->source, &dataset, &version, attempt->failure);

    if (error != 0)
        return failure_prefix(attempt->failure, -error, "%s", place->name);
    stored->time_ns =
        attempt->options->as_of_sources ? clock_ns(&dataset->changed) : clock_calendar_ns();
    if (stored->time_ns < attempt->time_ns)
        attempt->time_ns = stored->time_ns;
    stored->name = strdup(place->name);
    stored->kind = strdup(dataset->kind != NULL ? dataset->kind : place->source->class->kind);
    error = stored->name == NULL || stored->kind == NULL
                ? -ENOMEM
                : scan_tables(attempt, dataset, place->name, stored);
    if (error == 0)
        error = dataset->class->verify(dataset, attempt->failure);
    /* A dump that was made without any rows is no backup. */
    if (error == 0 && stored->table_count == 0 && stored->without.count != 0)
        error = failure_set(attempt->failure, ENODATA,
                            "%s: it was made without the rows of its tables: nothing is taken",
                            place->name);
    if (error == 0)
        tell_unseen(attempt, dataset, stored);
    dataset->class->finish(dataset);
    dataset->class->release(dataset);
    if (error != 0) {
        stored_source_release(stored);
        attempt->raw_bytes = before;
    }
    return error;
}

/* A source that cannot be locked may change underneath; then it is read again. */
static int scan_source(struct take_attempt *attempt, const struct take_source *place,
                       struct stored_source *stored)
{
    int error = -ESTALE;

    for (int i = 0; i < SOURCE_ATTEMPTS && error == -ESTALE; i++)
        error = scan_source_once(attempt, place, stored);
    if (error == -ESTALE)
        return failure_set(attempt->failure, EBUSY,
                           "%s changes faster than it can be read through: try again when fewer "
                           "programs %s",
                           place->name,
                           place->source->class->remote ? "alter its tables"
                                                        : "write to it, or put it into WAL mode");
    return error;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct stored_source *)left)->name,
                  ((const struct stored_source *)right)->name);
}

static bool find_text(const char *const *texts, size_t count, const char *text)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        found |= strcmp(texts[i], text) == 0;
    return found;
}

/* Whether what WORD asks for was left out, since nothing of it can be read. */
static bool is_lacking(const struct take_attempt *attempt, const char *word)
{
    for (size_t i = 0; i < attempt->tree.source_count; i++) {
        const struct stored_source *source = &attempt->tree.sources[i];

        for (size_t k = 0; k < source->lacking.count; k++) {
            if (find_word(&word, 1, source->name, source->lacking.names[k]) == 0)
                return true;
        }
    }
    return false;
}

static int check_tables_found(const struct take_attempt *attempt)
{
    const struct take_options *options = attempt->options;

    for (size_t i = 0; options->tables != NULL && i < options->table_count; i++) {
        bool found = false;

        for (size_t j = 0; j < attempt->tree.source_count && !found; j++) {
            const struct stored_source *source = &attempt->tree.sources[j];

            for (size_t k = 0; k < source->table_count && !found; k++)
                found =
                    find_word(&options->tables[i], 1, source->name, source->tables[k].name) == 0;
        }
        if (!found && find_text(options->excluded, options->excluded_count, options->tables[i]))
            return failure_set(attempt->failure, EINVAL,
                               "table %s is asked for and left out at once", options->tables[i]);
        if (!found && is_lacking(attempt, options->tables[i]))
            return failure_set(attempt->failure, ENODATA,
                               "table %s is there, but not its rows: nothing is taken; without its "
                               "name the others are",
                               options->tables[i]);
        if (!found)
            return failure_set(attempt->failure, EINVAL, "no source has a table %s",
                               options->tables[i]);
    }
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (!attempt->excluded_met[i])
            return failure_set(attempt->failure, EINVAL, "no source has a table %s to leave out",
                               options->excluded[i]);
    }
    return 0;
}

int take_scan_sources(struct take_attempt *attempt)
{
    const struct take_options *options = attempt->options;

    attempt->tree.sources = allocate_array(options->source_count, sizeof *attempt->tree.sources);
    attempt->excluded_met = allocate_array(options->excluded_count, sizeof(bool));
    if (attempt->tree.sources == NULL || attempt->excluded_met == NULL)
        return -ENOMEM;
    attempt->time_ns = clock_calendar_ns();
    for (size_t i = 0; i < options->source_count; i++) {
        int error = scan_source(attempt, &options->sources[i], &attempt->tree.sources[i]);

        if (error != 0)
            return error;
        attempt->tree.source_count = i + 1;
    }
    qsort(attempt->tree.sources, attempt->tree.source_count, sizeof *attempt->tree.sources,
          by_name);
    return check_tables_found(attempt);
}

void take_release_sources(struct take_attempt *attempt)
{
    for (size_t i = 0; i < attempt->tree.source_count; i++)
        stored_source_release(&attempt->tree.sources[i]);
    free(attempt->tree.sources);
    free(attempt->excluded_met);
}
