/* SPDX-License-Identifier: MIT */
/*
 * The inside of reading objects: what object_read.c, object_find.c,
 * object_chain.c, object_search.c and the writers' side share.
 *
 *   object_fetch   the opened body of one object, wherever it is now
 *   chain_…        an object with as many of its ancestors as are needed
 *   object_read    an object's data
 *   object_search  the same, when that fails
 */
#ifndef CRMFS_STORE_OBJECT_READER_H
#define CRMFS_STORE_OBJECT_READER_H

#include <pthread.h>
#include <zstd.h>

#include "fs/store/file_keys.h"
#include "fs/store/index_set.h"
#include "fs/store/lineage.h"
#include "fs/store/object_body.h"
#include "fs/store/pack_list.h"
#include "fs/store/parent_cache.h"

#define MOVED_KEPT 256
#define PACKS_A_HINT 4 /* that are tried, when an adversary gave several packs one hint */
#define PLACES_MOST 8  /* of one object, that are tried */

/* An object of the chain from one object to its ancestors. */
struct chain_link {
    struct object_reference reference; /* where it was found */
    struct object_head head;
    struct buffer body;               /* empty: it was too large to be kept */
    const struct parent_data *cached; /* not NULL: its data is in the cache; no body then */
};

/* What one read needs besides its caller's memory; reused. */
struct read_scratch {
    struct read_scratch *next;
    struct buffer sealed;
    size_t count;    /* of links */
    size_t expected; /* of links, that have been asked for */
    struct chain_link links[OBJECT_DEPTH_MOST + 1];
    struct buffer data[2];
    ZSTD_DCtx *context;
};

/* Where an object was found that was not where its reference says; or that it was nowhere. */
struct moved_object {
    bool known;
    bool lost;
    uint64_t when_ns; /* by clock_now_ns() */
    struct object_reference place;
};

/* An object that object_search() did not find either. */
#define VAIN_KEPT 64
struct vain_search {
    bool known;
    uint64_t when_ns; /* by clock_now_ns() */
    uint8_t id[OBJECT_ID_BYTES];
};

/*
 * Asked of an object before the packs' directories are read, all of them: where it stands, at DEPTH
 * or any, as they say; at most MOST places. Their number; -ESTALE: they are to be read; -ENOMEM.
 */
typedef int known_directories(void *context, const uint8_t id[OBJECT_ID_BYTES], int depth, int most,
                              struct object_reference *ret_places);

struct object_reader {
    struct store *store;
    struct file_keys *keys;
    struct pack_list *packs;
    struct index_set *indexes;
    struct parent_cache *cache;
    struct lineage *lineage;
    known_directories *known; /* NULL: nobody knows them; set before there are several threads */
    void *known_context;

    pthread_mutex_t lock; /* guards all below */
    struct read_scratch *scratches;
    unsigned scratch_count;
    struct moved_object moved[MOVED_KEPT];
    struct vain_search vain[VAIN_KEPT];
    struct {
        uint64_t hint;
        uint64_t end;
        struct buffer plain; /* empty: none */
    } directory;             /* of the pack that a moved object was found in last */
};

struct read_scratch *read_scratch_take(struct object_reader *reader); /* NULL: no memory */
void read_scratch_give(struct object_reader *reader, struct read_scratch *scratch);

/*
 * The body of the object that REFERENCE means, opened, into BODY, with SEALED for
 * the way. -EIO when it is in no pack, -ENOMEM.
 */
int object_fetch(struct object_reader *reader, const struct object_reference *reference,
                 struct buffer *sealed, struct buffer *body, struct object_reference *ret_found,
                 struct failure *failure);

/*
 * The same, of the copy that stands at DEPTH in its chain. An object may have been written again,
 * when its pack was about to be removed, and then stands at another depth, perhaps even against
 * what is compressed against the first copy. A parent is therefore always asked for with its depth.
 */
int object_fetch_at(struct object_reader *reader, const struct object_reference *reference,
                    int depth, struct buffer *sealed, struct buffer *body,
                    struct object_reference *ret_found, struct failure *failure);

/* What stands at PLACE, whose id does not matter, will be fetched soon. */
void object_expect(struct object_reader *reader, const struct object_reference *place);

/* The same as object_fetch_at, of the copy that stands at PLACE and nowhere else. */
int object_fetch_place(struct object_reader *reader, const struct object_reference *place,
                       int depth, struct buffer *sealed, struct buffer *body);

/*
 * An object's data into OUTPUT, by whatever of its copies and of its ancestors' can be read: slow,
 * for when the first copy that was found rests on one that is gone. 0, -EIO, -ENOMEM.
 */
int object_search(struct object_reader *reader, const struct object_reference *reference,
                  enum object_type type, struct buffer *output);

/* The same, of copies that stand at DEPTH in their chains. */
int object_search_at(struct object_reader *reader, const struct object_reference *reference,
                     int depth, enum object_type type, struct buffer *output);

/*
 * As object_read() with VERIFY, but only of copies that stand at DEPTH: what is compressed against
 * the object can be read if that can. 0, -EIO, -ENOMEM.
 */
int object_read_at(struct object_reader *reader, const struct object_reference *reference,
                   int depth, enum object_type type, struct buffer *output);

/*
 * Makes SCRATCH's chain the object alone, link 0. -EIO also when it is malformed or not
 * of TYPE. Whatever happens, chain_end must follow.
 */
int chain_begin(struct object_reader *reader, struct read_scratch *scratch,
                const struct object_reference *reference, enum object_type type,
                struct failure *failure);

/* Adds the parent of the last link, which has one. */
int chain_extend(struct object_reader *reader, struct read_scratch *scratch,
                 struct failure *failure);

/*
 * The data of link PLACE into OUTPUT, which is none of SCRATCH's own; the chain
 * is extended as far as needed. KEEP: its parent's data goes into the cache.
 */
int chain_data(struct object_reader *reader, struct read_scratch *scratch, size_t place, bool keep,
               struct buffer *output, struct failure *failure);

void chain_end(struct object_reader *reader, struct read_scratch *scratch);

#endif
