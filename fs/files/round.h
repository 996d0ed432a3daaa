/* SPDX-License-Identifier: MIT */
/* Content on its way from memory to the store: pieces.c, flush.c. The lock is held. */
#ifndef CRMFS_FILES_ROUND_H
#define CRMFS_FILES_ROUND_H

#include "fs/files/files_internal.h"

/* What was taken from runs, to become one object and an extent. */
struct piece {
    uint64_t inode;
    uint64_t offset;
    size_t size;
    size_t first_part; /* of those of its round */
    size_t part_count;
    bool has_parent;
    bool placed;
    struct object_parent parent;
    struct object_reference stored;
};

/* The runs that a piece consists of. They hold their block. */
struct piece_part {
    struct run run;
};

struct round {
    struct files *files;
    enum urgency {
        STORE_STREAMS, /* what whole pieces can be cut from */
        STORE_MOST,    /* all but the ends of streams */
        STORE_ALL
    } urgency;
    struct object_writer *writer;
    struct piece *pieces;
    size_t count, room;
    struct piece_part *parts;
    size_t part_count, part_room;
    uint8_t *gathered; /* CUT_MOST bytes, for pieces of several parts */
    size_t bytes;
    struct failure *failure;
};

/*
 * Takes the next piece from some file, and where its bytes are, until the round's next one. The
 * lock may be given back meanwhile.
 * 0, -EAGAIN: there is none; -ENOMEM.
 */
int round_take(struct round *round, const struct piece **ret_piece, const uint8_t **ret_bytes);

/*
 * Gives the pieces their places in the tree, as far as nobody has changed what they were. As long
 * as they do not stand in a pack that was ended, their runs have to stay: these are what is read,
 * and are stored again if it fails.
 */
int round_place(struct round *round);

/* Takes the runs of what was placed away, once it stands. */
int round_let_go(struct round *round);

/* What became of the piece that was taken last. */
void round_learn(struct round *round, const struct object_put *put);

/* They wait again. */
void round_give_back(struct round *round);
void round_release(struct round *round);

/* ---- flush.c ---- */

/*
 * Stores all content that waits, while the files are closed to changes. What LAST has then placed
 * is in a pack that is still to be ended, and to be let go of, or given back, after that. LAST is
 * to be released.
 */
int files_flush(struct files *files, struct round *last);

#endif
