/* SPDX-License-Identifier: MIT */
#include "fs/tree/source_folders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/indexed.h"
#include "fs/tree/directory.h"

#define PASSES_AT_ONCE 2 /* some 15 MiB each */

static const char *const names[SOURCE_FOLDERS] = {"live", "archives"};

struct shown_source {
    const char *name;
    struct live *live;
    char *path; /* below the mountpoint: for reports */
    struct source_folders *folders;
};

struct source_folders {
    struct source_folders_options options;
    struct turns *passes; /* of archives that are read through */
    size_t count[SOURCE_FOLDERS];
    struct shown_source *shown[SOURCE_FOLDERS];
};

/* What is wrong with a part of an archive. */
static void report_part(void *context, const struct failure *why)
{
    const struct shown_source *shown = context;
    const struct source_folders_options *options = &shown->folders->options;

    if (options->report != NULL)
        options->report(options->report_context, shown->path, why);
}

/* A stream becomes an ordinary source. */
static int index_stream(struct shown_source *shown, struct source **source)
{
    const struct generation_context *context = shown->folders->options.context;
    struct indexed_options options = {
        .spool = context->spool,
        .cancelled = context->cancelled,
        .turns = shown->folders->passes,
        .cache = context->keeper != NULL ? keeper_cache(context->keeper) : NULL,
        .report = report_part,
        .report_context = shown,
    };
    struct source *stream = *source;

    return stream->class->stream == NULL ? 0 : indexed_source_create(stream, &options, source);
}

static int check_name(const struct source_folders *folders, enum source_folder folder,
                      const struct tree_source *place, struct failure *failure)
{
    for (size_t i = 0; i < folders->count[folder]; i++) {
        const char *taken = folders->shown[folder][i].name;

        if (taken != NULL && strcmp(taken, place->name) == 0)
            return failure_set(failure, EEXIST,
                               "two sources are called %s: give one another name, as in "
                               "other=%s",
                               place->name, place->url);
    }
    return 0;
}

static int create_live(struct source_folders *folders, enum source_folder folder,
                       const struct tree_source *place, struct source *source,
                       struct failure *failure)
{
    struct shown_source *shown = &folders->shown[folder][folders->count[folder]];
    struct live_options options = {
        .context = folders->options.context,
        .name = place->name,
        .url = place->url,
        .source = source,
        .refresh_ns = folders->options.refresh_ns,
        .view_timeout_ns = folders->options.view_timeout_ns,
        .folder = names[folder],
        .lazy = folder == FOLDER_ARCHIVES,
        .writable = folder == FOLDER_LIVE && folders->options.write_live,
        .busy_timeout_ms = folders->options.busy_timeout_ms,
        .password = place->password,
        .password_command = place->password_command,
        .report = folders->options.report,
        .report_context = folders->options.report_context,
    };

    *shown = (struct shown_source){.name = place->name, .folders = folders};
    if (asprintf(&shown->path, "%s/%s", names[folder], place->name) < 0) {
        shown->path = NULL;
        source->class->close(source);
        return -ENOMEM;
    }

    int error = index_stream(shown, &options.source);

    if (error == 0)
        error = live_create(&options, &shown->live, failure);
    if (error != 0) {
        free(shown->path);
        return error;
    }
    folders->count[folder]++;
    return 0;
}

static int add_source(struct source_folders *folders, const struct tree_source *place,
                      struct failure *failure)
{
    const struct generation_context *context = folders->options.context;
    struct source_options options = {
        .busy_timeout_ms = folders->options.busy_timeout_ms,
        .parallel = context->scan_threads,
        .cancelled = context->cancelled,
        .password = place->password,
        .password_command = place->password_command,
    };
    struct source *source;
    struct failure own = {0};
    int error = source_open(place->url, &options, &source, &own);

    /* One of a shelf of backups: the others are shown. */
    if (error != 0 && place->archive && error != -ENOMEM) {
        if (folders->options.report != NULL)
            folders->options.report(folders->options.report_context, names[FOLDER_ARCHIVES], &own);
        return 0;
    }
    if (error != 0 && failure != NULL)
        *failure = own;
    if (error != 0)
        return source_name_failure(failure, -error, place->url);

