/* SPDX-License-Identifier: MIT */
/* What `ls snapshots` shows: names, of which no nodes are made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/tree/snapshots_internal.h"

struct name {
    const char *text; /* borrowed from the listing's texts */
    uint64_t inode;
};

struct snapshots_listing {
    struct listing listing;
    size_t count;
    struct name *names; /* `latest` comes last, if there is any snapshot */
    char *texts;
};

static const uint8_t no_id[SNAPSHOT_ID_BYTES];

uint64_t snapshots_latest_inode(void)
{
    return frozen_inode(no_id, SNAPSHOTS_LATEST, NULL);
}

static size_t listing_count(const struct listing *listing)
{
    return ((const struct snapshots_listing *)listing)->count;
}

/* Named only: they are made when they are looked up. */
static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    const struct snapshots_listing *list = (struct snapshots_listing *)listing;
    const struct name *name = &list->names[index];

    *ret_entry = (struct listing_entry){
        .name = name->text,
        .type = index + 1 == list->count ? S_IFLNK : S_IFDIR,
        .inode = name->inode,
    };
}

static void listing_close(struct listing *listing)
{
    struct snapshots_listing *list = (struct snapshots_listing *)listing;

    free(list->names);
    free(list->texts);
    free(list);
}

static const struct listing_class snapshots_listing_class = {
    .count = listing_count, .entry = listing_entry, .close = listing_close};

static void add_name(struct snapshots_listing *list, const uint8_t id[SNAPSHOT_ID_BYTES],
                     const char *text, char **place)
{
    size_t size = strlen(text) + 1;
    bool latest = id == no_id;

    memcpy(*place, text, size);
    list->names[list->count++] = (struct name){
        .text = *place, .inode = latest ? snapshots_latest_inode() : frozen_inode(id, NULL, NULL)};
    *place += size;
}

/* The lock is held. */
static int copy_names(const struct log_state *state, struct snapshots_listing *list)
{
    size_t bytes = sizeof SNAPSHOTS_LATEST;

    for (size_t i = 0; i < state->snapshot_count; i++)
        bytes += strlen(state->snapshots[i].name) + 1;
    list->names = allocate_array(state->snapshot_count + 1, sizeof *list->names);
    list->texts = malloc(bytes);
    if (list->names == NULL || list->texts == NULL)
        return -ENOMEM;

    char *place = list->texts;

    for (size_t i = 0; i < state->snapshot_count; i++)
        add_name(list, state->snapshots[i].id, state->snapshots[i].name, &place);
    if (list->count != 0)
        add_name(list, no_id, SNAPSHOTS_LATEST, &place);
    return 0;
}

int snapshots_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                   struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;
    struct snapshots_listing *list = calloc(1, sizeof *list);

    (void)caller;
    if (list == NULL)
        return -ENOMEM;
    list->listing.class = &snapshots_listing_class;
    pthread_mutex_lock(&snapshots->lock);

    int error = snapshots_refresh(snapshots, failure);

    if (error == 0)
        error = copy_names(&snapshots->state, list);
    pthread_mutex_unlock(&snapshots->lock);
    if (error != 0) {
        listing_close(&list->listing);
        return error;
    }
    *ret_listing = &list->listing;
    return 0;
}
