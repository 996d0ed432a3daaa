/* SPDX-License-Identifier: MIT */
#include "fs/store/unlisted.h"

#include <errno.h>

#include "fs/store/object_reader.h"

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
    for (size_t i = 0; i < UNLISTED_DEPTHS; i++)
        known_objects_release(&unlisted->readable[i]);
    for (size_t i = 0; i <= UNLISTED_DEPTHS; i++)
        known_objects_release(&unlisted->lost[i]);
}
