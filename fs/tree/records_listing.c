/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/table/record_rows.h"
#include "fs/tree/records_internal.h"

struct record_listing {
    struct listing listing;
    struct records_folder *folder; /* referenced */
    struct records_view view;
    struct record_key key;
    pid_t process;
    struct record_page *page; /* referenced; NULL: none yet */
    uint64_t first_row;       /* of the page */
    size_t row;               /* in it, the one that was prepared */
    bool told;                /* that rows share a name */
    char name[RECORD_FILE_NAME_SIZE];
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

/* A row whose name is another's already is not shown, which is told once. */
static int is_shown(struct record_listing *list, struct failure *failure)
{
    const char *name = record_page_name(list->page, list->row);
    bool first = true;

    if (name == NULL || !record_page_record(list->page, list->row)->may_be_second)
        return name != NULL;

    int error = records_is_first(list->folder->records, list->view.image, &list->key, list->page,
                                 list->row, &first, failure);

    if (error != 0)
        return error;
    if (!first && !list->told)
        failure_set(
            failure, EEXIST,
            "keys that differ in their type alone, as 1 and '1', have one name, first %s" RECORD_ENDING
            ": it is the first row's; the others are in the table's files",
            name);
    list->told = list->told || !first;
    return first;
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
    return is_shown(list, failure);
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct record_listing *list = (struct record_listing *)listing;

    (void)index;
    snprintf(list->name, sizeof list->name, "%s" RECORD_ENDING,
             record_page_name(list->page, list->row));
    *ret_entry = (struct listing_entry){
        .name = list->name,
        .type = S_IFREG,
        .inode =
            records_shown_inode(list->view.inode_seed, record_page_record(list->page, list->row)),
    };
}

static void listing_close(struct listing *listing)
{
    struct record_listing *list = (struct record_listing *)listing;
    struct records_folder *folder = list->folder;

    if (folder->class->unlisted != NULL)
        folder->class->unlisted(folder, list->process);
    record_page_release(list->page);
    records_leave(folder, &list->view);
    node_release(&folder->node);
    free(list);
}

static const struct listing_class record_listing_class = {
    .count = listing_count,
    .prepare = listing_prepare,
    .entry = listing_entry,
    .close = listing_close,
};

int records_listing_create(struct node *node, const struct caller *caller,
                           struct listing **ret_listing, struct failure *failure)
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
