/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/tree/import_folder.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_records.h"

struct live_folder {
    struct node node;
    struct live *live;
};

struct live_listing {
    struct listing listing;
    struct live *live;
    struct generation *generation; /* pinned */
    uint64_t valid_ns;
    pid_t process;
    struct node **nodes; /* of the entries that were asked for; referenced */
};

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct live_folder *folder = (struct live_folder *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFDIR, .modified = live_changed(folder->live, ret_valid_ns)};
    return 0;
}

/* The file in the generation, its attributes known; or the folder of a table's rows. */
static int find_file(struct live *live, struct generation *generation, const char *name,
                     const struct caller *caller, struct node **ret_node, struct failure *failure)
{
    struct node *raw = generation_raw(generation);
    ssize_t index = generation_find(generation, name);

    if (index < 0 && raw != NULL && strcmp(name, GENERATION_RAW) == 0) {
        *ret_node = node_reference(raw);
        return 0;
    }
    if (index < 0 && live->imports != NULL && strcmp(name, IMPORT_FOLDER) == 0) {
        *ret_node = node_reference(live->imports);
        return 0;
    }
    if (index < 0)
        return live_records_find(live, generation, name, ret_node);

    int error = generation_prepare(generation, (size_t)index, caller->cancelled, failure);

    if (error == 0)
        *ret_node = generation_file(generation, (size_t)index);
    return error;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct live *live = ((struct live_folder *)node)->live;
    struct pin_visit visit = live_enter(live, caller, name);
    int error = live_early(live, caller, name, ret_node, failure);

    if (error == 0)
        *ret_valid_ns = 0;
    else if (error == -EAGAIN)
        error = -ESTALE;
    for (int i = 0; i < LIVE_ATTEMPTS && error == -ESTALE; i++) {
        struct generation *generation;

        error = live_resolve(live, caller, name, &generation, ret_valid_ns, failure);
        if (error != 0)
            break;
        error = find_file(live, generation, name, caller, ret_node, failure);
        if (error == -ESTALE)
            error = live_break_off(live, caller, generation, failure);
        generation_leave(generation);
    }
    live_leave(live, &visit);
    return error == -ESTALE ? live_refuse(live, failure) : error;
}

static size_t listing_count(const struct listing *listing)
{
    const struct live_listing *list = (const struct live_listing *)listing;
    const struct generation *generation = list->generation;
    size_t folders = list->live->context->list_records ? generation_table_count(generation) : 0;

    return generation_file_count(generation) + folders + (generation_raw(generation) != NULL);
}

/* The table whose folder of rows is entry INDEX; -1: that is something else. */
static ssize_t folder_table(const struct live_listing *list, size_t index)
{
    size_t files = generation_file_count(list->generation);

    return list->live->context->list_records && index >= files &&
                   index - files < generation_table_count(list->generation)
               ? (ssize_t)(index - files)
               : -1;
}

static int listing_prepare(struct listing *listing, size_t index, struct failure *failure)
{
    const struct live_listing *list = (struct live_listing *)listing;
    ssize_t table = folder_table(list, index);

    (void)failure;
    if (index < generation_file_count(list->generation))
        return generation_file_is_shown(list->generation, index);
    return table < 0 || generation_records_name(list->generation, (size_t)table) != NULL;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct live_listing *list = (struct live_listing *)listing;

    ssize_t table = folder_table(list, index);

    if (table >= 0) {
        const char *name = generation_records_name(list->generation, (size_t)table);

        /* Named only: it is made when it is looked up. */
        *ret_entry = (struct listing_entry){
            .name = name, .type = S_IFDIR, .inode = live_records_inode(list->live->path, name)};
        return;
    }
    if (index >= generation_file_count(list->generation)) {
        struct node *raw = generation_raw(list->generation);

        *ret_entry = (struct listing_entry){
            .name = GENERATION_RAW,
            .type = S_IFDIR,
            .inode = raw->inode,
            .node = raw,
            .valid_ns = list->valid_ns,
        };
        return;
    }
    if (list->nodes[index] == NULL)
        list->nodes[index] = generation_file(list->generation, index);
    *ret_entry = (struct listing_entry){
        .name = generation_file_name(list->generation, index),
        .type = S_IFREG,
        .inode = generation_file_inode(list->generation, index),
        .node = list->nodes[index],
        .valid_ns = list->valid_ns,
    };
}

static void listing_close(struct listing *listing)
{
    struct live_listing *list = (struct live_listing *)listing;

    for (size_t i = 0; i < generation_file_count(list->generation); i++)
        node_release(list->nodes[i]);
    live_note_closed(list->live, list->process);
    generation_unpin(list->generation);
    free(list->nodes);
    free(list);
}

static const struct listing_class live_listing_class = {.count = listing_count,
                                                        .prepare = listing_prepare,
                                                        .entry = listing_entry,
                                                        .close = listing_close};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct live *live = ((struct live_folder *)node)->live;
    struct live_listing *list = calloc(1, sizeof *list);
    int error = list != NULL ? live_early(live, caller, NULL, NULL, failure) : -ENOMEM;

    if (error != -EAGAIN) {
        free(list);
        return error;
    }
    error = live_resolve(live, caller, NULL, &list->generation, &list->valid_ns, failure);

    if (error != 0) {
        free(list);
        return error;
    }
    list->nodes = allocate_array(generation_file_count(list->generation), sizeof(struct node *));
    if (list->nodes == NULL) {
        generation_leave(list->generation);
        free(list);
        return -ENOMEM;
    }
    generation_pin(list->generation);
    generation_leave(list->generation);
    list->listing.class = &live_listing_class;
    list->live = live;
    list->process = caller->process;
    live_note_opened(live, caller, list->generation);
    *ret_listing = &list->listing;
    return 0;
}

static void folder_release(struct node *node)
{
    free(node->path);
    free(node);
}

const char live_unchanging[] =
    "tables are only read here; with the option rw-live, rows of live databases are written as files "
    "of single rows, and by copying files of rows into .import/";

static const struct node_class live_folder_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .release = folder_release,
    .unchanging = live_unchanging,
};

int live_folder_create(struct live *live, const char *path, struct node **ret_folder)
{
    struct live_folder *folder = calloc(1, sizeof *folder);

    if (folder == NULL || node_init(&folder->node, &live_folder_class, path) != 0) {
        free(folder);
        return -ENOMEM;
    }
    folder->live = live;
    *ret_folder = &folder->node;
    return 0;
}
