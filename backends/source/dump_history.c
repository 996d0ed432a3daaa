/* SPDX-License-Identifier: MIT */
/*
 * MariaDB's tables WITH SYSTEM VERSIONING. mariadb-dump --dump-history writes the rows that they
 * had as well, each with the moments between which it was there. Those that are there now show, as
 * they do of a live database; the others are told of, once a table.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

bool dump_is_row_moment(const struct dump_table *table, const char *name, bool *ret_ends)
{
    *ret_ends = table->versioned && ascii_equal(name, "row_end");
    return *ret_ends || (table->versioned && ascii_equal(name, "row_start"));
}

static bool begins(const char *text, size_t size, const char *with)
{
    return size > strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, size_t size, const char *with)
{
    return size > strlen(with) && memcmp(text + size - strlen(with), with, strlen(with)) == 0;
}

bool dump_is_for_ever(const char *text, size_t size)
{
    static const char last_transaction[] = "18446744073709551615";

    return ((begins(text, size, "2038-01-18 ") || begins(text, size, "2038-01-19 ")) &&
            ends(text, size, ":07.999999")) ||
           ((begins(text, size, "2106-02-06 ") || begins(text, size, "2106-02-07 ")) &&
            ends(text, size, ":15.999999")) ||
           (size == sizeof last_transaction - 1 && memcmp(text, last_transaction, size) == 0);
}

bool dump_is_history(const struct dump_reader *reader, const struct dump_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct cell *cell = table->columns[i].ends_row && table->shown[i] != SIZE_MAX
                                      ? &reader->cells[table->shown[i]]
                                      : NULL;

        if (cell != NULL && cell->class != CELL_NULL)
            return !dump_is_for_ever((const char *)cell->data, cell->size);
    }
    return false;
}

void dump_note_history(const struct dump_reader *reader, struct dump_table *table)
{
    if (table->history_told)
        return;
    table->history_told = true;
    dump_tell(reader, ENOEXEC,
              "rows that table %.200s had at other times are left out (it is WITH SYSTEM "
              "VERSIONING): those of the dump's moment show",
              table->name);
}
