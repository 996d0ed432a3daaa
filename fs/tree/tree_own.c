/* SPDX-License-Identifier: MIT */
/* .crmfs/: what the mount is doing, what it has refused, and its version. */
#include <unistd.h>

#include "fs/base/json_text.h"
#include "fs/base/resident.h"
#include "fs/store/spool.h"
#include "fs/tree/directory.h"
#include "fs/tree/tree_internal.h"

static int write_store(struct tree *tree, struct buffer *text)
{
    const char *path = tree->options.store_path;
    int error = buffer_append_text(text, ",\n \"store\":");

    if (error == 0 && tree->snapshots == NULL)
        return buffer_append_text(text, "null");
    if (error == 0)
        error = buffer_append_text(text, "{\"path\":");
    if (error == 0)
        error = json_text_append(text, path, strlen(path));
    if (error == 0)
        error = buffer_append_text(text, ",");
    if (error == 0)
        error = snapshots_status(tree->snapshots, text);
    if (error == 0)
        error = keeper_status(tree->keeper, text);
    return error == 0 ? buffer_append_text(text, "}") : error;
}

static int write_status(void *context, struct buffer *text)
{
    struct tree *tree = context;
    struct spool_usage usage;
    const char *directory = spool_directory(tree->spool);

    spool_usage(tree->spool, &usage);

    int error = buffer_print(text, "{\"version\":\"%s\",\"pid\":%ld,\n \"live\":[", CRMFS_VERSION,
                             (long)getpid());

    if (error == 0 && tree->folders != NULL)
        error = source_folders_status(tree->folders, FOLDER_LIVE, text);
    if (error == 0)
        error = buffer_append_text(text, "],\n \"archives\":[");
    if (error == 0 && tree->folders != NULL)
        error = source_folders_status(tree->folders, FOLDER_ARCHIVES, text);
    if (error == 0)
        error = buffer_append_text(text, "]");
    if (error == 0)
        error = write_store(tree, text);
    if (error == 0)
        error = buffer_append_text(text, ",\n \"spool\":{\"directory\":");
    if (error == 0)
        error = json_text_append(text, directory, strlen(directory));
    if (error == 0)
        error = buffer_print(
            text,
            ",\"used_bytes\":%llu,\"limit_bytes\":%llu},\n"
            " \"memory\":{\"limit_bytes\":%llu,\"resident_bytes\":%llu,\"rendered_bytes\":%zu},\n"
            " \"errors\":%zu}\n",
            (unsigned long long)usage.used_bytes, (unsigned long long)usage.limit_bytes,
            (unsigned long long)tree->options.max_memory_bytes,
            (unsigned long long)resident_bytes(), render_cache_bytes(tree->cache),
            error_log_count(tree->errors));
    return error;
}

static int write_errors(void *context, struct buffer *text)
{
    return error_log_text(((struct tree *)context)->errors, text);
}

static int write_version(void *context, struct buffer *text)
{
    (void)context;
    return buffer_append_text(text, "crmfs " CRMFS_VERSION "\n");
}

int tree_add_own(struct tree *tree)
{
    struct node *folder;
    int error = directory_create(".crmfs", &folder);

    if (error != 0)
        return error;
    if ((error = directory_add_made(folder, "status", write_status, tree)) != 0 ||
        (error = directory_add_made(folder, "errors", write_errors, tree)) != 0 ||
        (error = directory_add_made(folder, "version", write_version, tree)) != 0) {
        node_release(folder);
        return error;
    }
    return directory_add(tree->root, ".crmfs", folder);
}
