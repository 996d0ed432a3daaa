/* SPDX-License-Identifier: MIT */
#include "tools/restore_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/stream.h"
#include "fs/base/log.h"
#include "fs/table/stored_dataset.h"

/* ---- A snapshot ------------------------------------------------------------------------------ */

/* Somebody may have left out between both what the source is called. */
static int refuse_source(const struct stored_tree *tree, const char *snapshot, const char *name,
                         struct failure *failure)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];

        for (size_t j = 0; j < source->table_count; j++) {
            if (strcmp(source->tables[j].name, name) == 0)
                return failure_set(failure, ENOENT,
                                   "there is no source \"%s\" in snapshot %s; the table is called "
                                   "%s/%s/%s",
                                   name, snapshot, snapshot, source->name, name);
        }
    }
    return failure_set(failure, ENOENT, "there is no source \"%s\" in snapshot %s", name, snapshot);
}

static int find_source(const struct stored_tree *tree, const char *snapshot, const char *name,
                       const struct stored_source **ret_source, struct failure *failure)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        if (name == NULL ? tree->source_count == 1 : strcmp(tree->sources[i].name, name) == 0) {
            *ret_source = &tree->sources[i];
            return 0;
        }
    }
    if (name != NULL)
        return refuse_source(tree, snapshot, name, failure);
    if (tree->source_count == 0)
        return failure_set(failure, ENOENT, "snapshot %s has no tables", snapshot);
    return failure_set(failure, EINVAL, "snapshot %s has several sources: say which, %s/%s for one",
                       snapshot, snapshot, tree->sources[0].name);
}

int restore_source_open_in(const struct opened_store *opened, const char *what,
                           struct restore_source *source, struct failure *failure)
{
    const char *snapshot_name = source->words = strdup(what);
    char *name = snapshot_name != NULL ? strchr(source->words, '/') : NULL;
    char *table = name != NULL ? strchr(name + 1, '/') : NULL;
    const struct stored_source *stored = NULL;
    int error;

    if (snapshot_name == NULL)
        return -ENOMEM;
    if (name != NULL)
        *name++ = '\0';
    if (table != NULL)
        *table++ = '\0';
    if (name != NULL && *name == '\0')
        name = NULL;
    source->table = table != NULL && *table != '\0' ? table : NULL;
    error = opened_store_find(opened, snapshot_name, &source->snapshot, failure);
    if (error == 0)
        error = opened_store_tree(opened, source->snapshot, &source->tree, failure);
    if (error == 0)
        error = find_source(&source->tree, snapshot_name, name, &stored, failure);
    if (error == 0)
        error = stored_dataset_create(opened->reader, stored, &source->dataset, failure);
    if (error != 0 || stored == NULL)
        return error;
    source->kind = stored->kind;
    source->name = stored->name;
    source->stored = stored;
    return 0;
}

/* Its statement: a restore makes it. */
static bool is_kept(const struct stored_source *stored, const char *name)
{
    bool kept = false;

    for (size_t i = 0; i < stored->table_count; i++)
        kept |= strcmp(stored->tables[i].name, name) == 0;
    return kept;
}

/* Takes NAME out of the words, in which it may stand several times. Whether it was there. */
static bool take_out(struct words *words, const char *name)
{
    size_t kept = 0;
    size_t count = words->count;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(words->items[i], name) != 0)
            words->items[kept++] = words->items[i];
    }
    words->count = kept;
    return kept != count;
}

void restore_source_tell_lacking(struct restore_source *source, struct words *excluded)
{
    const char *name;
    size_t place = 0;

    if (source->stored == NULL)
        return;
    while ((name = stored_source_next_lacking(source->stored, &place)) != NULL) {
        if (is_kept(source->stored, name) || take_out(excluded, name))
            continue;
        left_out_tell_unread(&source->left_out, source->name, name);
    }
}

/* ---- Any other source ------------------------------------------------------------------------ */

static void warn_part(void *context, const struct failure *why)
{
    struct restore_source *source = context;

    /* Views, and columns that are computed, are made again by their statements. */
    if (why->code == ENODATA)
        return;
    log_message(LOG_LEVEL_WARNING, "%s", why->text);
    if (stream_trouble_is_loss(why))
        left_out_add(&source->left_out, NULL, NULL, why->text);
}

static int open_source(const char *url, const bool *cancelled, struct restore_source *source,
                       struct failure *failure)
{
    const struct source_options options = {
        .busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS, .parallel = 1, .cancelled = cancelled};
    struct source_version version;
    int error = source_open(url, &options, &source->source, failure);

    if (error == 0) {
        source->kind = source->source->class->kind;
        error = indexing_wrap(&source->indexing, cancelled, warn_part, source, &source->source,
                              failure);
        if (error != 0)
            source->source = NULL;
    }
    if (error == 0)
        error = source->source->class->begin(source->source, &source->dataset, &version, failure);
    if (error == 0 && source->dataset->kind != NULL)
        source->kind = source->dataset->kind;
    return error == 0 ? 0 : source_name_failure(failure, -error, url);
}

int restore_source_open(const char *store, const struct passphrase_options *passphrase,
                        const char *what, const bool *cancelled, struct restore_source *source,
                        struct failure *failure)
{
    int error;

    if (store == NULL) {
        passphrase_forget(PASSPHRASE_OPEN);
        return open_source(what, cancelled, source, failure);
    }
    error = opened_store_open(store, passphrase, &source->opened, failure);
    return error == 0 ? restore_source_open_in(&source->opened, what, source, failure) : error;
}

void restore_source_tell_unseen(struct restore_source *source)
{
    const char *why = source->dataset->unseen;

    if (source->stored != NULL && source->stored->unseen)
        why = "when the snapshot was taken, parts of its source could not be read, or its user was "
              "not told of all tables";
    if (why == NULL)
        return;
    log_message(LOG_LEVEL_WARNING, "there may be more tables: %s", why);
    left_out_add(&source->left_out, NULL, NULL, why);
}

void restore_source_close(struct restore_source *source)
{
    if (source->dataset != NULL) {
        source->dataset->class->finish(source->dataset);
        source->dataset->class->release(source->dataset);
    }
    if (source->source != NULL)
        source->source->class->close(source->source);
    indexing_end(&source->indexing);
    stored_tree_release(&source->tree);
    opened_store_release(&source->opened);
    free(source->words);
    left_out_clear(&source->left_out);
    *source = (struct restore_source){.dataset = NULL};
}
