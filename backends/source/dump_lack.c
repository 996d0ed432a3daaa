/* SPDX-License-Identifier: MIT */
/* Rows of PostgreSQL's tables whose file is not there, or not whole: pg_restore was told to leave
 * them out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/pg_list.h"

/* Behind NAME and a blank; a line's end in a name is listed as a blank, too. NULL: another stands
 * there. */
static const char *behind_name(const char *listed, const char *name)
{
    for (; *name != '\0'; name++, listed++) {
        char sign = *name == '\n' || *name == '\r' ? ' ' : *name;

        if (*listed != sign)
            return NULL;
    }
    return *listed == ' ' ? listed + 1 : NULL;
}

/* "public contacts postgres": where names have blanks in them, more than one table may be meant. */
static bool is_of(const struct dump_table *table, const char *listed)
{
    const char *name = behind_name(listed, table->database);

    return name != NULL && behind_name(name, table->name) != NULL;
}

static int fail_lacking(struct dump_reader *reader, const struct pg_lack *lack)
{
    static const char *const states[] = {
        [PG_FILE_MISSING] = "is not there, or cannot be read",
        [PG_FILE_CUT] = "ends without the end that it should have: it was cut short",
        [PG_FILE_DAMAGED] = "is damaged, or was cut short",
    };
    char words[120];
    bool found = false;
    int error = 0;

    snprintf(words, sizeof words, "the file of its rows, %lu.dat, %s", lack->number,
             states[lack->state]);
    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        struct dump_table *table = dump_table_whole(reader->tables[i]);

        if (!is_of(reader->tables[i], lack->table))
            continue;
        found = true;
        if (table != NULL)
            error = dump_table_lose(reader, table, words);
    }
    if (!found)
        dump_tell(reader, EIO, "%.200s: the file of these rows, %lu.dat, %s", lack->table,
                  lack->number, states[lack->state]);
    return error;
}

int dump_fail_lacking(struct dump_reader *reader)
{
    size_t count = reader->list != NULL ? reader->list->lack_count : 0;
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++)
        error = fail_lacking(reader, &reader->list->lacks[i]);
    return error;
}
