/* SPDX-License-Identifier: MIT */
/*
 * What the files of reach share: packs with their objects (reach_packs.c), where an object is
 * (reach_locate.c), what of them cannot be read (reach_damage.c), the rest (reach.c).
 */
#ifndef CRMFS_STORE_REACH_INTERNAL_H
#define CRMFS_STORE_REACH_INTERNAL_H

#include <pthread.h>

#include "fs/store/reach.h"

#define IDS_KEPT 8 /* packs whose whole ids are in memory; 2.5 MiB each at most */

/* A pack and its objects, in the order of the directory, which is that of their offsets. */
struct known_pack {
    struct reach_pack pack;
    uint64_t *tags;    /* the first 8 bytes of each id */
    uint32_t *offsets; /* in units of 8 bytes */
    uint8_t *depths;
    uint8_t *living;  /* a bit each */
    uint8_t *named;   /* the same: not as an ancestor alone */
    uint8_t *damaged; /* the same; NULL: none is. Guarded by the reach's lock */
    bool fresh;       /* something lives whose ancestors have not been added */
};

struct whole_id {
    uint8_t id[OBJECT_ID_BYTES];
    uint64_t parent; /* the first 8 bytes of its parent's id */
};

struct whole_ids {
    size_t pack;
    struct whole_id *ids; /* NULL: the place is free */
};

/* What was added. */
struct reach_root {
    const struct snapshot *snapshot; /* NULL: files/ */
    struct object_reference top;     /* its */
};

struct reach {
    struct store *store;
    struct object_reader *reader;
    reach_unlisted *unlisted;
    void *unlisted_context;
    uint64_t lost;
    bool settled; /* what rests on something that is lost or damaged is known to be damaged */
    size_t root_count;
    struct reach_root *roots;
    uint64_t living_bytes; /* of all packs */
    uint64_t needed_bytes; /* of them: before ancestors were added */
    size_t pack_count;
    struct known_pack *packs; /* by name */
    size_t object_count;

    pthread_mutex_t lock;      /* guards all below */
    struct reach_spot *by_tag; /* all objects, by tag; NULL until one has been moved */
    struct whole_ids whole[IDS_KEPT];
    size_t next_whole;
};

/* Lists and reads the packs. */
int reach_read_packs(struct reach *reach, const struct log_state *state,
                     const struct store_progress *progress, struct failure *failure);
void reach_release_packs(struct reach *reach);

/* Bytes that the entry's own piece takes; another copy of the object may take more, or less. */
uint64_t reach_piece_bytes(const struct known_pack *known, uint32_t entry);

/*
 * Adds an object to what lives. 1: it was there already; 0: it was not; REACH_UNLISTED: it can be
 * read, though it is in no directory; -ENOENT: it is lost; -errno.
 */
#define REACH_UNLISTED 2
int reach_add_object(struct reach *reach, const struct object_reference *reference, int depth,
                     enum object_type type, struct failure *failure);

/* A pack that is gone through once more. */
struct reach_visit {
    struct reach *reach;
    struct known_pack *known;
    uint32_t place;
    bool changed;
    struct failure *failure;
};
int reach_visit_pack(struct reach_visit *visit, size_t pack, pack_visit *function);

/* 0 or -ENOMEM. With the lock, or where nobody else is asking. */
int reach_note_damaged(struct known_pack *known, uint32_t place);

/* As reach_find(), but an error is said: 1, 0 (in no pack), -ENOMEM, -errno. */
int reach_locate(struct reach *reach, const struct object_reference *reference, int depth,
                 struct reach_spot *ret_spot, struct failure *failure);

static inline bool reach_bit(const uint8_t *bits, uint32_t place)
{
    return bits != NULL && (bits[place / 8] >> place % 8 & 1) != 0;
}

static inline void reach_set_bit(uint8_t *bits, uint32_t place)
{
    bits[place / 8] |= (uint8_t)(1 << place % 8);
}

#endif
