/* SPDX-License-Identifier: MIT */
/*
 * The inside of a batch: what object_batch.c, object_known.c and object_put.c share.
 *
 * All writers of a batch put into one pack: a snapshot ends in one that is not full, whatever
 * writes it, and not in one a thread. Sealing and handing on is a twentieth of what an object
 * takes.
 *
 * Invariants, under the batch's lock:
 * - `waiting` has the objects of committed packs that stand in no index yet; it
 *   is written as an index, after a sync, when it is full and in the end.
 * - `written` has objects that this batch wrote, into committed packs or into
 *   ones under way, so that its writers do not write them again. It forgets.
 * - `error` is set when a writer failed or was given up, and objects perhaps are missing that
 *   others refer to: such a batch is never finished.
 */
#ifndef CRMFS_STORE_OBJECT_BATCH_H
#define CRMFS_STORE_OBJECT_BATCH_H

#include <pthread.h>

#include "fs/store/hint_set.h"
#include "fs/store/known_objects.h"
#include "fs/store/object_reader.h"
#include "fs/store/pack.h"

#define WAITING_MOST ((size_t)1 << 16) /* entries, 4 MiB; of one index, then */
#define WRITTEN_MOST ((size_t)1 << 16)

/* Of a batch that looks at what others do meanwhile: object_meanwhile.c. */
struct batch_watch {
    pthread_mutex_t lock;         /* guards all of it */
    struct claim_lock *told;      /* to prune; NULL: nobody watches */
    uint64_t sequence;            /* of the record of the log that was looked at last */
    struct hint_set marked_since; /* by records up to that one */
};

struct object_batch {
    struct store *store;
    struct object_reader *reader;
    bool closely;            /* its packs are padded */
    bool leaves_room;        /* for what comes after its packs */
    struct hint_set avoided; /* does not change while there are writers, */
    bool anew;               /* nor does this: what the store has is written again */

    struct batch_watch watch;

    pthread_mutex_t pack_lock; /* guards these; taken before lock */
    struct pack_writer *pack;  /* NULL: none under way */
    unsigned packs_ending;     /* being flushed, before they are noted below */
    pthread_cond_t pack_finished;

    pthread_mutex_t lock; /* guards all below */
    int error;
    struct failure words; /* of it; code 0: nobody has any */
    struct known_objects written;
    size_t written_earlier;      /* how many of them before the last renewal */
    struct index_entry *waiting; /* room for WAITING_MOST + PACK_OBJECTS_MOST */
    size_t waiting_count;
    size_t waiting_room;
    char **packs;
    size_t pack_count;
    size_t pack_room;
    uint64_t stored_bytes;
    struct hint_set relied;
    struct hint_set durable; /* packs that are, or will be with the batch's next sync */
    struct hint_set there;   /* packs that were looked at: as they were written; */
    struct hint_set missing; /* cut short, or not there, which takes a listing to tell */
    struct hint_set opened;  /* places of pieces that opened: object_opened.c */
};

/* Whether the piece at PLACE, in a pack that is usable, opens: then it is noted. 1, 0, -ENOMEM. */
int batch_place_opens(struct object_batch *batch, const struct object_reference *place);

/*
 * Whether the pack of that hint, which the batch is about to rely on, stays until a record can say
 * so: prune is told, then the log is looked at. Where that cannot be read, it does not.
 */
bool batch_may_rely(struct object_batch *batch, uint64_t hint);

/* The same piece was opened by somebody else just now. */
void batch_note_opened(struct object_batch *batch, const struct object_reference *place);

/*
 * Whether link PLACE of SCRATCH's chain, whose data was had just now, stands with all its ancestors
 * in packs that are there and not avoided, as it was read or as prune moved it: then they are
 * relied on. 1, with where it stands; 0, -errno.
 */
int batch_has_read(struct object_batch *batch, struct read_scratch *scratch, size_t place,
                   struct object_reference *ret_place, struct failure *failure);

/* Whether the batch wrote the object, or the store has it with all its ancestors. 1, 0, -errno. */
int batch_find(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES], enum object_type type,
               struct object_reference *ret_place, struct failure *failure);

/*
 * Appends a body of SIZE bytes, whose head is HEAD, to the pack under way, and notes that the
 * object is written. After an error the batch is never finished.
 */
int batch_append(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES],
                 const struct object_head *head, const void *body, size_t size,
                 struct object_reference *ret_reference, struct failure *failure);

/*
 * How much room there must be beside PACK, for what comes after it, when it gets its name; 0: none
 * is asked for. Makes room where that is to be had for nothing.
 */
uint64_t batch_make_room(struct object_batch *batch, const struct pack_writer *pack);

/* A writer was given up, or could not write: WORDS say why, if they are of ERROR; or NULL. */
void batch_break(struct object_batch *batch, int error, const struct failure *words);

#endif
