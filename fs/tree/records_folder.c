/* SPDX-License-Identifier: MIT */
#include "fs/tree/records_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/tree/records_internal.h"

/* As frozen_inode: far above what node_next_inode() ever reaches. */
#define INODE_MARK (UINT64_C(1) << 62)

uint64_t records_inode(uint64_t hash)
{
    return (hash & (INODE_MARK - 1)) | INODE_MARK;
}

uint64_t records_shown_inode(uint64_t seed, const struct record *record)
{
    return records_inode(XXH3_64bits_withSeed(&record->digest, sizeof record->digest, seed));
}

void records_leave(struct records_folder *folder, struct records_view *view)
{
    if (folder->class->leave != NULL)
        folder->class->leave(folder, view);
    image_release(view->image);
    node_release(view->rows);
}

/* ---- Names ---- */

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    int error = folder->class->attributes(folder, ret_attributes, ret_valid_ns, failure);

    (void)wait;
    if (error == 0) {
        ret_attributes->type = S_IFDIR;
        ret_attributes->writable = folder->drafts != NULL;
    }
    return error;
}

/* "42.json" → "42"; false: that is no row's file. */
static bool take_stem(const char *name, char stem[RECORD_FILE_NAME_SIZE])
{
    size_t size = strlen(name);

    if (size <= RECORD_ENDING_SIZE || size >= RECORD_FILE_NAME_SIZE ||
        strcmp(name + size - RECORD_ENDING_SIZE, RECORD_ENDING) != 0)
        return false;
    memcpy(stem, name, size - RECORD_ENDING_SIZE);
    stem[size - RECORD_ENDING_SIZE] = '\0';
    return true;
}

/*
 * The row of that name; with RET_NODE its file, too. What was kept of the table may turn out to be
 * lost: then there is another image of it.
 */
static int find_record(struct records_folder *folder, const char *name, const struct caller *caller,
                       struct record *ret_record, struct node **ret_node, uint64_t *ret_valid_ns,
                       struct failure *failure)
{
    char stem[RECORD_FILE_NAME_SIZE];
    struct records_view view;
    int error = take_stem(name, stem)
                    ? record_file_peek(folder, name, stem, caller, ret_record, ret_node)
                    : -ENOENT;
    bool again = error == -EAGAIN;

    *ret_valid_ns = 0; /* of what was asked of its database */

    for (int i = 0; i < 2 && again; i++) {
        error = folder->class->view(folder, caller, false, &view, failure);
        if (error != 0)
            return error;
        error =
            records_find(folder->records, view.image, stem, caller->cancelled, ret_record, failure);
        if (error == 0 && ret_node != NULL)
            error = record_file_create(folder, &view, name, ret_record, ret_node, failure);
        if (error == 0)
            *ret_valid_ns = view.valid_ns;
        again = error == -EIO && image_is_lost(view.image);
        records_leave(folder, &view);
    }
    return error;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record record;

    if (folder->drafts != NULL && drafts_find(folder->drafts, name, ret_node) == 0) {
        *ret_valid_ns = 0;
        return 0;
    }
    return find_record(folder, name, caller, &record, ret_node, ret_valid_ns, failure);
}

/* ---- Changes ---- */

/* What a change of the row NAME is made to. */
static int find_base(struct records_folder *folder, const char *name, const struct caller *caller,
                     struct record_base *ret_base, struct failure *failure)
{
    struct record record;
    uint64_t valid_ns;
    int error = find_record(folder, name, caller, &record, NULL, &valid_ns, failure);

    *ret_base = (struct record_base){.exists = error == 0};
    if (error == 0)
        ret_base->digest = records_seen_find(folder->seen, record.name_hash, record.digest);
    return error == -ENOENT ? 0 : error;
}

static bool draft_means(void *context, const char *name)
{
    char stem[RECORD_FILE_NAME_SIZE];

    (void)context;
    return name[0] != '.' && take_stem(name, stem);
}

static int draft_apply(void *context, const struct draft_content *content,
                       const struct caller *caller, struct failure *failure)
{
    struct records_folder *folder = context;
    struct record_base base = {.exists = true, .digest = content->base_digest};
    char stem[RECORD_FILE_NAME_SIZE];
    int error = content->based ? 0 : find_base(folder, content->name, caller, &base, failure);

    if (error != 0 || !take_stem(content->name, stem))
        return error;
    error = folder->class->write(folder, stem, content->staging, &base, caller, failure);
    if (error == 0)
        records_seen_forget(folder->seen, stem);
    return error;
}

static void draft_abandoned(void *context, const char *name, const struct failure *why)
{
    (void)context;
    (void)name;
    (void)why;
}

static const struct drafts_class record_drafts_class = {
    .means = draft_means,
    .apply = draft_apply,
    .abandoned = draft_abandoned,
};

static int folder_create_file(struct node *node, const char *name, const struct caller *caller,
                              struct node **ret_node, struct handle **ret_handle,
                              struct failure *failure)
{
    const struct records_folder *folder = (struct records_folder *)node;

    (void)caller;
    return folder->drafts != NULL ? drafts_make(folder->drafts, name, ret_node, ret_handle, failure)
                                  : -EROFS;
}

static int folder_remove_file(struct node *node, const char *name, const struct caller *caller,
                              struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record_base base;
    char stem[RECORD_FILE_NAME_SIZE];

    if (folder->drafts == NULL)
        return -EROFS;

    int error = drafts_remove(folder->drafts, name);

    if (error != -ENOENT)
        return error;
    error = find_base(folder, name, caller, &base, failure);
    if (error != 0 || !base.exists || !take_stem(name, stem))
        return error != 0 ? error : -ENOENT;
    error = folder->class->remove(folder, stem, &base, caller, failure);
    if (error == 0)
        records_seen_forget(folder->seen, stem);
    return error;
}

static int folder_rename_file(struct node *node, const char *name, const char *new_name,
                              const struct caller *caller, struct failure *failure)
{
    const struct records_folder *folder = (struct records_folder *)node;

    if (folder->drafts == NULL)
        return -EROFS;

    int error = drafts_rename(folder->drafts, name, new_name, caller, failure);

    return error == -ENOENT && failure->code == 0
               ? failure_set(failure, EPERM,
                             "a row's key is not changed: write a new row, and delete the old one")
               : error;
}

/* ---- The folder ---- */

static void folder_release(struct node *node)
{
    struct records_folder *folder = (struct records_folder *)node;

    drafts_free(folder->drafts);
    records_seen_free(folder->seen);
    free(node->path);
    folder->class->release(folder);
}

static const struct node_class records_folder_node_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = records_listing_create,
    .create_file = folder_create_file,
    .remove_file = folder_remove_file,
    .rename_file = folder_rename_file,
    .release = folder_release,
};

int records_folder_init(struct records_folder *folder, const struct records_folder_class *class,
                        struct records *records, const char *path)
{
    folder->class = class;
    folder->records = records;
    return node_init(&folder->node, &records_folder_node_class, path);
}

int records_folder_make_writable(struct records_folder *folder, struct spool *spool)
{
    folder->seen = records_seen_create();
    if (folder->seen == NULL)
        return -ENOMEM;
    return drafts_create(&record_drafts_class, folder, spool, folder->node.path, &folder->drafts);
}
