/* SPDX-License-Identifier: MIT */
/* What a listing of snapshots says of each beyond its record: what it lacks, what files/ weighs. */
#ifndef CRMFS_TOOLS_CONTENT_H
#define CRMFS_TOOLS_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/files/weigh.h"
#include "fs/store/tables.h"
#include "tools/answer.h"
#include "tools/opened_store.h"

struct content {
    bool is_known; /* the tree is: what is damaged must not keep the others from being listed */
    struct stored_tree tree;
    bool has_files;
    bool files_known;
    struct files_weight files;
};

/* Of each of the state's snapshots, in its order. */
struct contents {
    size_t count;
    struct content *items;
    bool any_files;
    struct content now; /* files/ as it is; without a tree */
};

/* 0 or -ENOMEM; the caller releases it. */
int contents_read(const struct opened_store *opened, struct contents *ret_contents);
void contents_release(struct contents *contents); /* zeroed is allowed */

/* The members "partial", "lacks_files", "lacking", "unseen", "on_purpose", "files" and
 * "files_bytes", null where it is not known. */
void content_answer(const struct content *content, struct answer *answer);
void content_answer_files(const struct content *content, struct answer *answer);

/* "(in part: crm/view)"; "" of a whole one, and "?" where it is not known. Cut where it is full. */
const char *content_lacking(const struct content *content, char *text, size_t size);

/* "12.3 KiB", "-" without files/, "?" where it is not known. */
const char *content_files(const struct content *content, char *text);

#endif
