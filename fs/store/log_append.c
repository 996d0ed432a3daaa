/* SPDX-License-Identifier: MIT */
/*
 * Appending a record: the commit point of everything that changes in a store.
 *
 *   bring the state up to date -> somebody was first: -EAGAIN, nothing is written
 *   the rules                  -> refused, nothing is written
 *   room in the state          -> afterwards only the storage can fail
 *   put exclusively            -> the name is taken: bring the state up to date, -EAGAIN
 *   the record before it       -> gone: the log has gone on without this one, the same
 *   apply, checkpoint          -> cannot fail; a checkpoint that does is only missing
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/image_cache.h"
#include "fs/store/log_internal.h"
#include "fs/store/remembered.h"

static void release_entry(struct log_entry *entry)
{
    log_entry_release(entry);
}

#define cleanup_entry __attribute__((__cleanup__(release_entry)))
#define RECORD_BYTES ((uint64_t)4096) /* that most records take on a disk */

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "cannot write to the store's log: %s", strerror(ENOMEM));
}

static int be_late(struct failure *failure)
{
    return failure_set(failure, EAGAIN, "the store's log changes all the time: try again later");
}

/* What the log says, whatever STATE was, which stays if that cannot be read. -EAGAIN. */
static int begin_anew(struct store *store, struct log_state *state, struct failure *failure)
{
    struct log_state anew = {.sequence = 0};
    int error = log_read(store, &anew, failure);

    if (error != 0)
        return error;
    log_state_release(state);
    *state = anew;
    return be_late(failure);
}

/*
 * Up to date, or -EAGAIN when that changed STATE. Where records beyond the next one are there and
 * that is not, prune may have been at work while they were read. Before a files record, of which
 * there are many a second, the log is not listed for that.
 */
static int catch_up(struct store *store, struct log_state *state, enum log_kind kind,
                    struct failure *failure)
{
    uint64_t before = state->sequence;
    int error = log_read(store, state, failure);

    if (error != 0)
        return error;
    if (state->sequence != before)
        return be_late(failure);

    int gap = kind == LOG_FILES ? log_gap_near(store, state->sequence)
                                : log_gap_after(store, state->sequence, failure);

    return gap == 1 ? begin_anew(store, state, failure) : gap;
}

/* Whether NAME stands in the store with exactly these bytes, which nobody else can have made. */
static bool stands(struct store *store, const char *name, const struct buffer *file)
{
    cleanup_buffer struct buffer found = BUFFER(LOG_RECORD_LIMIT);

    return sealed_file_read(store, &log_record_file, name, &found, NULL) == 0 &&
           found.size == file->size && memcmp(found.data, file->data, file->size) == 0;
}

/*
 * -EEXIST: somebody else's record has the name. A put that failed may have put the file all the
 * same; then it counts if it can be made durable.
 */
static int put_record(struct store *store, const char *name, const struct buffer *file,
                      struct failure *failure)
{
    struct storage *storage = store_storage(store);
    int error = storage->class->put_exclusive(storage, name, file->data, file->size, failure);

    if (error == 0 || !stands(store, name, file))
        return error;
    return storage->class->sync(storage, NULL) == 0 ? 0 : error;
}

static int write_record(struct store *store, struct log_state *state, struct log_entry *entry,
                        struct failure *failure)
{
    cleanup_buffer struct buffer plain = BUFFER(LOG_RECORD_LIMIT);
    cleanup_buffer struct buffer file = BUFFER(LOG_RECORD_LIMIT);
    char name[LOG_NAME_SIZE];
    uint8_t hash[LOG_HASH_BYTES];
    int error = log_entry_encode(entry, &plain);

    if (error == -EFBIG)
        return failure_set(failure, EFBIG, "a record of the log cannot be so long");
    if (error != 0 || log_state_prepare(state, entry) != 0)
        return no_memory(failure);
    log_record_name(entry->sequence, name);
    error = sealed_file_make(store, &log_record_file, name, &plain, &file, failure);
    if (error != 0)
        return error;
    log_hash(&file, hash);
    error = put_record(store, name, &file, failure);
    if (error == 0)
        log_state_apply(state, entry, hash);
    return error;
}

