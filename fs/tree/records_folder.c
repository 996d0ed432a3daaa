/* SPDX-License-Identifier: MIT */
#include "fs/tree/records_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/table/record_rows.h"

#define ENDING ".json"
#define ENDING_SIZE (sizeof ENDING - 1)
#define NAME_SIZE (RECORD_NAME_MOST + ENDING_SIZE + 1)

/* As frozen_inode: far above what node_next_inode() ever reaches. */
#define INODE_MARK (UINT64_C(1) << 62)

uint64_t records_inode(uint64_t hash)
{
    return (hash & (INODE_MARK - 1)) | INODE_MARK;
}

static uint64_t shown_inode(const struct records_view *view, const struct record *record)
{
    return records_inode(
        XXH3_64bits_withSeed(&record->digest, sizeof record->digest, view->inode_seed));
}

static void leave(struct records_folder *folder, struct records_view *view)
{
    if (folder->class->leave != NULL)
        folder->class->leave(folder, view);
    image_release(view->image);
    node_release(view->rows);
}

/* ---- A row's file ---- */

struct record_file {
    struct node node;
    const struct records_folder_class *class;
    struct node *rows; /* referenced */
    uint64_t offset;   /* in it */
    uint64_t bytes;
    uint64_t shown_inode;
    struct timespec modified;
};

struct record_handle {
    struct handle handle;
    struct handle *rows;
    uint64_t offset;
    uint64_t bytes;
};

static int record_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG,
        .bytes = file->bytes,
        .modified = file->modified,
        .shown_inode = file->shown_inode,
    };
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int record_read(struct handle *handle, uint64_t offset, size_t size,
                       struct reading *ret_reading, struct failure *failure)
{
    const struct record_handle *record = (struct record_handle *)handle;

    if (offset >= record->bytes)
        return 0;
    if (size > record->bytes - offset)
        size = (size_t)(record->bytes - offset);
    return record->rows->class->read(record->rows, record->offset + offset, size, ret_reading,
                                     failure);
}

static void record_close(struct handle *handle)
{
    struct record_handle *record = (struct record_handle *)handle;

    record->rows->class->close(record->rows);
    free(record);
}

static const struct handle_class record_handle_class = {record_read, record_close};

static int record_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                       struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;
    struct record_handle *record = calloc(1, sizeof *record);

    if (record == NULL)
        return -ENOMEM;

    int error = file->class->open(file->rows, caller, &record->rows, failure);

    if (error != 0) {
        free(record);
        return error;
    }
    record->handle.class = &record_handle_class;
    record->offset = file->offset;
    record->bytes = file->bytes;
    *ret_handle = &record->handle;
    return 0;
}

static void record_release(struct node *node)
{
    node_release(((struct record_file *)node)->rows);
    free(node->path);
    free(node);
}

static const struct node_class record_file_class = {
    .attributes = record_attributes,
    .open = record_open,
    .release = record_release,
    .forgettable = true,
};

static int create_record(struct records_folder *folder, const struct records_view *view,
                         const char *name, const struct record *record, struct node **ret_node,
                         struct failure *failure)
{
    struct node_attributes rows;
    uint64_t valid_ns;
    int error = view->rows->class->attributes(view->rows, true, &rows, &valid_ns, failure);

    if (error != 0)
        return error;

    struct record_file *file = calloc(1, sizeof *file);
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%s", folder->node.path, name) < 0)
        path = NULL;
    if (file == NULL || path == NULL || node_init(&file->node, &record_file_class, path) != 0) {
        free(file);
        return -ENOMEM;
    }
    file->class = folder->class;
    file->rows = node_reference(view->rows);
    file->offset = record->offset;
    file->bytes = record->bytes;
    file->shown_inode = shown_inode(view, record);
    file->modified = rows.modified;
    *ret_node = &file->node;
    return 0;
}

