/* SPDX-License-Identifier: MIT */
/*
 * A stretch of a dump that cannot be made out: zeros, as a crash leaves them of what was not
 * written, or rows that make no sense. Whatever could have stood in it is in doubt: the table that
 * it begins in, others that are not heard of again, and such as nobody knows of.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_damage.h"

bool dump_has_hole(const struct dump_reader *reader, const void *bytes, size_t size)
{
    static const char sector[512];
    const char *zero = memchr(bytes, '\0', size);

    if (zero == NULL || reader->ends || reader->dialect != SQL_MYSQL)
        return zero != NULL;
    return memmem(zero, size - (size_t)(zero - (const char *)bytes), sector, sizeof sector) != NULL;
}

static void note_doubt(struct dump_reader *reader)
{
    if (reader->doubted_line == 0)
        reader->doubted_line = byte_window_line(&reader->window);
}

void dump_doubt(struct dump_reader *reader)
{
    /* Behind its end nothing stood; and of several files each has rows of one table. */
    if (reader->ended || reader->session)
        return;
    if (reader->doubted_line == 0)
        dump_tell(reader, EIO,
                  "what stands here cannot be made out: tables may have stood in it, or rows of "
                  "others; look for another copy");
    note_doubt(reader);
}

/* The table that rows, or words, came last of; NULL: all of it is there. */
static struct dump_table *unfinished(const struct dump_reader *reader)
{
    struct dump_table *table = reader->last != NULL ? dump_table_whole(reader->last) : NULL;

    return table != NULL && !table->finished ? table : NULL;
}

int dump_note_senseless(struct dump_reader *reader)
{
    struct dump_table *table = unfinished(reader);

    if (reader->ended || !reader->ends)
        return 0;
    dump_doubt(reader);
    return table != NULL ? dump_table_fail(reader, table,
                                           "what ends here makes no sense, and table %s may lack "
                                           "rows",
                                           table->name)
                         : 0;
}

int dump_fail_hole(struct dump_reader *reader, struct dump_table *table)
{
    int error =
        dump_table_fail(reader, table,
                        "here are zeros within a row of table %s, which may lack rows: the file "
                        "was damaged, look for another copy",
                        table->name);

    dump_doubt(reader);
    return error;
}

int dump_note_hole(struct dump_reader *reader)
{
    struct dump_table *table = unfinished(reader);

    reader->lacks_blocks = false;
    if (reader->ended)
        return 0;
    dump_tell(reader, EIO, "here are zeros instead of statements");
    note_doubt(reader);
    return table != NULL ? dump_table_fail(reader, table,
                                           "here are zeros instead of statements, and table %s "
                                           "may lack rows",
                                           table->name)
                         : 0;
}

int dump_fail_made(struct dump_reader *reader, size_t first)
{
    int error = 0;

    for (size_t i = first; i < reader->table_count && error == 0; i++) {
        struct dump_table *table = reader->tables[i];

        if (!table->dropped && table->kind == RELATION_TABLE)
            error = dump_table_fail(reader, table, "here are zeros within what makes table %s",
                                    table->name);
    }
    return error;
}

/*
 * PostgreSQL's dumps, and those that are put together of two, have all tables first, and then their
 * rows. Of several files each has its own table's.
 */
bool dump_is_awaited(const struct dump_reader *reader, const struct dump_table *table)
{
    /* The rows of what has partitions are theirs. */
    return (reader->dialect == SQL_POSTGRES || (reader->apart && !reader->session)) &&
           !table->seen && table->part_count == 0;
}

int dump_fail_doubted(struct dump_reader *reader)
{
    char words[240];
    int error = 0;

    if (reader->doubted_line == 0)
        return 0;
    snprintf(words, sizeof words,
             "%.60s cannot be made out as a whole, at line %llu, and has no word of this table's "
             "rows, which may have stood there",
             reader->place, (unsigned long long)reader->doubted_line);
    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        struct dump_table *whole = dump_table_whole(reader->tables[i]);

        if (whole != NULL && whole->kind == RELATION_TABLE &&
            dump_is_awaited(reader, reader->tables[i]))
            error = dump_table_lose(reader, whole, words);
    }
    return error;
}
