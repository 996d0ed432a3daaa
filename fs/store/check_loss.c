/* SPDX-License-Identifier: MIT */
/* Which rows of which table of which snapshot are lost, and which pack is at fault. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/check_internal.h"
#include "fs/store/log_internal.h"
#include "fs/store/object_reader.h"

#define UNKNOWN_ROW UINT64_MAX
#define LOSS_TEXT_SIZE (PACK_PATH_SIZE + 64)

/* Rows that follow one another become one finding. */
struct asking {
    struct checking *checking;
    struct walk_place rows; /* of the last finding, not said yet; rows 0: none */
    const char *in_table;   /* the walk's own name of its table, which tells tables apart */
    char *source;           /* copies, which outlive the walk */
    char *table;
    char text[LOSS_TEXT_SIZE]; /* of the rows */
    int rows_unread;           /* the same */
    int unread;                /* of what was described last: as a finding's */

    struct known_objects culprits; /* lost objects, with the hints of the packs that are at fault */
    uint8_t (*named)[STORE_SALT_BYTES]; /* packs that the log names, in order */
    size_t named_count;
    bool *said; /* of each: that it is gone */
};

/* ---- Which pack is at fault ---- */

/* What the log cannot say is not said. */
static void name_packs(struct asking *asking)
{
    if (log_named_packs(asking->checking->store, asking->checking->state.sequence, &asking->named,
                        &asking->named_count, NULL) != 0)
        return;
    asking->said = allocate_array(asking->named_count, sizeof *asking->said);
    if (asking->said == NULL)
        asking->named_count = 0;
}

/* Prune may have moved the object into a pack that went later: an index still says which. */
static uint64_t hint_of_gone(const struct checking *checking,
                             const struct object_reference *reference)
{
    struct index_entry entries[PLACES_MOST];
    int count =
        index_set_find(checking->reader->indexes, reference->id, PLACES_MOST, entries, NULL);

    for (int i = 0; i < count; i++) {
        if (reach_pack_hinted(checking->reach, entries[i].reference.pack_hint) == NULL)
            return entries[i].reference.pack_hint;
    }
    return reference->pack_hint;
}

/* The pack of one that does not open. */
static uint64_t hint_of_closed(struct checking *checking, const struct object_reference *reference,
                               int depth)
{
    struct reach_spot spot;

    if (reach_find(checking->reach, reference, depth, &spot))
        return reach_pack(checking->reach, spot.pack)->hint;
    return reach_pack_hinted(checking->reach, reference->pack_hint) != NULL
               ? reference->pack_hint
               : hint_of_gone(checking, reference);
}

/* The pack of the first that does not open, of the object and its ancestors; else its own. */
static uint64_t find_culprit(struct checking *checking, const struct object_reference *reference)
{
    cleanup_buffer struct buffer sealed = BUFFER(OBJECT_SEALED_LIMIT);
    cleanup_buffer struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    struct object_reference next = *reference;
    struct object_reference place = *reference;
    int depth = REACH_ANY_DEPTH;

    for (int i = 0; i <= OBJECT_DEPTH_MOST; i++) {
        struct object_head head;

        if (object_fetch_at(checking->reader, &next, depth, &sealed, &body, &place, NULL) != 0)
            return hint_of_closed(checking, &next, depth);
        if (object_head_decode(body.data, body.size, &head) < 0 ||
            head.encoding != OBJECT_ZSTD_PARENT)
            break;
        next = head.parent;
        depth = head.place.depth - 1;
    }
    return place.pack_hint;
}

static uint64_t culprit_of(struct asking *asking, const struct object_reference *reference)
{
    const struct index_entry *known = known_objects_find(&asking->culprits, reference->id);
    struct index_entry entry = {.reference = *reference};

    if (known != NULL)
        return known->reference.pack_hint;
    entry.reference.pack_hint = find_culprit(asking->checking, reference);
    (void)!known_objects_add(&asking->culprits, &entry); /* else it is looked for again */
    return entry.reference.pack_hint;
}

/* A file that is gone is a finding of its own, once. */
static void say_gone(struct asking *asking, size_t place, const char *path)
{
    const struct check_finding finding = {
        .kind = CHECK_PACK, .file = path, .text = "it is gone, and snapshots need what was in it"};

    if (!asking->said[place])
        check_find(asking->checking, &finding);
    asking->said[place] = true;
}

/* Where among the packs that the log names one of HINT stands; or their number. */
static size_t place_of_named(const struct asking *asking, uint64_t hint)
{
    uint8_t first[sizeof hint];
    size_t low = 0;
    size_t high = asking->named_count;

    put_u64(first, hint);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(asking->named[middle], first, sizeof first) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < asking->named_count && pack_hint(asking->named[low]) == hint ? low
                                                                              : asking->named_count;
}

static void describe_loss(struct asking *asking, const struct object_reference *reference,
                          char text[LOSS_TEXT_SIZE])
{
    uint64_t hint = culprit_of(asking, reference);
    struct medium *medium = asking->checking->medium;
    const struct reach_pack *pack = reach_pack_hinted(asking->checking->reach, hint);
    size_t named = place_of_named(asking, hint);
    uint8_t salt[STORE_SALT_BYTES] = {0};
    char path[PACK_PATH_SIZE];

    put_u64(salt, hint);
    asking->unread = 0;
    if (pack != NULL && pack_salt(pack->name, salt)) {
        pack_path(salt, path);
        if ((asking->unread = medium_failed(medium, path)) != 0)
            snprintf(text, LOSS_TEXT_SIZE, "%s cannot be read: %s", path, strerror(asking->unread));
        else
            snprintf(text, LOSS_TEXT_SIZE, "%s is damaged", path);
    } else if (named < asking->named_count) {
        pack_path(asking->named[named], path);
        snprintf(text, LOSS_TEXT_SIZE, "%s is gone", path);
        say_gone(asking, named, path);
    } else {
        pack_path(salt, path);
        snprintf(text, LOSS_TEXT_SIZE, "the pack whose name begins with %.25s is gone", path);
    }
}