/* After a commit: what helps later, and may fail without harm. */
static void note_commit(struct store *store, struct log_state *state)
{
    struct freshness seen = {.sequence = state->sequence};

    memcpy(seen.hash, state->hash, sizeof seen.hash);
    remembered_save(store, &seen);
    if (state->sequence - state->checkpoint >= CHECKPOINT_EVERY)
        checkpoint_write(store, state, NULL);
}

/*
 * Kept images, and what dead writers left, give way to a record: with it, more room can be made.
 * Whether it is worth another try.
 */
static bool make_room(struct store *store)
{
    struct storage *storage = store_storage(store);
    struct image_cache_sum removed = {.count = 0};

    image_cache_clear(store, &removed);
    (void)!storage->class->sweep(storage, time(NULL) - LEFTOVER_SECONDS, NULL);
    return removed.count > 0 || (storage->class->try_room != NULL &&
                                 storage->class->try_room(storage, RECORD_BYTES, NULL) == 0);
}

static int write_somehow(struct store *store, struct log_state *state, struct log_entry *entry,
                         struct failure *failure)
{
    struct failure words = {.code = 0};
    int error = write_record(store, state, entry, &words);

    if ((error == -ENOSPC || error == -EDQUOT) && make_room(store))
        error = write_record(store, state, entry, &words);
    if (error == -ENOSPC || error == -EDQUOT)
        return failure_set(
            failure, -error,
            "%s. The store's log needs some KiB: make room for them on its disk, then "
            "`crmfs forget` and `crmfs prune` can give back more",
            words.text);
    if (error != 0 && failure != NULL)
        *failure = words;
    return error;
}

/*
 * The name was free, but only because prune has removed whose it was: between the look at the log
 * and the put, a suspended machine perhaps, others have appended so many records that the old ones
 * went. Nobody reads what is put there. 1; 0: no such thing; -errno.
 */
static int was_overtaken(struct store *store, uint64_t sequence, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    cleanup_free uint64_t *checkpoints = NULL;
    char name[LOG_NAME_SIZE];
    size_t count = 0;
    uint64_t size;

    log_record_name(sequence - 1, name);
    if (sequence == 1 || storage->class->size(storage, name, &size, NULL) != -ENOENT)
        return 0;

    int error = log_list(store, "checkpoints", &checkpoints, &count, failure);

    return error != 0 ? error : count != 0 && checkpoints[count - 1] > sequence;
}

static int append(struct store *store, struct log_state *state, struct log_entry *entry,
                  struct failure *failure)
{
    int error = catch_up(store, state, entry->kind, failure);

    if (error != 0)
        return error;
    entry->sequence = state->sequence + 1;
    entry->time_ns = clock_calendar_ns();
    memcpy(entry->before, state->hash, LOG_HASH_BYTES);
    error = log_state_check(state, store_header(store), entry, failure);
    if (error == 0) {
        error = write_somehow(store, state, entry, failure);
        if (error == -EEXIST) {
            error = catch_up(store, state, entry->kind, failure);
            return error == 0 ? -EAGAIN : error;
        }
    }
    if (error != 0)
        return error;
    error = was_overtaken(store, state->sequence, failure);
    if (error == 0) {
        note_commit(store, state);
        return 0;
    }
    /* The state has what nobody will read. */
    if (error > 0)
        error = begin_anew(store, state, failure);
    if (error != -EAGAIN)
        log_state_release(state);
    return error;
}

int log_begin(struct store *store, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    struct log_entry entry = {.kind = LOG_CREATE, .sequence = 1, .time_ns = clock_calendar_ns()};

    memcpy(entry.id, store_header(store)->id, STORE_ID_BYTES);

    int error = log_gap_after(store, 0, failure);

    if (error == 1)
        error = failure_set(failure, EEXIST, "the store has a log already");
    if (error == 0)
        error = write_record(store, &state, &entry, failure);
    if (error == 0)
        note_commit(store, &state);
    log_state_release(&state);
    return error;
}

int log_take(struct store *store, struct log_state *state, const struct snapshot *snapshot,
             const char *const *packs, size_t pack_count, struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_TAKE};
    int error = snapshot_check(snapshot, failure);

    if (error == 0)
        error = log_entry_set_packs(&entry, packs, pack_count, failure);
    if (error == 0)
        error = snapshot_copy(snapshot, &entry.snapshot);
    if (error == -ENOMEM)
        return no_memory(failure);
    return error == 0 ? append(store, state, &entry, failure) : error;
}

