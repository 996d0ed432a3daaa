/* SPDX-License-Identifier: MIT */
/*
 * What mysqldump --tab writes: two files a table, contacts.sql with what makes it, and contacts.txt
 * with its rows, each compressed or not. Which files these are is known by their names when all
 * have been noted; whether they are that, by what stands in the first. They are joined into one
 * table.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_TAB_H
#define CRMFS_SOURCE_ARCHIVE_TAB_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"

struct archive_tabs;
struct archive_walk;
struct looked_stream;

int archive_tabs_create(struct archive_tabs **ret_tabs); /* 0 or -ENOMEM */
void archive_tabs_free(struct archive_tabs *tabs);       /* NULL is allowed */

/* PASS_NAMES met a member. 0 or -ENOMEM. */
int archive_tabs_note(struct archive_tabs *tabs, const char *name);

/* Whether two files of one name are there, or what has been noted looks as if there were. */
bool archive_tabs_any(const struct archive_tabs *tabs);
bool archive_tabs_likely(const struct archive_tabs *tabs);

/* Whether NAME may say what a table is like whose rows stand beside it, or should: PASS_TABLES
 * reads it. */
bool archive_tabs_makes(const struct archive_tabs *tabs, const char *name);

/* *ret_taken: LOOKED, the member NAME, PACKED or not, is one of the two, and has been read if this
 * is the pass. */
int archive_tabs_read(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                      bool packed, bool *ret_taken, struct failure *failure);

/* The file NAME is there, and has not a byte. */
void archive_tabs_take_empty(struct archive_tabs *tabs, const char *name);

/* All is read: tables whose rows are not fail. */
int archive_tabs_end(struct archive_tabs *tabs, struct failure *failure);

/* Whether such files stand in the folder PATH, and no backup beside them that is one by itself. */
bool archive_tab_is_folder(const char *path);

/* --- inside ---------------------------------------------------------------------------- */

#define ARCHIVE_TAB_SCHEMA_MOST ((size_t)64 << 10) /* what makes one table is no longer */

/* Whether NAME, without the ending of a compression, has ENDING. */
bool archive_tab_is_called(const char *name, const char *ending);

/* NAME without both endings, the caller's; NULL: it has not those, or no memory. */
char *archive_tab_stem(const char *name);

/*
 * Whether TEXT, all of a file, is what makes a table for MySQL, without rows: TABLE, unless that
 * has letters of its name written as file systems take them, '-' as @002d.
 */
bool archive_tab_is_schema(const void *text, size_t size, const char *table);

#endif
