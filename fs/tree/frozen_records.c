/* SPDX-License-Identifier: MIT */
/* The folders of single rows of a snapshot's tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/stored_table.h"
#include "fs/tree/frozen_internal.h"
#include "fs/tree/records_folder.h"

struct frozen_records {
    struct records_folder folder;
    struct frozen *frozen; /* referenced */
    size_t table;
    uint64_t shown_inode;
};

static int view(struct records_folder *folder, const struct caller *caller, bool listed,
                struct records_view *ret_view, struct failure *failure)
{
    struct frozen_records *records = (struct frozen_records *)folder;
    struct frozen *frozen = records->frozen;
    int error = frozen_enter(frozen, failure);

    (void)caller;
    (void)listed;
    if (error != 0)
        return error;
    error = image_shelf_open(frozen->context.shelf, &frozen->source.tables[records->table].image,
                             &ret_view->image, failure);
    if (error == 0) {
        ret_view->rows = frozen_refer_to(frozen, records->table * FORMAT_COUNT + FORMAT_NDJSON);
        ret_view->valid_ns = VALID_FOR_EVER;
        ret_view->inode_seed = records->shown_inode;
    }
    frozen_leave(frozen);
    return error;
}

static int open_rows(struct node *rows, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    return rows->class->open(rows, caller, ret_handle, failure);
}

static int attributes(struct records_folder *folder, struct node_attributes *ret_attributes,
                      uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct frozen_records *records = (struct frozen_records *)folder;

    (void)failure;
    *ret_attributes = (struct node_attributes){
        .modified = clock_timespec(records->frozen->time_ns),
        .shown_inode = records->shown_inode,
    };
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static void release(struct records_folder *folder)
{
    struct frozen_records *records = (struct frozen_records *)folder;

    node_release(&records->frozen->node);
    free(records);
}

static const struct records_folder_class frozen_records_class = {
    .view = view,
    .open = open_rows,
    .attributes = attributes,
    .release = release,
};

int frozen_table_keyed(struct frozen *frozen, size_t table, struct failure *failure)
{
    struct record_key key;
    struct schema *schema;
    int error = stored_table_schema(frozen->context.reader, &frozen->source.tables[table].image,
                                    &schema, failure);

    if (error != 0)
        return error;
    error = record_key_of(schema, &key) ? 0 : -ENOENT;
    schema_release(schema);
    return error;
}

int frozen_records_create(struct frozen *frozen, const char *name, struct node **ret_folder,
                          struct failure *failure)
{
    ssize_t table = file_set_find_stem(&frozen->set, name);
    int error = table < 0 ? (int)table : frozen_table_keyed(frozen, (size_t)table, failure);
    cleanup_free char *path = NULL;

    if (error != 0)
        return error;

    struct frozen_records *records = calloc(1, sizeof *records);

    if (asprintf(&path, "%s/%s", frozen->node.path, name) < 0)
        path = NULL;
    if (records == NULL || path == NULL ||
        records_folder_init(&records->folder, &frozen_records_class, frozen->context.records,
                            path) != 0) {
        free(records);
        return -ENOMEM;
    }
    records->frozen = (struct frozen *)node_reference(&frozen->node);
    records->table = (size_t)table;
    records->shown_inode = frozen_inode(frozen->id, frozen->name, name);
    *ret_folder = &records->folder.node;
    return 0;
}
