/* SPDX-License-Identifier: MIT */
#include "fs/tree/snapshots.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* uthash ends the process when there is no memory unless told otherwise. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/tree/link.h"
#include "fs/tree/snapshots_internal.h"

struct alive_folder {
    uint8_t id[SNAPSHOT_ID_BYTES];
    struct node *node;
    UT_hash_handle hh;
};

/* The names of a state that was read; they are borrowed from it. The lock is held. */
static int map_names(struct snapshots *snapshots)
{
    const struct log_state *state = &snapshots->state;
    struct name_map *names;

    snapshots->mapped = 0;
    name_map_free(snapshots->names);
    snapshots->names = NULL;

    int error = name_map_create(&names);

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++)
        error = name_map_add(names, state->snapshots[i].name, i);
    if (error != 0) {
        name_map_free(names);
        return error;
    }
    snapshots->names = names;
    snapshots->mapped = state->sequence;
    return 0;
}

static int read_log(struct snapshots *snapshots, struct failure *failure)
{
    bool first = snapshots->state.sequence == 0;
    int error = log_read(snapshots->store, &snapshots->state, failure);

    if (snapshots->state.sequence != snapshots->mapped || error != 0) {
        int map_error = map_names(snapshots);

        if (!first)
            clock_gettime(CLOCK_REALTIME, &snapshots->changed);
        if (error == 0)
            error = map_error;
    }
    if (error == 0)
        return 0;
    if (failure->code == 0)
        failure_set(failure, -error, "cannot read the store's log: %s", strerror(-error));
    /* The kernel would take it for a folder that is not there, or try again. */
    if (failure->code == ENOENT || failure->code == ESTALE || failure->code == EBADMSG ||
        failure->code == EISDIR)
        failure->code = EIO;
    return -failure->code;
}

int snapshots_refresh(struct snapshots *snapshots, struct failure *failure)
{
    uint64_t now_ns = clock_now_ns();

    if (now_ns >= snapshots->valid_until_ns) {
        snapshots->failure.code = 0;
        /* Reading may leave words behind although it worked. */
        if (read_log(snapshots, &snapshots->failure) == 0)
            snapshots->failure.code = 0;
        snapshots->valid_until_ns = now_ns + SNAPSHOTS_VALID_NS;
    }
    if (snapshots->failure.code == 0)
        return 0;
    if (failure != NULL)
        *failure = snapshots->failure;
    return -snapshots->failure.code;
}

static uint64_t valid_ns(const struct snapshots *snapshots)
{
    uint64_t now_ns = clock_now_ns();

    return snapshots->valid_until_ns > now_ns ? snapshots->valid_until_ns - now_ns : 0;
}

static struct alive_folder *find_alive(struct snapshots *snapshots,
                                       const uint8_t id[SNAPSHOT_ID_BYTES])
{
    struct alive_folder *alive = NULL;

    HASH_FIND(hh, snapshots->alive, id, SNAPSHOT_ID_BYTES, alive);
    return alive;
}

/* Makes NODE the folder that is found from now on. 0 or -ENOMEM. */
static int keep_alive(struct snapshots *snapshots, struct node *node)
{
    struct alive_folder *alive = find_alive(snapshots, snapshot_folder_id(node));

    if (alive == NULL) {
        alive = calloc(1, sizeof *alive);
        if (alive == NULL)
            return -ENOMEM;
        memcpy(alive->id, snapshot_folder_id(node), sizeof alive->id);
        HASH_ADD(hh, snapshots->alive, id, sizeof alive->id, alive);
        if (alive->hh.tbl == NULL) { /* how uthash says that there was no memory */
            free(alive);
            return -ENOMEM;
        }
    }
    alive->node = node;
    return 0;
}

static void folder_released(struct snapshot_owner *owner, struct node *node)
{
    struct snapshots *snapshots =
        (struct snapshots *)((char *)owner - offsetof(struct snapshots, owner));

    pthread_mutex_lock(&snapshots->lock);
    struct alive_folder *alive = find_alive(snapshots, snapshot_folder_id(node));

    /* Another one may stand in its place already. */
    if (alive != NULL && alive->node == node)
        HASH_DEL(snapshots->alive, alive);
    else
        alive = NULL;
    pthread_mutex_unlock(&snapshots->lock);
    free(alive);
}

/* The lock is held. A folder that knows another name for the snapshot is not used again. */
static int refer_to(struct snapshots *snapshots, const struct snapshot *snapshot,
                    struct node **ret_node)
{
    const struct alive_folder *alive = find_alive(snapshots, snapshot->id);

    if (alive != NULL && strcmp(snapshot_folder_name(alive->node), snapshot->name) == 0 &&
        node_reference_if_alive(alive->node)) {
        *ret_node = alive->node;
        return 0;
    }
    return snapshot_folder_create(&snapshots->context, snapshot, &snapshots->owner, ret_node);
}

