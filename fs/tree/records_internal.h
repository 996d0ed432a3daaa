/* SPDX-License-Identifier: MIT */
/*
 * The inside of a folder of single rows:
 *
 *   records_folder   the folder: names, and changes
 *   records_listing  the same, listed
 *   record_file      a row's file
 *   records_seen     as what a row was read last
 */
#ifndef CRMFS_TREE_RECORDS_INTERNAL_H
#define CRMFS_TREE_RECORDS_INTERNAL_H

#include "fs/table/record_name.h"
#include "fs/tree/records_folder.h"

#define RECORD_ENDING ".json"
#define RECORD_ENDING_SIZE (sizeof RECORD_ENDING - 1)
#define RECORD_FILE_NAME_SIZE (RECORD_NAME_MOST + RECORD_ENDING_SIZE + 1)

/* What stat and a listing show of a row. */
uint64_t records_shown_inode(uint64_t seed, const struct record *record);

/* Gives back all of what the class's view gave. */
void records_leave(struct records_folder *folder, struct records_view *view);

/* ---- records_seen.c: safe from several threads at once; SEEN may be NULL, but for forget ---- */

struct records_seen *records_seen_create(void); /* NULL: no memory */
void records_seen_free(struct records_seen *seen);

/* The row whose name has that hash was read, and was DIGEST. */
void records_seen_note(struct records_seen *seen, uint64_t name_hash, uint64_t digest);

/* As what it was last read, if that was within RECORDS_SEEN_NS; else OTHERWISE. */
uint64_t records_seen_find(struct records_seen *seen, uint64_t name_hash, uint64_t otherwise);

/* The row with the file name STEM (without ".json") was written: who did so knows what it is. */
void records_seen_forget(struct records_seen *seen, const char *stem);

/* ---- record_file.c ---- */

/* The file NAME of RECORD as it is in VIEW. 0, -ENOMEM, or as the rows' attributes. */
int record_file_create(struct records_folder *folder, const struct records_view *view,
                       const char *name, const struct record *record, struct node **ret_node,
                       struct failure *failure);

/*
 * The row of that name (STEM: without its ending), if its database alone is to be asked for it;
 * with RET_NODE its file, too. -EAGAIN: the view is to be asked; -ENOENT, -ENOMEM, or as peek.
 */
int record_file_peek(struct records_folder *folder, const char *name, const char *stem,
                     const struct caller *caller, struct record *ret_record,
                     struct node **ret_node);

/* ---- records_listing.c ---- */

/* A node class's list. */
int records_listing_create(struct node *node, const struct caller *caller,
                           struct listing **ret_listing, struct failure *failure);

#endif
