/* SPDX-License-Identifier: MIT */
/*
 * What `pg_restore --list` prints of a dump, read for what stands in which file of its folder:
 *
 *   ; Archive created at 2026-11-20 08:11:12 UTC          a comment
 *   3325; 0 16386 TABLE DATA public contacts postgres     its rows are in 3325.dat
 */
#ifndef CRMFS_SOURCE_PG_LIST_H
#define CRMFS_SOURCE_PG_LIST_H

#include <stddef.h>

#include "backends/source/byte_stream.h"

#define PG_ENTRIES_MOST ((size_t)1 << 20)

struct pg_list {
    unsigned long *numbers; /* of entries that may have a file, in the order of the list */
    size_t count;
    size_t capacity;
};

/* LIST is all zeros; the caller releases it, in any case. -EFBIG: more than PG_ENTRIES_MOST. */
int pg_list_read(struct byte_stream *stream, struct pg_list *list, struct failure *failure);
void pg_list_release(struct pg_list *list);

/* Whether NAME, without folders, is such a file ("3325.dat", compressed or not), and of which. */
bool pg_file_of(const char *name, unsigned long *ret_number);

#endif