int snapshots_find(struct snapshots *snapshots, const char *name, struct node **ret_node,
                   uint64_t *ret_valid_ns, struct failure *failure)
{
    int error = snapshots_refresh(snapshots, failure);

    if (error != 0)
        return error;

    const size_t *index = name_map_find(snapshots->names, name);

    if (index == NULL)
        return -ENOENT;

    struct node *node;

    error = refer_to(snapshots, &snapshots->state.snapshots[*index], &node);
    if (error != 0)
        return error;
    /* Without memory for that it is made anew next time: the same content, another node. */
    (void)keep_alive(snapshots, node);
    *ret_node = node;
    *ret_valid_ns = valid_ns(snapshots);
    return 0;
}

/* The lock is held. */
static int find_latest(struct snapshots *snapshots, struct node **ret_node, struct failure *failure)
{
    int error = snapshots_refresh(snapshots, failure);

    if (error != 0)
        return error;
    if (snapshots->state.snapshot_count == 0)
        return -ENOENT;

    const struct snapshot *newest =
        &snapshots->state.snapshots[snapshots->state.snapshot_count - 1];
    struct timespec time = clock_timespec(newest->time_ns);

    if (snapshots->latest == NULL || !link_is(snapshots->latest, newest->name, time)) {
        struct node *made;

        error = link_create("snapshots/" SNAPSHOTS_LATEST, newest->name, time,
                            snapshots_latest_inode(), &made);
        if (error != 0)
            return error;
        node_release(snapshots->latest);
        snapshots->latest = made;
    }
    *ret_node = node_reference(snapshots->latest);
    return 0;
}

static int snapshots_lookup(struct node *node, const char *name, const struct caller *caller,
                            struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;
    int error;

    (void)caller;
    pthread_mutex_lock(&snapshots->lock);
    if (strcmp(name, SNAPSHOTS_LATEST) == 0) {
        error = find_latest(snapshots, ret_node, failure);
        *ret_valid_ns = 0; /* asked for again each time: it follows at once what is taken here */
    } else {
        error = snapshots_find(snapshots, name, ret_node, ret_valid_ns, failure);
    }
    pthread_mutex_unlock(&snapshots->lock);
    return error;
}

static int snapshots_attributes(struct node *node, bool wait,
                                struct node_attributes *ret_attributes, uint64_t *ret_valid_ns,
                                struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;

    (void)wait;
    (void)failure;
    pthread_mutex_lock(&snapshots->lock);
    (void)snapshots_refresh(snapshots, NULL); /* what fails is told to whoever looks inside */
    *ret_attributes = (struct node_attributes){
        .type = S_IFDIR, .modified = snapshots->changed, .writable = !snapshots->read_only};
    *ret_valid_ns = valid_ns(snapshots);
    pthread_mutex_unlock(&snapshots->lock);
    return 0;
}

static void snapshots_release(struct node *node)
{
    struct snapshots *snapshots = (struct snapshots *)node;

    node_release(snapshots->latest);
    HASH_CLEAR(hh, snapshots->alive); /* empty: every folder has been released */
    name_map_free(snapshots->names);
    log_state_release(&snapshots->state);
    pthread_mutex_destroy(&snapshots->taking);
    pthread_mutex_destroy(&snapshots->lock);
    free(snapshots->sources);
    free(snapshots->incomplete);
    free(node->path);
    free(snapshots);
}

static const struct node_class snapshots_class = {
    .attributes = snapshots_attributes,
    .lookup = snapshots_lookup,
    .list = snapshots_list,
    .make_directory = snapshots_take,
    .unchanging = "files cannot be put here: mkdir takes a snapshot, rmdir forgets one",
    .remove_directory = snapshots_forget,
    .rename = snapshots_rename,
    .release = snapshots_release,
};

int snapshots_create(const struct snapshots_options *options, struct snapshots **ret_snapshots,
                     struct failure *failure)
{
    struct snapshots *snapshots = calloc(1, sizeof *snapshots);
    struct take_source *sources = allocate_array(options->source_count, sizeof *sources);

    if (snapshots == NULL || sources == NULL ||
        node_init(&snapshots->node, &snapshots_class, "snapshots") != 0) {
        struct log_state log = options->log;

        log_state_release(&log);
        free(snapshots);
        free(sources);
        return -ENOMEM;
    }
    if (options->source_count != 0)
        memcpy(sources, options->sources, options->source_count * sizeof *sources);
    snapshots->owner.released = folder_released;
    snapshots->store = options->store;
    snapshots->state = options->log;
    snapshots->context = *options->context;
    snapshots->sources = sources;
    snapshots->source_count = options->source_count;
    snapshots->read_only = options->read_only;
    snapshots->threads = options->threads;
    snapshots->view_timeout_ns = options->view_timeout_ns;
    snapshots->report = options->report;
    snapshots->report_context = options->report_context;
    clock_gettime(CLOCK_REALTIME, &snapshots->changed);
    pthread_mutex_init(&snapshots->taking, NULL);
    pthread_mutex_init(&snapshots->lock, NULL);

    int error = snapshots_refresh(snapshots, failure);

    if (error != 0) {
        snapshots_free(snapshots);
        return error;
    }
    *ret_snapshots = snapshots;
    return 0;
}

struct node *snapshots_folder(struct snapshots *snapshots)
{
    return node_reference(&snapshots->node);
}

void snapshots_free(struct snapshots *snapshots)
{
    if (snapshots != NULL)
        node_release(&snapshots->node);
}
