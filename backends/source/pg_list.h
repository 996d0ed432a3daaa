/* SPDX-License-Identifier: MIT */
/*
 * What `pg_restore --list` prints of a dump, read for what stands in which file of its folder:
 *
 *   ; Archive created at 2026-11-20 08:11:12 UTC          a comment
 *   3325; 0 16386 TABLE DATA public contacts postgres     its rows are in 3325.dat
 *
 * pg_restore ends at the first file that is not there. Told what to leave out, it goes on.
 */
#ifndef CRMFS_SOURCE_PG_LIST_H
#define CRMFS_SOURCE_PG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/byte_stream.h"

#define PG_ENTRIES_MOST ((size_t)1 << 20)
#define PG_LACKS_MOST ((size_t)1 << 13)

/* What is to be had of a file of rows. */
enum pg_file_state {
    PG_FILE_WHOLE,
    PG_FILE_MISSING, /* … or it cannot be read */
    PG_FILE_CUT,     /* it lacks the end that pg_dump gives to each */
    PG_FILE_DAMAGED,
};

/* Rows that are left out. */
struct pg_lack {
    unsigned long number;
    enum pg_file_state state;
    char *table; /* as it is listed: "public contacts postgres" */
};

struct pg_list {
    unsigned long *numbers; /* of entries that can be read, in the order of the list */
    size_t count;
    size_t capacity;
    struct pg_lack *lacks;
    size_t lack_count;
    bool partial; /* some are left out */
};

/* Which files there are. */
struct pg_files {
    enum pg_file_state (*look)(const struct pg_files *files, unsigned long number);
};

/*
 * Leaves out rows without a file, or without a whole one, and large objects, which no table has.
 * LIST is all zeros; the caller releases it, in any case. -EFBIG: more than PG_ENTRIES_MOST, or
 * PG_LACKS_MOST.
 */
int pg_list_read(struct byte_stream *stream, const struct pg_files *files, struct pg_list *list,
                 struct failure *failure);
void pg_list_release(struct pg_list *list);

/* What can be read as a file for --use-list: a descriptor, the caller's. -errno. */
int pg_list_file(const struct pg_list *list);

/* --- pg_file ------------------------------------------------------------------------------- */

/* How many digits TEXT begins with; 0 where they are too many for a number. */
size_t pg_take_number(const char *text, size_t size, unsigned long *ret_number);

/* Whether NAME, without folders, is such a file ("3325.dat", compressed or not), and of which. */
bool pg_file_of(const char *name, unsigned long *ret_number);

/*
 * How each ends, rows or none: two empty lines, or behind COPY's end. Of statements, INSERT,
 * nothing else tells that they are all there.
 */
#define PG_FILE_END "\n\n"
#define PG_FILE_END_BYTES 2

/* How it stands in FOLDER: at its end, or, THOROUGH, at all of it, which takes a while. */
enum pg_file_state pg_file_look(const char *folder, unsigned long number, bool thorough);

#endif