int log_forget(struct store *store, struct log_state *state, const struct snapshot *const *gone,
               size_t count, struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_FORGET, .gone_count = count};

    entry.gone = allocate_array(count, sizeof *entry.gone);
    if (entry.gone == NULL)
        return no_memory(failure);
    for (size_t i = 0; i < count; i++)
        memcpy(entry.gone[i], gone[i]->id, SNAPSHOT_ID_BYTES);
    return append(store, state, &entry, failure);
}

int log_rename(struct store *store, struct log_state *state, const char *from, const char *to,
               struct failure *failure)
{
    const struct snapshot *snapshot = log_find(state, from);
    cleanup_entry struct log_entry entry = {.kind = LOG_RENAME};
    int error = snapshot_name_check(to, failure);

    if (error != 0)
        return error;
    if (snapshot == NULL)
        return failure_set(failure, ENOENT, "there is no snapshot \"%s\"", from);
    memcpy(entry.id, snapshot->id, SNAPSHOT_ID_BYTES);
    entry.text = strdup(to);
    return entry.text != NULL ? append(store, state, &entry, failure) : no_memory(failure);
}

int log_files(struct store *store, struct log_state *state,
              const uint8_t writer[FILES_WRITER_BYTES], const struct object_reference *top,
              const char *const *packs, size_t pack_count, struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_FILES, .top = *top};
    int error = log_entry_set_packs(&entry, packs, pack_count, failure);

    memcpy(entry.id, writer, sizeof entry.id);
    if (error == -ENOMEM)
        return no_memory(failure);
    return error == 0 ? append(store, state, &entry, failure) : error;
}

int log_claim(struct store *store, struct log_state *state, const struct files_claim *claim,
              struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_CLAIM};

    if (!files_claim_text(claim->host) || !files_claim_text(claim->process))
        return failure_set(failure, EINVAL, "this host's name is none that the log takes");
    memcpy(entry.id, claim->writer, sizeof entry.id);
    entry.text = strdup(claim->host);
    entry.process = strdup(claim->process);
    if (entry.text == NULL || entry.process == NULL)
        return no_memory(failure);
    return append(store, state, &entry, failure);
}

int log_release(struct store *store, struct log_state *state,
                const uint8_t writer[FILES_WRITER_BYTES], struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_RELEASE};

    memcpy(entry.id, writer, sizeof entry.id);
    return append(store, state, &entry, failure);
}

static int append_packs(struct store *store, struct log_state *state, enum log_kind kind,
                        const char *const *packs, size_t count, struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = kind};

    if (count > LOG_PACKS_LIMIT)
        return failure_set(failure, EINVAL, "one record names at most %d packs", LOG_PACKS_LIMIT);

    int error = log_entry_set_packs(&entry, packs, count, failure);

    if (error == -ENOMEM)
        return no_memory(failure);
    return error == 0 ? append(store, state, &entry, failure) : error;
}

int log_mark_packs(struct store *store, struct log_state *state, const char *const *packs,
                   size_t count, struct failure *failure)
{
    return append_packs(store, state, LOG_MARK, packs, count, failure);
}

int log_unmark_packs(struct store *store, struct log_state *state, const char *const *packs,
                     size_t count, struct failure *failure)
{
    return append_packs(store, state, LOG_UNMARK, packs, count, failure);
}

int log_remove_packs(struct store *store, struct log_state *state, const char *const *packs,
                     size_t count, struct failure *failure)
{
    return append_packs(store, state, LOG_REMOVE, packs, count, failure);
}

int log_key_change(struct store *store, struct log_state *state, const uint8_t slot[STORE_ID_BYTES],
                   const char *what, struct failure *failure)
{
    cleanup_entry struct log_entry entry = {.kind = LOG_KEY_CHANGE};

    memcpy(entry.id, slot, sizeof entry.id);
    entry.text = strdup(what);
    return entry.text != NULL ? append(store, state, &entry, failure) : no_memory(failure);
}
