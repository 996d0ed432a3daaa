/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot, or a restore, lacks of its sources though nobody asked for that: views that
 * their database cannot show, parts of an archive that cannot be read.
 */
#ifndef CRMFS_TOOLS_LEFT_OUT_H
#define CRMFS_TOOLS_LEFT_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "tools/answer.h"

struct left_out_item {
    char *source; /* NULL: a part of an archive, which WHY names */
    char *table;
    char *why;
};

/* Zeroed at first. */
struct left_out {
    struct left_out_item *items;
    size_t count;
    bool forgot; /* there was no memory for one */
};

/* Notes one, unless it is noted already: a source may be read again. SOURCE, TABLE may be NULL. */
void left_out_add(struct left_out *list, const char *source, const char *table, const char *why);

/* The same of a table that could not be read when its snapshot was taken: warns of it, too. */
void left_out_tell_unread(struct left_out *list, const char *source, const char *table);

/* The same of files/. */
void left_out_tell_unread_files(struct left_out *list);

/* Whether anything was left out. */
bool left_out_any(const struct left_out *list);

void left_out_clear(struct left_out *list);

/* A member "left_out" of an answer. */
void left_out_answer(const struct left_out *left_out, struct answer *answer);

/*
 * output_end() with its SENTENCE; where something IS LACKING, says on standard error that what was
 * wanted is DONE ("restored") without it. The exit status.
 */
int left_out_end(bool is_lacking, const char *done, const char *sentence);

#endif