/* ---- The folder ---- */

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    int error = folder->class->attributes(folder, ret_attributes, ret_valid_ns, failure);

    (void)wait;
    if (error == 0)
        ret_attributes->type = S_IFDIR;
    return error;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    char stem[NAME_SIZE];
    size_t size = strlen(name);
    struct records_view view;
    struct record record;

    if (size <= ENDING_SIZE || size >= NAME_SIZE || strcmp(name + size - ENDING_SIZE, ENDING) != 0)
        return -ENOENT;
    memcpy(stem, name, size - ENDING_SIZE);
    stem[size - ENDING_SIZE] = '\0';

    /* What was kept of the table may turn out to be lost: then there is another image of it. */
    int error = -EIO;
    bool again = true;

    for (int i = 0; i < 2 && again; i++) {
        error = folder->class->view(folder, caller, false, &view, failure);
        if (error != 0)
            return error;
        error =
            records_find(folder->records, view.image, stem, caller->cancelled, &record, failure);
        if (error == 0)
            error = create_record(folder, &view, name, &record, ret_node, failure);
        if (error == 0)
            *ret_valid_ns = view.valid_ns;
        again = error == -EIO && image_is_lost(view.image);
        leave(folder, &view);
    }
    return error;
}

struct record_listing {
    struct listing listing;
    struct records_folder *folder; /* referenced */
    struct records_view view;
    struct record_key key;
    pid_t process;
    struct record_page *page; /* referenced; NULL: none yet */
    uint64_t first_row;       /* of the page */
    size_t row;               /* in it, the one that was prepared */
    char name[NAME_SIZE];
};

static size_t listing_count(const struct listing *listing)
{
    return (size_t)image_rows(((const struct record_listing *)listing)->view.image);
}

static int turn_page(struct record_listing *list, size_t index, struct failure *failure)
{
    uint64_t first_row;
    size_t group = image_group_of_row(list->view.image, index, &first_row);
    struct record_page *page;
    int error = records_page(list->folder->records, list->view.image, &list->key,
                             record_rows_begin(list->view.image, group), &page, failure);

    if (error != 0)
        return error;
    record_page_release(list->page);
    list->page = page;
    list->first_row = first_row;
    return 0;
}

static int listing_prepare(struct listing *listing, size_t index, struct failure *failure)
{
    struct record_listing *list = (struct record_listing *)listing;

    if (list->page == NULL || index < list->first_row ||
        index - list->first_row >= record_page_rows(list->page)) {
        int error = turn_page(list, index, failure);

        if (error != 0)
            return error;
    }
    list->row = (size_t)(index - list->first_row);
    return record_page_name(list->page, list->row) != NULL;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct record_listing *list = (struct record_listing *)listing;

    (void)index;
    snprintf(list->name, sizeof list->name, "%s" ENDING, record_page_name(list->page, list->row));
    *ret_entry = (struct listing_entry){
        .name = list->name,
        .type = S_IFREG,
        .inode = shown_inode(&list->view, record_page_record(list->page, list->row)),
    };
}

static void listing_close(struct listing *listing)
{
    struct record_listing *list = (struct record_listing *)listing;
    struct records_folder *folder = list->folder;

    if (folder->class->unlisted != NULL)
        folder->class->unlisted(folder, list->process);
    record_page_release(list->page);
    leave(folder, &list->view);
    node_release(&folder->node);
    free(list);
}

static const struct listing_class record_listing_class = {
    .count = listing_count,
    .prepare = listing_prepare,
    .entry = listing_entry,
    .close = listing_close,
};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record_listing *list = calloc(1, sizeof *list);

    if (list == NULL)
        return -ENOMEM;

    int error = folder->class->view(folder, caller, true, &list->view, failure);

    if (error != 0) {
        free(list);
        return error;
    }
    list->listing.class = &record_listing_class;
    list->folder = (struct records_folder *)node_reference(node);
    list->process = caller->process;
    record_key_of(image_schema(list->view.image), &list->key);
    *ret_listing = &list->listing;
    return 0;
}

static void folder_release(struct node *node)
{
    struct records_folder *folder = (struct records_folder *)node;

    free(node->path);
    folder->class->release(folder);
}

static const struct node_class records_folder_node_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .release = folder_release,
};

int records_folder_init(struct records_folder *folder, const struct records_folder_class *class,
                        struct records *records, const char *path)
{
    folder->class = class;
    folder->records = records;
    return node_init(&folder->node, &records_folder_node_class, path);
}
