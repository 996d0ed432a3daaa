/* SPDX-License-Identifier: MIT */
/*
 * One attempt goes: bases, batch and sink; every source scanned into the sink;
 * the tree; packs and index durable; the log's record. An attempt that ends in
 * -EAGAIN met somebody else's change of the store that takes away what it relied
 * on (a pack removed by prune) and is made anew from the start; the last ones rely on
 * nothing that others could remove.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/file_node.h"
#include "fs/tree/take_internal.h"

#define ATTEMPTS 5
#define ATTEMPTS_ON_OTHERS 3 /* then nothing is relied on that a prune could remove */
#define COMMIT_ATTEMPTS 100
#define HOST_SIZE 256

/* Whether the tree of files/, as the state has it, cannot be read. 1, 0, -errno. */
static int files_are_lost(struct take_attempt *attempt, struct failure *ret_why)
{
    const struct log_state *state = attempt->state;
    cleanup_buffer struct buffer top = BUFFER(FILE_NODE_LIMIT);
    int error = state->has_files ? object_read(attempt->options->reader, &state->files, OBJECT_NODE,
                                               false, &top, ret_why)
                                 : 0;

    return error == -EIO ? 1 : error;
}

/* What the store says now; files/, which this process may write, included. */
static int read_log(struct take_attempt *attempt)
{
    const struct take_options *options = attempt->options;
    int error = options->files != NULL ? files_sync(options->files, attempt->failure) : 0;

    return error == 0 ? log_read(options->store, attempt->state, attempt->failure) : error;
}

/*
 * The tree says that files/ is left out, where it is: it would look as if there were none. What
 * files/ was before the sources were read may be gone by now, and be no loss.
 */
static int note_files(struct take_attempt *attempt)
{
    int lost = files_are_lost(attempt, &attempt->files_lost);

    attempt->tree.lacks_files = lost == 1;
    return lost < 0 ? lost : 0;
}

static int put_tree(struct take_attempt *attempt, struct object_reference *ret_tree)
{
    cleanup_buffer struct buffer encoded = BUFFER(OBJECT_DATA_LIMIT);
    int error = read_log(attempt);

    if (error == 0)
        error = note_files(attempt);
    if (error == 0)
        error = stored_tree_encode(&attempt->tree, &encoded);
    return error != 0 ? error
                      : store_sink_put(attempt->sink, OBJECT_TREE, encoded.data, encoded.size,
                                       ret_tree, attempt->failure);
}

/*
 * files/ as the store has it. Where its tree is lost, the snapshot goes without: it would look as
 * if it had what nobody can read. -EAGAIN: that is otherwise than the tree says by now.
 */
static int add_files(struct take_attempt *attempt, struct snapshot *snapshot)
{
    const struct log_state *state = attempt->state;
    struct failure why = {.code = 0};
    int lost = files_are_lost(attempt, &why);

    snapshot->has_files = state->has_files && lost == 0;
    snapshot->files = state->files;
    if (lost < 0)
        return lost;
    return (lost == 1) == attempt->tree.lacks_files ? 0 : -EAGAIN;
}

static int commit(struct take_attempt *attempt, struct snapshot *snapshot, const char *const *packs,
                  size_t pack_count)
{
    const struct take_options *options = attempt->options;
    struct store *store = options->store;
    int error = -EAGAIN;

    for (int i = 0; i < COMMIT_ATTEMPTS && error == -EAGAIN; i++) {
        if (log_find(attempt->state, snapshot->name) != NULL)
            return failure_set(attempt->failure, EEXIST, "there is a snapshot %s already",
                               snapshot->name);
        error = take_keep_packs(attempt, packs, pack_count);
        if (error != 0)
            return error;
        error = add_files(attempt, snapshot);
        if (error != 0)
            return error;
        error = log_take(store, attempt->state, snapshot, packs, pack_count, attempt->failure);
    }
    if (error == 0 && attempt->tree.lacks_files && options->warn != NULL)
        options->warn(options->warn_context, SNAPSHOT_FILES, NULL, &attempt->files_lost);
    return error == -EAGAIN ? take_refuse_busy(attempt->failure) : error;
}

