/* SPDX-License-Identifier: MIT */
#include "fs/tree/import_folder.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/tree/directory.h"
#include "fs/tree/drafts.h"
#include "fs/tree/import_results.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_load.h"

#define MODES 4

static const char *const mode_names[MODES] = {
    [LOAD_APPEND] = "append",
    [LOAD_UPSERT] = "upsert",
    [LOAD_REPLACE] = "replace",
    [LOAD_MISSING] = "missing",
};

/* A mode's folder. */
struct import_folder {
    struct node node;
    struct live *live;
    enum load_mode mode;
    struct drafts *drafts;
    struct timespec made;
    struct import_results results;
};

/* ---- loading ---- */

static bool has_ending(const char *name, const char *ending)
{
    size_t size = strlen(name);
    size_t length = strlen(ending);

    return size > length && strcmp(name + size - length, ending) == 0;
}

static bool draft_means(void *context, const char *name)
{
    (void)context;
    return name[0] != '.' &&
           (has_ending(name, ".csv") || has_ending(name, ".json") || has_ending(name, ".ndjson"));
}

/* The table that the file is called by. *ret_table is the caller's to free. */
static int find_table(struct import_folder *folder, const char *name, char **ret_table,
                      enum table_format *ret_format, struct failure *failure)
{
    struct live *live = folder->live;

    pthread_mutex_lock(&live->lock);
    struct generation *generation = live->newest;

    generation_reference(generation);
    live_unlock(live);

    ssize_t table = generation_find_file_table(generation, name, ret_format);
    int error = 0;

    if (table < 0)
        error = failure_set(failure, EINVAL,
                            "there is no table with a file %.200s; it has to be called as the "
                            "table's file in %.200s is",
                            name, live->path);
    else if (generation_schema(generation, (size_t)table)->kind != RELATION_TABLE)
        error = failure_set(failure, EINVAL, "%.200s is not a table that rows can be written to",
                            generation_schema(generation, (size_t)table)->name);
    else if ((*ret_table = strdup(generation_schema(generation, (size_t)table)->name)) == NULL)
        error = -ENOMEM;
    generation_release(generation);
    return error;
}

static int load(struct import_folder *folder, const struct draft_content *content,
                const struct caller *caller, struct buffer *result, struct failure *failure)
{
    static const enum export_format formats[FORMAT_COUNT] = {
        [FORMAT_CSV] = EXPORT_CSV, [FORMAT_JSON] = EXPORT_JSON, [FORMAT_NDJSON] = EXPORT_NDJSON};
    cleanup_free char *table = NULL;
    enum table_format format;
    int error = find_table(folder, content->name, &table, &format, failure);

    if (error != 0)
        return error;
    /* One that was cut short behind a row would delete the rows that are missing. */
    if (folder->mode == LOAD_REPLACE && !content->renamed && format != FORMAT_JSON)
        return failure_set(failure, EINVAL,
                           "a whole table is only replaced by a file that is certainly whole: "
                           "copy it under another name, as %.200s.part, and rename that; or "
                           "write JSON, whose end shows",
                           content->name);

    const struct live_import import = {
        .table = table,
        .mode = folder->mode,
        .format = formats[format],
        .content = content->staging,
        .whole = content->renamed,
    };

    return live_load(folder->live, &import, caller, result, failure);
}

static int draft_apply(void *context, const struct draft_content *content,
                       const struct caller *caller, struct failure *failure)
{
    struct import_folder *folder = context;
    cleanup_buffer struct buffer result = BUFFER(RESULT_LIMIT);
    int error = load(folder, content, caller, &result, failure);

    if (error == 0)
        import_results_put(&folder->results, content->name, &result);
    else
        import_results_refuse(&folder->results, content->name, error, failure);
    return error;
}

static void draft_abandoned(void *context, const char *name, const struct failure *why)
{
    struct import_folder *folder = context;
    struct live *live = folder->live;
    cleanup_free char *path = NULL;

    import_results_refuse(&folder->results, name, -why->code, why);
    if (asprintf(&path, "%s/%s", folder->node.path, name) < 0)
        path = NULL;
    if (path != NULL && live->report != NULL)
        live->report(live->report_context, path, why);
}

static const struct drafts_class import_drafts_class = {
    .means = draft_means,
    .apply = draft_apply,
    .abandoned = draft_abandoned,
};

/* ---- the folder ---- */

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFDIR, .modified = ((struct import_folder *)node)->made, .writable = true};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct import_folder *folder = (struct import_folder *)node;

    (void)caller;
    (void)failure;
    *ret_valid_ns = 0;
    if (drafts_find(folder->drafts, name, ret_node) == 0)
        return 0;
    return import_results_find(&folder->results, name, ret_node);
}