/* ---- Which table of which snapshot ---- */

static void say_loss(struct asking *asking, const struct walk_place *place, const char *text,
                     int unread)
{
    const struct check_finding finding = {
        .kind = CHECK_SNAPSHOT, .place = place, .unread = unread, .text = text};

    check_find(asking->checking, &finding);
}

static void say_rows(struct asking *asking)
{
    if (asking->rows.rows == 0)
        return;
    say_loss(asking, &asking->rows, asking->text, asking->rows_unread);
    asking->rows.rows = 0;
    free(steal_pointer(&asking->source));
    free(steal_pointer(&asking->table));
}

/* The row after the last of those that begin at PLACE; a part of a row reaches to its end. */
static uint64_t end_of(const struct walk_place *place)
{
    return place->first_row + (place->rows != 0 ? place->rows : 1);
}

static int begin_rows(struct asking *asking, const struct walk_place *place, const char *text)
{
    asking->source = strdup(place->source);
    asking->table = strdup(place->table);
    if (asking->source == NULL || asking->table == NULL)
        return -ENOMEM;
    asking->in_table = place->table;
    asking->rows = *place;
    asking->rows.source = asking->source;
    asking->rows.table = asking->table;
    asking->rows.rows = end_of(place) - place->first_row;
    asking->rows_unread = asking->unread;
    snprintf(asking->text, sizeof asking->text, "%s", text);
    return 0;
}

/* Whether this group continues what was found last. */
static bool continues(const struct asking *asking, const struct walk_place *place, const char *text)
{
    const struct walk_place *rows = &asking->rows;

    return rows->rows != 0 && rows->snapshot == place->snapshot &&
           asking->in_table == place->table && rows->first_row != UNKNOWN_ROW &&
           place->first_row != UNKNOWN_ROW && place->first_row <= end_of(rows) &&
           strcmp(asking->text, text) == 0;
}

/* By trying to read it. 1, 0, -ENOMEM. */
static int cannot_be_read(struct checking *checking, const struct object_reference *reference,
                          int depth, enum object_type type)
{
    struct object_head head;
    int readable = unlisted_ask(&checking->unlisted, reference, depth, type, &head);

    return readable < 0 ? readable : readable == 0;
}

int check_is_lost(struct checking *checking, const struct object_reference *reference, int depth,
                  enum object_type type, struct reach_spot spot)
{
    int alone = reach_stands_alone(checking->reach, spot);

    return alone != 0 ? alone : cannot_be_read(checking, reference, depth, type);
}

/* 1: a row group or content is lost; 0: it is not; -errno. */
static int is_lost(struct checking *checking, const struct object_reference *reference,
                   enum object_type type)
{
    struct reach_spot spot;

    if (!reach_find(checking->reach, reference, REACH_ANY_DEPTH, &spot))
        return cannot_be_read(checking, reference, REACH_ANY_DEPTH, type);
    return reach_is_damaged(checking->reach, spot)
               ? check_is_lost(checking, reference, REACH_ANY_DEPTH, type, spot)
               : 0;
}

/* A walk_object. */
static int ask_object(void *context, const struct object_reference *reference,
                      enum object_type type, const struct walk_place *place)
{
    struct asking *asking = context;
    char text[LOSS_TEXT_SIZE];
    int lost;

    if (!walk_is_leaf(type))
        return 0;
    lost = is_lost(asking->checking, reference, type);
    if (lost <= 0)
        return lost;
    describe_loss(asking, reference, text);
    if (type == OBJECT_CONTENT) {
        say_loss(asking, place, text, asking->unread);
        return 0;
    }
    if (continues(asking, place, text)) {
        asking->rows.rows = end_of(place) - asking->rows.first_row;
        return 0;
    }
    say_rows(asking);
    return begin_rows(asking, place, text);
}

/* A walk_failed. */
static int ask_failed(void *context, const struct object_reference *reference,
                      enum object_type type, const struct walk_place *place,
                      const struct failure *failure)
{
    struct asking *asking = context;
    char text[LOSS_TEXT_SIZE];

    (void)type;
    (void)failure;
    say_rows(asking);
    describe_loss(asking, reference, text);
    say_loss(asking, place, text, asking->unread);
    return 0;
}

int check_losses(struct checking *checking)
{
    const struct log_state *state = &checking->state;
    struct asking asking = {.checking = checking};
    const struct walk walk = {
        .reader = checking->reader, .object = ask_object, .failed = ask_failed, .context = &asking};
    int error = reach_spread_damage(checking->reach, checking->failure);

    name_packs(&asking);
    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        if (!check_wants(checking, &state->snapshots[i]))
            continue;
        error = walk_snapshot(&walk, &state->snapshots[i], checking->failure);
        say_rows(&asking);
        store_progress_tell(checking->options->progress, "looking for what is touched", i + 1,
                            state->snapshot_count);
    }
    if (error == 0 && state->has_files && checking->only == NULL)
        error = walk_files(&walk, &state->files, checking->failure);
    known_objects_release(&asking.culprits);
    free(asking.named);
    free(asking.said);
    free(asking.source);
    free(asking.table);
    return error;
}
