/* SPDX-License-Identifier: MIT */
/* Comments that say something: where a dump begins and ends, and when; that it is damaged. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"

#define LINE_SIZE 80

#define DATE_MARK "-- 0000-00-00 00:00:00" /* 0: any digit */

static bool at_date(const struct dump_reader *reader)
{
    static const char mark[] = DATE_MARK;
    const struct byte_window *window = &reader->window;
    const char *at = (const char *)window->data + window->at;
    size_t size = sizeof mark - 1;
    size_t i = 0;

    if (!reader->ends_dated || window->end - window->at < size)
        return false;
    while (i < size && (mark[i] == '0' ? at[i] >= '0' && at[i] <= '9' : at[i] == mark[i]))
        i++;
    return i == size;
}

/* What dump programs write when all is written. */
static bool at_end_mark(const struct dump_reader *reader)
{
    return at_date(reader) || dump_stands_here(reader, "-- Dump completed") ||
           (!reader->ends_late &&
            dump_stands_here(reader, "-- PostgreSQL database dump complete")) ||
           dump_stands_here(reader, "-- PostgreSQL database cluster dump complete");
}

/* What they write first: one dump may stand behind another in one file. */
static bool at_begin_mark(const struct dump_reader *reader)
{
    return dump_stands_here(reader, "-- MySQL dump ") ||
           dump_stands_here(reader, "-- MariaDB dump ") ||
           (dump_stands_here(reader, "-- PostgreSQL database dump") &&
            !dump_stands_here(reader, "-- PostgreSQL database dump complete"));
}

/* The end of the one before does not count; and if that had no rows, all that follow are apart. */
static void note_begin(struct dump_reader *reader)
{
    reader->ended = false;
    reader->apart = reader->apart || (reader->table_count != 0 && !reader->has_rows);
}

/* "-- Dump completed on 2019-03-01  2:00:00", or the date alone, taken for UTC. */
static void note_moment(struct dump_reader *reader)
{
    char line[LINE_SIZE];
    const struct byte_window *window = &reader->window;
    size_t left = window->end - window->at;
    size_t size = left < sizeof line ? left : sizeof line - 1;
    struct tm parts = {.tm_sec = 0};

    memcpy(line, window->data + window->at, size);
    line[size] = '\0';
    line[strcspn(line, "\n")] = '\0';

    const char *on = strstr(line, " on ");
    const char *date = on != NULL ? on + 4 : line + 3;
    const char *end =
        on != NULL || at_date(reader) ? strptime(date, "%Y-%m-%d %H:%M:%S", &parts) : NULL;

    if (end != NULL)
        reader->taker->class->moment(reader->taker, (struct timespec){.tv_sec = timegm(&parts)});
}

/* sqlite3 goes on with a damaged database, as far as it can, and says so in a comment. */
static int note_corruption(struct dump_reader *reader)
{
    struct dump_table *table = reader->last != NULL ? dump_table_whole(reader->last) : NULL;

    if (reader->dialect != SQL_SQLITE || table == NULL ||
        !dump_stands_here(reader, "/****** CORRUPTION ERROR"))
        return 0;
    return dump_table_fail(reader, table,
                           "the database was damaged when the dump was made, and table %s lacks "
                           "rows: look for another dump",
                           table->name);
}

int dump_take_mark(struct dump_reader *reader, struct failure *failure)
{
    bool begins = at_begin_mark(reader);
    bool ends = at_end_mark(reader);
    int error = begins || ends ? dump_lock_broken(reader) : 0;

    if (begins)
        note_begin(reader);
    if (ends) {
        reader->ended = true;
        note_moment(reader);
    }
    if (error == 0)
        error = dump_take_data_mark(reader, failure);
    return error != 0 ? error : note_corruption(reader);
}