static int folder_create_file(struct node *node, const char *name, const struct caller *caller,
                              struct node **ret_node, struct handle **ret_handle,
                              struct failure *failure)
{
    struct import_folder *folder = (struct import_folder *)node;

    (void)caller;
    if (import_results_has(&folder->results, name))
        return -EROFS;

    int error = drafts_make(folder->drafts, name, ret_node, ret_handle, failure);

    if (error == 0)
        import_results_forget(&folder->results, name);
    return error;
}

static int folder_remove_file(struct node *node, const char *name, const struct caller *caller,
                              struct failure *failure)
{
    struct import_folder *folder = (struct import_folder *)node;

    (void)caller;
    (void)failure;
    if (drafts_remove(folder->drafts, name) == 0)
        return 0;
    return import_results_remove(&folder->results, name);
}

static int folder_rename_file(struct node *node, const char *name, const char *new_name,
                              const struct caller *caller, struct failure *failure)
{
    return drafts_rename(((struct import_folder *)node)->drafts, name, new_name, caller, failure);
}

struct import_listing {
    struct listing listing;
    size_t count;
    char *names; /* each ended by NUL */
    char *next;  /* entry INDEX's name: they are asked for in order, or again from the first */
    size_t index;
};

static size_t listing_count(const struct listing *listing)
{
    return ((const struct import_listing *)listing)->count;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct import_listing *list = (struct import_listing *)listing;

    if (index < list->index) {
        list->next = list->names;
        list->index = 0;
    }
    for (; list->index < index; list->index++)
        list->next += strlen(list->next) + 1;
    /* Named only: it is looked up. */
    *ret_entry = (struct listing_entry){.name = list->next, .type = S_IFREG, .inode = index + 1};
}

static void listing_close(struct listing *listing)
{
    free(((struct import_listing *)listing)->names);
    free(listing);
}

static const struct listing_class import_listing_class = {
    .count = listing_count, .entry = listing_entry, .close = listing_close};

/* Drafts, and then results. */
static int add_names(struct import_folder *folder, struct import_listing *list)
{
    cleanup_buffer struct buffer names = BUFFER(SIZE_MAX / 2);
    cleanup_free char *drafts = drafts_names(folder->drafts, &list->count);
    const char *at = drafts;
    int error = drafts != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < list->count && error == 0; i++) {
        error = buffer_append(&names, at, strlen(at) + 1);
        at += strlen(at) + 1;
    }
    if (error == 0)
        error = import_results_names(&folder->results, &names, &list->count);
    list->names = (char *)names.data;
    list->next = list->names;
    if (error == 0)
        names.data = NULL;
    return error;
}

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct import_listing *list = calloc(1, sizeof *list);

    (void)caller;
    (void)failure;
    if (list == NULL)
        return -ENOMEM;

    int error = add_names((struct import_folder *)node, list);

    if (error != 0) {
        free(list);
        return error;
    }
    list->listing.class = &import_listing_class;
    *ret_listing = &list->listing;
    return 0;
}

static void folder_release(struct node *node)
{
    struct import_folder *folder = (struct import_folder *)node;

    drafts_free(folder->drafts);
    import_results_destroy(&folder->results);
    free(node->path);
    free(folder);
}

static const struct node_class import_folder_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .create_file = folder_create_file,
    .remove_file = folder_remove_file,
    .rename_file = folder_rename_file,
    .release = folder_release,
};

static int create_mode(struct live *live, enum load_mode mode, struct node **ret_node)
{
    struct import_folder *folder = calloc(1, sizeof *folder);
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/" IMPORT_FOLDER "/%s", live->path, mode_names[mode]) < 0)
        path = NULL;
    if (folder == NULL || path == NULL ||
        node_init(&folder->node, &import_folder_class, path) != 0) {
        free(folder);
        return -ENOMEM;
    }
    import_results_init(&folder->results, folder->node.path);
    clock_gettime(CLOCK_REALTIME, &folder->made);
    folder->live = live;
    folder->mode = mode;

    int error =
        drafts_create(&import_drafts_class, folder, live->context->spool, path, &folder->drafts);

    if (error != 0)
        node_release(&folder->node);
    else
        *ret_node = &folder->node;
    return error;
}

int import_folder_create(struct live *live, struct node **ret_folder)
{
    cleanup_free char *path = NULL;
    struct node *folder;

    if (asprintf(&path, "%s/" IMPORT_FOLDER, live->path) < 0)
        path = NULL;

    int error = path != NULL ? directory_create(path, &folder) : -ENOMEM;

    if (error != 0)
        return error;
    for (int mode = 0; mode < MODES && error == 0; mode++) {
        struct node *child;

        error = create_mode(live, (enum load_mode)mode, &child);
        if (error == 0)
            error = directory_add(folder, mode_names[mode], child);
    }
    if (error != 0)
        node_release(folder);
    else
        *ret_folder = folder;
    return error;
}
