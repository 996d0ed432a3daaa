/* SPDX-License-Identifier: MIT */
/*
 * An object and its ancestors. Depth falls by exactly one from link to link, so
 * a chain ends after OBJECT_DEPTH_MOST + 1 of them whatever is in the store.
 */
#include <errno.h>
#include <string.h>

#include "fs/store/object_reader.h"

#define BODY_BYTES_KEPT ((size_t)1 << 20) /* a larger one is read again when its turn comes */

static int malformed(const struct object_reference *reference, struct failure *failure)
{
    return failure_set(failure, EIO,
                       "object %02x%02x%02x%02x… is not what the object that names it says: "
                       "run `crmfs check --read-data`",
                       reference->id[0], reference->id[1], reference->id[2], reference->id[3]);
}

static int load(struct object_reader *reader, struct read_scratch *scratch, struct chain_link *link,
                const struct object_reference *reference, int depth, struct failure *failure)
{
    link->cached = parent_cache_take(reader->cache, reference->id);
    if (link->cached != NULL && depth != OBJECT_DEPTH_ANY &&
        link->cached->head.place.depth != depth) {
        parent_cache_give(reader->cache, link->cached);
        link->cached = NULL;
    }
    if (link->cached != NULL) {
        link->reference = link->cached->reference;
        link->head = link->cached->head;
        return 0;
    }

    int error = object_fetch_at(reader, reference, depth, &scratch->sealed, &link->body,
                                &link->reference, failure);

    if (error != 0)
        return error;
    return object_head_decode(link->body.data, link->body.size, &link->head) > 0
               ? 0
               : malformed(reference, failure);
}

/* Asks for link NUMBER, which stands at PLACE, and its parent. */
static void expect_both(struct object_reader *reader, struct read_scratch *scratch, size_t number,
                        const struct object_reference *place, const struct object_reference *parent)
{
    if (number >= scratch->expected)
        object_expect(reader, place);
    object_expect(reader, parent);
    scratch->expected = number + 2;
}

/* Asks for REFERENCE and all its ancestors, as far as is known which those are. */
static void expect_chain(struct object_reader *reader, struct read_scratch *scratch,
                         const struct object_reference *reference)
{
    struct object_reference place = *reference;
    struct object_reference parent;

    for (size_t number = 0; number < OBJECT_DEPTH_MOST; number++) {
        if (!lineage_known(reader->lineage, &place, &parent))
            break;
        expect_both(reader, scratch, number, &place, &parent);
        place = parent;
    }
}

/* The same of what follows CHILD, the last link, where it was not known what that is. */
static void expect_ancestors(struct object_reader *reader, struct read_scratch *scratch,
                             const struct chain_link *child)
{
    struct object_reference place = child->head.parent;
    struct object_reference parent;
    size_t end = scratch->count + child->head.place.depth; /* of the chain */

    lineage_parent(reader->lineage, &child->reference, &parent);
    for (size_t number = scratch->count; number + 1 < end; number++) {
        if (!lineage_parent(reader->lineage, &place, &parent))
            break;
        expect_both(reader, scratch, number, &place, &parent);
        place = parent;
    }
}

int chain_begin(struct object_reader *reader, struct read_scratch *scratch,
                const struct object_reference *reference, enum object_type type,
                struct failure *failure)
{
    struct chain_link *link = &scratch->links[0];

    scratch->count = 1;
    scratch->expected = 0;
    expect_chain(reader, scratch, reference);

    int error = load(reader, scratch, link, reference, OBJECT_DEPTH_ANY, failure);

    if (error != 0)
        return error;
    return link->head.type == type ? 0 : malformed(reference, failure);
}

int chain_extend(struct object_reader *reader, struct read_scratch *scratch,
                 struct failure *failure)
{
    struct chain_link *child = &scratch->links[scratch->count - 1];
    struct chain_link *link = child + 1;

    if (child->body.capacity > BODY_BYTES_KEPT)
        buffer_release(&child->body);
    if (scratch->count >= scratch->expected)
        expect_ancestors(reader, scratch, child);
    scratch->count++;

    int error =
        load(reader, scratch, link, &child->head.parent, child->head.place.depth - 1, failure);

    if (error != 0)
        return error;
    if (link->head.type != child->head.type ||
        link->head.place.depth + 1 != child->head.place.depth)
        return malformed(&child->head.parent, failure);
    return 0;
}

static bool has_data(const struct chain_link *link)
{
    return link->cached != NULL || link->head.encoding != OBJECT_ZSTD_PARENT;
}

/*
 * Reads a body again that was too large to be kept. Prune may have removed it meanwhile; then
 * another copy of its depth is found, which may be compressed against another parent than was read.
 * -EIO.
 */
static int fetch_again(struct object_reader *reader, struct read_scratch *scratch,
                       struct chain_link *link, struct failure *failure)
{
    struct object_head head;
    int error = object_fetch_at(reader, &link->reference, link->head.place.depth, &scratch->sealed,
                                &link->body, &link->reference, failure);

    if (error != 0)
        return error;
    if (object_head_decode(link->body.data, link->body.size, &head) < 0 ||
        head.encoding != link->head.encoding ||
        memcmp(head.parent.id, link->head.parent.id, OBJECT_ID_BYTES) != 0)
        return malformed(&link->reference, failure);
    link->head = head;
    return 0;
}

/* Decodes one link that is not cached. PARENT: its parent's data, or NULL. */
static int decode(struct object_reader *reader, struct read_scratch *scratch,
                  struct chain_link *link, const struct buffer *parent, struct buffer *output,
                  struct failure *failure)
{
    int error = link->body.size == 0 ? fetch_again(reader, scratch, link, failure) : 0;

    if (error == 0)
        error = object_body_unpack(&link->head, link->body.data, link->body.size, parent,
                                   scratch->context, output);
    return error == -EBADMSG ? malformed(&link->reference, failure) : error;
}

static int copy(const struct buffer *from, struct buffer *output)
{
    buffer_clear(output);
    return buffer_append(output, from->data, from->size);
}

int chain_data(struct object_reader *reader, struct read_scratch *scratch, size_t place, bool keep,
               struct buffer *output, struct failure *failure)
{
    size_t at = place;
    const struct buffer *data = NULL; /* of the link after AT */

    while (!has_data(&scratch->links[at])) {
        at++;
        if (at < scratch->count)
            continue;

        int error = chain_extend(reader, scratch, failure);

        if (error != 0)
            return error;
    }
    if (scratch->links[at].cached != NULL) {
        data = &scratch->links[at].cached->data;
        if (at == place)
            return copy(data, output);
        at--;
    }
    for (;; at--) {
        struct buffer *target = at == place ? output : &scratch->data[at % 2];
        int error = decode(reader, scratch, &scratch->links[at], data, target, failure);

        if (error != 0)
            return error;
        if (at == place)
            break;
        data = target;
    }
    if (keep && data != NULL && scratch->links[place + 1].cached == NULL) {
        const struct chain_link *parent = &scratch->links[place + 1];

        parent_cache_put(reader->cache, &parent->reference, &parent->head,
                         &scratch->data[(place + 1) % 2]);
    }
    return 0;
}

void chain_end(struct object_reader *reader, struct read_scratch *scratch)
{
    for (size_t i = 0; i < scratch->count; i++) {
        struct chain_link *link = &scratch->links[i];

        if (link->cached != NULL)
            parent_cache_give(reader->cache, link->cached);
        link->cached = NULL;
        if (link->body.capacity > BODY_BYTES_KEPT)
            buffer_release(&link->body);
        buffer_clear(&link->body);
    }
    scratch->count = 0;
}
