/* SPDX-License-Identifier: MIT */
/*
 * Files that are being written into a folder that turns them into something else: rows of a table.
 * A draft is applied when it is whole: when the process that wrote it closes it, or when it is
 * renamed to a name that means something. Until then it changes nothing; one whose writer was
 * killed, or ended without closing it, never does.
 *
 *   create --write--> DIRTY --close by the writer--> applied, and gone
 *                       |                      \---> a name that means nothing: CLEAN
 *                       |--last close by others----> abandoned, and gone
 *   CLEAN --rename----> applied, and gone           (… or it fails: as it was)
 *
 * Safe from several threads at once; one draft of a folder is applied at a time.
 */
#ifndef CRMFS_TREE_DRAFTS_H
#define CRMFS_TREE_DRAFTS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/tree/node.h"
#include "fs/tree/staging.h"

/* A file that is whole. */
struct draft_content {
    const char *name;
    struct staging *staging;
    bool renamed;         /* to this name: whoever wrote it has said that it is all there */
    bool based;           /* it takes the place of something … */
    uint64_t base_digest; /* … whose content had this digest */
};

struct drafts_class {
    /* Whether a file of that name is applied; others are kept until they are renamed. */
    bool (*means)(void *context, const char *name);
    /* 0, or -errno in words, and nothing has changed. */
    int (*apply)(void *context, const struct draft_content *content, const struct caller *caller,
                 struct failure *failure);
    /* A file was not whole when it was closed for the last time; its words. */
    void (*abandoned)(void *context, const char *name, const struct failure *why);
};

struct drafts;

/* PATH: of the folder, copied. CONTEXT and SPOOL outlive the drafts. 0 or -ENOMEM. */
int drafts_create(const struct drafts_class *class, void *context, struct spool *spool,
                  const char *path, struct drafts **ret_drafts);

/* After all its nodes and handles. NULL is allowed. */
void drafts_free(struct drafts *drafts);

/* The draft called NAME, with a reference; -ENOENT. */
int drafts_find(struct drafts *drafts, const char *name, struct node **ret_node);

/* A new draft, instead of one of that name, open for writing. */
int drafts_make(struct drafts *drafts, const char *name, struct node **ret_node,
                struct handle **ret_handle, struct failure *failure);

/*
 * A handle for writing what takes the place of something called NAME, of BASE_DIGEST; it begins
 * with what FROM (an open file; NULL: nothing) holds. It is listed nowhere.
 */
int drafts_replace(struct drafts *drafts, const char *name, uint64_t base_digest,
                   struct handle *from, struct handle **ret_handle, struct failure *failure);

/* -ENOENT: there is no such draft. */
int drafts_remove(struct drafts *drafts, const char *name);
int drafts_rename(struct drafts *drafts, const char *name, const char *new_name,
                  const struct caller *caller, struct failure *failure);

/* The names of the drafts, for a listing: a copy, each ended by NUL, then an empty one; the
 * caller's to free. NULL: no memory. */
char *drafts_names(struct drafts *drafts, size_t *ret_count);

#endif
