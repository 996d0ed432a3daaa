/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/tree/live_folder.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_row.h"
#include "fs/tree/records_folder.h"

struct live_records {
    struct records_folder folder;
    struct live *live;
    struct live_records *next;
    uint64_t shown_inode;
    char *stem;   /* of the table's files */
    char *listed; /* what pins know a listing by, … */
    char *found;  /* … and a lookup */
};

/* The table's image and its NDJSON file, of the generation that the caller is to see. */
static int look(struct live_records *records, const struct caller *caller, const char *name,
                struct records_view *ret_view, struct failure *failure)
{
    struct generation *generation;
    uint64_t valid_ns;
    int error = live_resolve(records->live, caller, name, &generation, &valid_ns, failure);

    if (error != 0)
        return error;

    ssize_t table = generation_find_keyed(generation, records->stem);

    error = table < 0 ? (int)table
                      : generation_rows(generation, (size_t)table, caller->cancelled,
                                        &ret_view->image, &ret_view->rows, failure);
    if (error == -ESTALE)
        error = live_break_off(records->live, caller, generation, failure);
    if (error != 0) {
        generation_leave(generation);
        return error;
    }
    ret_view->valid_ns = valid_ns;
    ret_view->inode_seed = records->shown_inode;
    ret_view->moment = generation;
    return 0;
}

static int view(struct records_folder *folder, const struct caller *caller, bool listed,
                struct records_view *ret_view, struct failure *failure)
{
    struct live_records *records = (struct live_records *)folder;
    const char *name = listed ? records->listed : records->found;
    struct pin_visit visit = live_enter(records->live, caller, name);
    int error = -ESTALE;

    for (int i = 0; i < LIVE_ATTEMPTS && error == -ESTALE; i++)
        error = look(records, caller, name, ret_view, failure);
    live_leave(records->live, &visit);
    if (error == 0 && listed)
        live_note_named(records->live, caller, ret_view->moment, name);
    return error == -ESTALE ? live_refuse(records->live, failure) : error;
}

/* Only where rows are written: it takes what writes them. */
static int peek(struct records_folder *folder, const char *name, const struct caller *caller,
                struct buffer *line, struct timespec *ret_modified, uint64_t *ret_inode_seed)
{
    struct live_records *records = (struct live_records *)folder;
    struct generation *generation;
    uint64_t valid_ns;

    if (!records->live->writing.enabled ||
        live_resolve(records->live, caller, records->found, &generation, &valid_ns, NULL) != 0)
        return -EAGAIN;

    ssize_t table = generation_find_keyed(generation, records->stem);
    int error =
        table < 0 || generation_is_read(generation, (size_t)table)
            ? -EAGAIN
            : live_read_row(records->live, generation_schema(generation, (size_t)table)->name, name,
                            caller, line);

    *ret_modified = generation_changed(generation);
    *ret_inode_seed = records->shown_inode;
    generation_leave(generation);
    /* Whatever keeps it from answering, reading the table through says. */
    return error == 0 || error == -ENOENT ? error : -EAGAIN;
}

static void leave(struct records_folder *folder, struct records_view *view)
{
    (void)folder;
    generation_leave(view->moment);
}

static void unlisted(struct records_folder *folder, pid_t process)
{
    live_note_closed(((struct live_records *)folder)->live, process);
}

static int attributes(struct records_folder *folder, struct node_attributes *ret_attributes,
                      uint64_t *ret_valid_ns, struct failure *failure)
{
    struct live_records *records = (struct live_records *)folder;

    (void)failure;
    *ret_attributes = (struct node_attributes){
        .modified = live_changed(records->live, ret_valid_ns), .shown_inode = records->shown_inode};
    return 0;
}

/* What the table is called in its database; the caller's to free. NULL: there is none any more. */
static char *table_name(struct live_records *records)
{
    pthread_mutex_lock(&records->live->lock);
    struct generation *generation = records->live->newest;

    generation_reference(generation);
    live_unlock(records->live);

    ssize_t table = generation_find_keyed(generation, records->stem);
    char *name = table >= 0 ? strdup(generation_schema(generation, (size_t)table)->name) : NULL;

    generation_release(generation);
    return name;
}

static int write_row(struct records_folder *folder, const char *name, struct staging *content,
                     const struct record_base *base, const struct caller *caller,
                     struct failure *failure)
{
    struct live_records *records = (struct live_records *)folder;
    cleanup_free char *table = table_name(records);

    return table != NULL
               ? live_write_row(records->live, table, name, content, base, caller, failure)
               : -ENOENT;
}

static int remove_row(struct records_folder *folder, const char *name,
                      const struct record_base *base, const struct caller *caller,
                      struct failure *failure)
{
    struct live_records *records = (struct live_records *)folder;
    cleanup_free char *table = table_name(records);

    return table != NULL ? live_delete_row(records->live, table, name, base, caller, failure)
                         : -ENOENT;
}

static void release(struct records_folder *folder)
{
    struct live_records *records = (struct live_records *)folder;

    free(records->stem);
    free(records->listed);
    free(records->found);
    free(records);
}

static const struct records_folder_class live_records_class = {
    .view = view,
    .peek = peek,
    .leave = leave,
    .unlisted = unlisted,
    .open = generation_open_rows,
    .attributes = attributes,
    .write = write_row,
    .remove = remove_row,
    .release = release,
};

uint64_t live_records_inode(const char *path, const char *name)
{
    return records_inode(XXH3_64bits_withSeed(name, strlen(name), XXH3_64bits(path, strlen(path))));
}

static int create(struct live *live, const char *stem, struct live_records **ret_records)
{
    struct live_records *records = calloc(1, sizeof *records);
    cleanup_free char *path = NULL;

    if (records == NULL)
        return -ENOMEM;
    records->live = live;
    records->stem = strdup(stem);
    if (asprintf(&path, "%s/%s", live->path, stem) < 0)
        path = NULL;
    if (asprintf(&records->listed, "%s/", stem) < 0)
        records->listed = NULL;
    if (asprintf(&records->found, "%s/.", stem) < 0)
        records->found = NULL;
    if (records->stem == NULL || path == NULL || records->listed == NULL ||
        records->found == NULL ||
        records_folder_init(&records->folder, &live_records_class, live->context->records, path) !=
            0) {
        release(&records->folder);
        return -ENOMEM;
    }
    if (live->writing.enabled &&
        records_folder_make_writable(&records->folder, live->context->spool) != 0) {
        node_release(&records->folder.node);
        return -ENOMEM;
    }
    records->shown_inode = live_records_inode(live->path, stem);
    *ret_records = records;
    return 0;
}

int live_records_find(struct live *live, const struct generation *generation, const char *name,
                      struct node **ret_folder)
{
    ssize_t table = generation_find_keyed(generation, name);
    int error = 0;

    if (table < 0)
        return (int)table;
    pthread_mutex_lock(&live->lock);
    struct live_records *records = live->records;

    while (records != NULL && strcmp(records->stem, name) != 0)
        records = records->next;
    if (records == NULL) {
        error = create(live, name, &records);
        if (error == 0) {
            records->next = live->records;
            live->records = records;
        }
    }
    if (error == 0)
        *ret_folder = node_reference(&records->folder.node);
    live_unlock(live);
    return error;
}

void live_records_free(struct live_records *first)
{
    while (first != NULL) {
        struct live_records *next = first->next;

        node_release(&first->folder.node);
        first = next;
    }
}
