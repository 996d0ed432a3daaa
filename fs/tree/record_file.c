/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/tree/records_internal.h"
#include "fs/tree/text_file.h"

struct record_file {
    struct node node;
    struct records_folder *folder; /* referenced */
    struct node *rows;             /* referenced; NULL: the row is here, in */
    struct buffer line;
    uint64_t offset; /* in it */
    uint64_t bytes;
    uint64_t digest;
    uint64_t name_hash;
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
        .writable = file->folder->drafts != NULL,
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

static const struct handle_class record_handle_class = {.read = record_read, .close = record_close};

static int record_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                       struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;

    if (file->rows == NULL) {
        records_seen_note(file->folder->seen, file->name_hash, file->digest);
        return text_handle_create(file->line.data, file->line.size, node_reference(node),
                                  ret_handle);
    }

    struct record_handle *record = calloc(1, sizeof *record);

    if (record == NULL)
        return -ENOMEM;

    int error = file->folder->class->open(file->rows, caller, &record->rows, failure);

    if (error != 0) {
        free(record);
        return error;
    }
    record->handle.class = &record_handle_class;
    record->offset = file->offset;
    record->bytes = file->bytes;
    records_seen_note(file->folder->seen, file->name_hash, file->digest);
    *ret_handle = &record->handle;
    return 0;
}

static int record_open_writing(struct node *node, const struct caller *caller, bool truncate,
                               struct handle **ret_handle, struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;
    struct records_folder *folder = file->folder;
    uint64_t base = records_seen_find(folder->seen, file->name_hash, file->digest);
    struct handle *from = NULL;

    if (folder->drafts == NULL)
        return -EROFS;

    int error = truncate ? 0 : record_open(node, caller, &from, failure);

    if (error == 0)
        error = drafts_replace(folder->drafts, strrchr(node->path, '/') + 1, base, from, ret_handle,
                               failure);
    if (from != NULL)
        from->class->close(from);
    return error;
}

static void record_release(struct node *node)
{
    struct record_file *file = (struct record_file *)node;

    buffer_release(&file->line);
    node_release(file->rows);
    node_release(&file->folder->node);
    free(node->path);
    free(node);
}

static const struct node_class record_file_class = {
    .attributes = record_attributes,
    .open = record_open,
    .open_writing = record_open_writing,
    .release = record_release,
    .forgettable = true,
};

/* The file NAME, without what it shows. */
static int make_record(struct records_folder *folder, const char *name, const struct record *record,
                       struct record_file **ret_file)
{
    struct record_file *file = calloc(1, sizeof *file);
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%s", folder->node.path, name) < 0)
        path = NULL;
    if (file == NULL || path == NULL || node_init(&file->node, &record_file_class, path) != 0) {
        free(file);
        return -ENOMEM;
    }
    file->folder = (struct records_folder *)node_reference(&folder->node);
    file->digest = record->digest;
    file->name_hash = record->name_hash;
    file->offset = record->offset;
    file->bytes = record->bytes;
    *ret_file = file;
    return 0;
}

int record_file_create(struct records_folder *folder, const struct records_view *view,
                       const char *name, const struct record *record, struct node **ret_node,
                       struct failure *failure)
{
    struct node_attributes rows;
    struct record_file *file;
    uint64_t valid_ns;
    int error = view->rows->class->attributes(view->rows, true, &rows, &valid_ns, failure);

    if (error == 0)
        error = make_record(folder, name, record, &file);
    if (error != 0)
        return error;
    file->rows = node_reference(view->rows);
    file->shown_inode = records_shown_inode(view->inode_seed, record);
    file->modified = rows.modified;
    *ret_node = &file->node;
    return 0;
}

int record_file_peek(struct records_folder *folder, const char *name, const char *stem,
                     const struct caller *caller, struct record *ret_record, struct node **ret_node)
{
    cleanup_buffer struct buffer line = BUFFER(SIZE_MAX / 2);
    struct record_file *file;
    struct timespec modified;
    uint64_t seed;
    int error = folder->class->peek != NULL
                    ? folder->class->peek(folder, stem, caller, &line, &modified, &seed)
                    : -EAGAIN;

    if (error != 0)
        return error;
    *ret_record = (struct record){
        .bytes = line.size,
        .digest = XXH3_64bits(line.data, line.size),
        .name_hash = record_name_hash(stem, strlen(stem)),
    };
    if (ret_node == NULL)
        return 0;
    error = make_record(folder, name, ret_record, &file);
    if (error != 0)
        return error;
    file->line = line;
    line = BUFFER(0);
    file->shown_inode = records_shown_inode(seed, ret_record);
    file->modified = modified;
    *ret_node = &file->node;
    return 0;
}