static int finish(struct take_attempt *attempt, const struct object_reference *tree,
                  uint8_t ret_id[SNAPSHOT_ID_BYTES])
{
    const struct take_options *options = attempt->options;
    const char *const *packs;
    size_t pack_count;
    char host[HOST_SIZE] = "";
    int error = store_sink_finish(attempt->sink);
    struct snapshot snapshot = {
        .name = without_const(options->name),
        .time_ns = attempt->time_ns,
        .tag_count = options->tag_count,
        .tags = without_const(options->tags),
        .tree = *tree,
        .raw_bytes = attempt->raw_bytes,
    };

    if (error == 0)
        error = object_batch_finish(attempt->batch, &packs, &pack_count, &snapshot.stored_bytes,
                                    attempt->failure);
    if (error != 0)
        return error;
    if (options->host == NULL && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    snapshot.host = options->host != NULL ? (char *)without_const(options->host) : host;
    randombytes_buf(snapshot.id, sizeof snapshot.id);
    error = read_log(attempt);
    if (error != 0 || take_is_called_off(attempt, &error))
        return error;
    error = commit(attempt, &snapshot, packs, pack_count);
    if (error == 0 && ret_id != NULL)
        memcpy(ret_id, snapshot.id, SNAPSHOT_ID_BYTES);
    return error;
}

/* Packs that are marked for removal count as absent. */
static int avoid_marked(struct take_attempt *attempt)
{
    cleanup_free const char **packs =
        allocate_array(attempt->state->mark_count, sizeof(const char *));

    if (packs == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < attempt->state->mark_count; i++)
        packs[i] = attempt->state->marks[i].pack;
    return object_batch_avoid(attempt->batch, packs, attempt->state->mark_count);
}

static int prepare(struct take_attempt *attempt)
{
    const struct take_options *options = attempt->options;
    int error = take_bases_read(options->reader, attempt->state, &attempt->bases);

    if (error == 0)
        error =
            object_batch_create(options->store, options->reader, &attempt->batch, attempt->failure);
    if (error == 0)
        error = avoid_marked(attempt);
    if (error != 0)
        return error;
    object_batch_leave_room(attempt->batch);
    if (attempt->anew)
        object_batch_write_anew(attempt->batch);
    attempt->sink = store_sink_create(attempt->batch);
    if (attempt->sink == NULL)
        return -ENOMEM;
    if (options->progress != NULL)
        store_sink_count(attempt->sink, &options->progress->raw_bytes,
                         &options->progress->stored_bytes);
    return 0;
}

/* ERROR: what it ended in. Where there is room, the next one may use what this one has written. */
static void clean_up(struct take_attempt *attempt, int error)
{
    take_release_sources(attempt);
    store_sink_free(attempt->sink);
    if ((error == -ENOSPC || error == -EDQUOT) && attempt->batch != NULL)
        take_give_up_packs(attempt);
    object_batch_free(attempt->batch);
    take_bases_release(&attempt->bases);
}

static int take_once(const struct take_options *options, bool anew, struct log_state *state,
                     uint8_t ret_id[SNAPSHOT_ID_BYTES], struct failure *failure)
{
    struct take_attempt attempt = {
        .options = options, .anew = anew, .state = state, .failure = failure};
    struct object_reference tree;
    int error = prepare(&attempt);

    if (error == 0)
        error = take_scan_sources(&attempt);
    if (error == 0)
        error = put_tree(&attempt, &tree);
    if (error == 0)
        error = finish(&attempt, &tree, ret_id);
    clean_up(&attempt, error);
    return error;
}

int snapshot_source_check(const char *name, struct failure *failure)
{
    return strcmp(name, SNAPSHOT_FILES) != 0
               ? 0
               : failure_set(failure, EINVAL,
                             "a source cannot be called %s where snapshots are taken, as they show "
                             "files/ by that name: give it another one, as in other=PATH",
                             name);
}

static int check_sources(const struct take_options *options, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < options->source_count && error == 0; i++)
        error = snapshot_source_check(options->sources[i].name, failure);
    return error;
}

int snapshot_take(const struct take_options *options, struct log_state *state,
                  uint8_t ret_id[SNAPSHOT_ID_BYTES], struct failure *failure)
{
    struct failure own = {0};
    int error = snapshot_name_check(options->name, &own);

    if (error == 0)
        error = check_sources(options, &own);
    if (error == 0)
        error = log_read(options->store, state, &own);
    if (error == 0 && log_find(state, options->name) != NULL)
        error = failure_set(&own, EEXIST, "there is a snapshot %s already", options->name);
    if (error == 0) {
        error = -EAGAIN;
        for (int i = 0; i < ATTEMPTS && error == -EAGAIN; i++)
            error = take_once(options, i >= ATTEMPTS_ON_OTHERS, state, ret_id, &own);
        if (error == -EAGAIN)
            error = failure_set(&own, EBUSY,
                                "prune and others change the store all the time: try again");
    }
    if (error != 0 && own.code != -error) /* words of something that did not matter */
        failure_set(&own, -error, "cannot take the snapshot: %s", strerror(-error));
    if (error != 0 && failure != NULL)
        *failure = own;
    return error;
}

bool snapshot_latest_is_to_come(const struct log_state *state, struct failure *ret_words)
{
    uint64_t until = clock_calendar_ns() + CLOCKS_DIFFER_NS;
    size_t first = state->snapshot_count;
    char time[CLOCK_TEXT_SIZE];

    while (first > 0 && state->snapshots[first - 1].time_ns > until)
        first--;
    if (first == state->snapshot_count)
        return false;

    const struct snapshot *latest = &state->snapshots[state->snapshot_count - 1];

    failure_set(
        ret_words, EINVAL,
        "%s, of %s, is of a time to come, and so stays the latest until then%s: if this "
        "machine's clock is right, that one's was wrong; call the snapshots by their names, "
        "or `crmfs forget` what is dated wrongly",
        latest->name, clock_text((time_t)(latest->time_ns / NS_PER_SECOND), time),
        state->snapshot_count - first > 1 ? ", as others are" : "");
    return true;
}