    enum source_folder folder =
        place->archive || source->class->stream != NULL ? FOLDER_ARCHIVES : FOLDER_LIVE;

    error = check_name(folders, folder, place, failure);
    if (error != 0) {
        source->class->close(source);
        return error;
    }
    error = create_live(folders, folder, place, source, failure);
    return error != 0 ? source_name_failure(failure, -error, place->url) : 0;
}

int source_folders_create(const struct source_folders_options *options,
                          const struct tree_source *sources, size_t source_count,
                          struct source_folders **ret_folders, struct failure *failure)
{
    struct source_folders *folders = calloc(1, sizeof *folders);
    int error = 0;

    if (folders == NULL)
        return -ENOMEM;
    folders->options = *options;
    folders->passes = turns_create(PASSES_AT_ONCE);
    error = folders->passes != NULL ? 0 : -ENOMEM;
    for (int i = 0; i < SOURCE_FOLDERS; i++) {
        folders->shown[i] = allocate_array(source_count, sizeof *folders->shown[i]);
        if (folders->shown[i] == NULL)
            error = -ENOMEM;
    }
    for (size_t i = 0; i < source_count && error == 0; i++)
        error = add_source(folders, &sources[i], failure);
    if (error != 0) {
        source_folders_free(folders);
        return error;
    }
    *ret_folders = folders;
    return 0;
}

static bool is_shown(const struct source_folders *folders, enum source_folder folder)
{
    if (folders->count[folder] != 0)
        return true;
    return folder == FOLDER_LIVE && folders->options.always_live &&
           folders->count[FOLDER_ARCHIVES] == 0;
}

static int add_folder(struct source_folders *folders, enum source_folder folder, struct node *root)
{
    struct node *directory;
    int error = directory_create(names[folder], &directory);

    if (error != 0)
        return error;
    for (size_t i = 0; i < folders->count[folder] && error == 0; i++)
        error = directory_add(directory, folders->shown[folder][i].name,
                              live_folder(folders->shown[folder][i].live));
    if (error != 0) {
        node_release(directory);
        return error;
    }
    return directory_add(root, names[folder], directory);
}

int source_folders_add(struct source_folders *folders, struct node *root)
{
    int error = 0;

    for (int i = 0; i < SOURCE_FOLDERS && error == 0; i++) {
        if (is_shown(folders, (enum source_folder)i))
            error = add_folder(folders, (enum source_folder)i, root);
    }
    return error;
}

size_t source_folders_count(const struct source_folders *folders, enum source_folder folder)
{
    return folders->count[folder];
}

struct live *source_folders_live(const struct source_folders *folders, enum source_folder folder,
                                 size_t index)
{
    return folders->shown[folder][index].live;
}

const char *source_folders_name(const struct source_folders *folders, enum source_folder folder,
                                size_t index)
{
    return folders->shown[folder][index].name;
}

int source_folders_status(const struct source_folders *folders, enum source_folder folder,
                          struct buffer *text)
{
    int error = 0;

    for (size_t i = 0; i < folders->count[folder] && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? "\n  " : ",\n  ");
        if (error == 0)
            error = live_status(folders->shown[folder][i].live, text);
    }
    return error;
}

void source_folders_tend(struct source_folders *folders)
{
    for (int i = 0; i < SOURCE_FOLDERS; i++) {
        for (size_t j = 0; j < folders->count[i]; j++)
            live_tend(folders->shown[i][j].live);
    }
}

void source_folders_relieve_spool(struct source_folders *folders)
{
    for (size_t i = 0; i < folders->count[FOLDER_LIVE]; i++)
        live_keep_now(folders->shown[FOLDER_LIVE][i].live);
    keeper_await(folders->options.context->keeper);
    for (size_t i = 0; i < folders->count[FOLDER_LIVE]; i++)
        live_leave_spool(folders->shown[FOLDER_LIVE][i].live);
}

void source_folders_free(struct source_folders *folders)
{
    if (folders == NULL)
        return;
    for (int i = 0; i < SOURCE_FOLDERS; i++) {
        for (size_t j = 0; folders->shown[i] != NULL && j < folders->count[i]; j++) {
            live_free(folders->shown[i][j].live);
            free(folders->shown[i][j].path);
        }
        free(folders->shown[i]);
    }
    turns_free(folders->passes);
    free(folders);
}
