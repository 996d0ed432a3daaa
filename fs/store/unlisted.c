/* SPDX-License-Identifier: MIT */
#include "fs/store/unlisted.h"

#include <errno.h>

#include "fs/store/log_internal.h"
#include "fs/store/object_reader.h"

/* ---- What the directories say ---- */

/* With the lock, or before there is anybody else. */
static size_t count_removed(const struct unlisted *unlisted)
{
    size_t count = 0;

    for (size_t i = 0; i < unlisted->state.mark_count; i++) {
        const struct log_mark *mark = &unlisted->state.marks[i];

        count += mark->removed && reach_pack_named(unlisted->reach, mark->pack) != NULL;
    }
    return count;
}

static bool is_there(struct unlisted *unlisted, uint64_t record)
{
    struct storage *storage = store_storage(unlisted->store);
    char name[LOG_NAME_SIZE];
    uint64_t size;

    log_record_name(record, name);
    return storage->class->size(storage, name, &size, NULL) == 0;
}

/* Only a record can have had a pack removed that was there before. With the lock. */
static bool is_current(struct unlisted *unlisted)
{
    uint64_t last = unlisted->state.sequence;

    if (unlisted->outdated || (is_there(unlisted, last) && !is_there(unlisted, last + 1)))
        return !unlisted->outdated;
    unlisted->outdated = log_read(unlisted->store, &unlisted->state, NULL) != 0 ||
                         count_removed(unlisted) != unlisted->removed;
    return !unlisted->outdated;
}

/* A known_directories. */
static int find_copies(void *context, const uint8_t id[OBJECT_ID_BYTES], int depth, int most,
                       struct object_reference *ret_places)
{
    struct unlisted *unlisted = context;

    pthread_mutex_lock(&unlisted->lock);
    bool current = is_current(unlisted);
    pthread_mutex_unlock(&unlisted->lock);

    int count = current ? reach_copies(unlisted->reach, id, depth, most, ret_places) : -ESTALE;

    return count >= 0 || count == -ENOMEM ? count : -ESTALE;
}

int unlisted_begin(struct unlisted *unlisted, struct store *store, struct object_reader *reader,
                   struct reach *reach, const struct log_state *state)
{
    *unlisted = (struct unlisted){.store = store, .reader = reader, .reach = reach};
    pthread_mutex_init(&unlisted->lock, NULL);

    int error = log_state_copy(state, &unlisted->state);

    if (error != 0)
        return error;
    unlisted->removed = count_removed(unlisted);
    reader->known = find_copies;
    reader->known_context = unlisted;
    reach_ask(reach, unlisted_ask, unlisted);
    return 0;
}

/* ---- Trying ---- */

static bool is_known(const struct known_objects *known, const struct object_reference *reference)
{
    return known_objects_find(known, reference->id) != NULL;
}

static bool is_readable(const struct unlisted *unlisted, const struct object_reference *reference,
                        int depth)
{
    bool found = false;

    if (depth != OBJECT_DEPTH_ANY)
        return is_known(&unlisted->readable[depth], reference);
    for (size_t i = 0; i < UNLISTED_DEPTHS && !found; i++)
        found = is_known(&unlisted->readable[i], reference);
    return found;
}

static bool is_lost(const struct unlisted *unlisted, const struct object_reference *reference,
                    int depth)
{
    return is_known(&unlisted->lost[UNLISTED_DEPTHS], reference) ||
           (depth != OBJECT_DEPTH_ANY && is_known(&unlisted->lost[depth], reference));
}

/* The copy at DEPTH opens, and so does all that it is compressed against. 0, -EIO, -ENOMEM. */
static int read_object(struct object_reader *reader, const struct object_reference *reference,
                       int depth, enum object_type type, struct object_reference *ret_place,
                       struct object_head *ret_head)
{
    cleanup_buffer struct buffer sealed = BUFFER(OBJECT_SEALED_LIMIT);
    cleanup_buffer struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_fetch_at(reader, reference, depth, &sealed, &body, ret_place, NULL);

    if (error == 0 && object_head_decode(body.data, body.size, ret_head) < 0)
        error = -EIO;
    if (error == 0)
        error = depth != OBJECT_DEPTH_ANY ? object_read_at(reader, ret_place, depth, type, &data)
                                          : object_read(reader, ret_place, type, true, &data, NULL);
    return error;
}

int unlisted_ask(void *context, const struct object_reference *reference, int depth,
                 enum object_type type, struct object_head *ret_head)
{
    struct unlisted *unlisted = context;
    struct index_entry entry = {.reference = *reference, .type = (uint8_t)type};

    *ret_head = (struct object_head){.encoding = OBJECT_PLAIN};
    if (is_readable(unlisted, reference, depth))
        return 1;
    if (is_lost(unlisted, reference, depth))
        return 0;

    int error = read_object(unlisted->reader, reference, depth, type, &entry.reference, ret_head);

    if (error == -ENOMEM)
        return error;
    if (error == 0) {
        entry.encoding = (uint8_t)ret_head->encoding;
        entry.depth = ret_head->place.depth;
        error = known_objects_add(&unlisted->readable[entry.depth], &entry);
        return error == 0 ? 1 : error;
    }
    return known_objects_add(
        &unlisted->lost[depth == OBJECT_DEPTH_ANY ? UNLISTED_DEPTHS : (size_t)depth], &entry);
}

size_t unlisted_in_pack(const struct unlisted *unlisted, uint64_t hint)
{
    size_t count = 0;

    for (size_t depth = 0; depth < UNLISTED_DEPTHS; depth++) {
        const struct known_objects *readable = &unlisted->readable[depth];

        for (size_t i = 0; i < readable->count; i++)
            count += readable->entries[i].reference.pack_hint == hint;
    }
    return count;
}

void unlisted_release(struct unlisted *unlisted)
{
    if (unlisted->reach != NULL) {
        unlisted->reader->known = NULL;
        log_state_release(&unlisted->state);
        pthread_mutex_destroy(&unlisted->lock);
    }
    for (size_t i = 0; i < UNLISTED_DEPTHS; i++)
        known_objects_release(&unlisted->readable[i]);
    for (size_t i = 0; i <= UNLISTED_DEPTHS; i++)
        known_objects_release(&unlisted->lost[i]);
}
