/* SPDX-License-Identifier: MIT */
/*
 * What one of two snapshots lacks, though it was not removed, nor the other's added: it could not
 * be read when it was taken, or somebody left it out. It is not compared.
 */
#ifndef CRMFS_TOOLS_DIFF_LACK_H
#define CRMFS_TOOLS_DIFF_LACK_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/store/tables.h"

enum lack {
    LACK_NOTHING,
    LACK_UNREAD,     /* it could not be read; of a view there may be the statement */
    LACK_ON_PURPOSE, /* it was not asked for */
    LACK_UNKNOWN,    /* an older snapshot, which lacks something and does not say what; or a
                        sequence, and it may be of a dump */
};

/* Why TREE has no TABLE of SOURCE, or of a view no rows. LACK_NOTHING: it has, or there was none.
 */
enum lack lack_of(const struct stored_tree *tree, const char *source, const char *table);

/* Whether its user was not told of all tables of SOURCE, so that nobody knows whether it lacks any.
 */
bool lack_is_unseen(const struct stored_tree *tree, const char *source);

struct lacking {
    const char *snapshot;
    const char *source;
    const char *table; /* NULL: there may be any */
    enum lack why;
};

/* Zeroed at first; names are borrowed. */
struct lackings {
    struct lacking *items;
    size_t count;
};

int lackings_add(struct lackings *list, const struct lacking *item); /* 0, -ENOMEM */

/* The same of one without a table, unless it is there. */
int lackings_add_once(struct lackings *list, const struct lacking *item);

/* What of TREE could not be read. 0, -ENOMEM. */
int lackings_add_unread(struct lackings *list, const char *snapshot,
                        const struct stored_tree *tree);

/* On standard error, what was left out of one source of a snapshot in one line. */
void lackings_tell(const struct lackings *list);

/* A member "not_compared", and one "unseen". 0, -ENOMEM, -EFBIG. */
int lackings_answer(const struct lackings *list, struct buffer *output);

#endif
