/* SPDX-License-Identifier: MIT */
/* A dump in several files, which share what is known of its tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"

struct dump_reader *dump_session_create(struct row_taker *taker, const char *charset)
{
    struct dump_reader *reader = malloc(sizeof *reader);

    if (reader == NULL)
        return NULL;
    dump_set_up(reader, taker);
    reader->wish = charset;
    reader->session = true;
    return reader;
}

void dump_session_free(struct dump_reader *reader)
{
    if (reader != NULL)
        dump_release(reader);
    free(reader);
}

/* The file has been read, as far as it goes. */
static int end_file(struct dump_reader *reader, int error, struct failure *own,
                    struct failure *failure)
{
    if (error == 0 && reader->window.error != 0) {
        error = dump_note_cut(reader);
        if (error == 0)
            error = failure_set(own, -reader->window.error, "%s", reader->window.failure.text);
    }
    byte_window_release(&reader->window);
    if (error != 0 && own->code != 0 && failure != NULL)
        *failure = *own;
    return error;
}

int dump_session_read(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                      const char *database, const char *table, struct failure *failure)
{
    struct failure own = {0};
    int error = dump_begin(reader, stream, &own);

    reader->place = name;
    if (error == 0)
        error = dump_use_database(reader, strdup(database));
    if (error == 0 && table != NULL)
        reader->last = dump_table_find(reader, database, table);
    if (error == 0)
        error = dump_read_all(reader, &own);
    return end_file(reader, error, &own, failure);
}

/* mydumper goes on to its end, metadata and all, when it loses the server: of a table that it could
 * not ask for any more, the file has the settings alone. */
static int note_unmade(struct dump_reader *reader, const char *name, const char *database,
                       const char *table)
{
    struct dump_table *unmade;
    struct failure why;
    int error = dump_table_add(reader, database, table, &unmade);

    if (error != 0)
        return error;
    unmade->dropped = true;
    failure_set(&why, EIO,
                "%.300s: there is no CREATE TABLE in it: what made the dump did not finish it, or "
                "the file was cut short; table %.200s is left out, and others may lack rows",
                name, table);
    reader->taker->class->trouble(reader->taker, &why);
    return 0;
}

int dump_session_read_making(struct dump_reader *reader, struct byte_stream *stream,
                             const char *name, const char *database, const char *table,
                             struct failure *failure)
{
    size_t before = reader->table_count;
    int error = dump_session_read(reader, stream, name, database, NULL, failure);

    return error != 0 || reader->table_count != before ? error
                                                       : note_unmade(reader, name, database, table);
}

int dump_session_read_loads(struct dump_reader *reader, struct byte_stream *stream,
                            const char *name, const char *database, struct failure *failure)
{
    reader->loads = true;

    int error = dump_session_read(reader, stream, name, database, NULL, failure);

    reader->loads = false;
    return error;
}

int dump_session_load(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                      const char *database, const char *table, struct failure *failure)
{
    struct dump_table *found = dump_table_find(reader, database, table);
    struct failure own = {0};

    if (found == NULL || found->failed)
        return 0;
    if (found->load == NULL)
        return dump_session_fail_table(reader, database, table,
                                       "there is a file of its rows, and no LOAD DATA for it");

    int error = dump_begin(reader, stream, &own);

    reader->place = name;
    if (error == 0)
        error = dump_load_rows(reader, found, &own);
    return end_file(reader, error, &own, failure);
}

int dump_session_fail_table(struct dump_reader *reader, const char *database, const char *table,
                            const char *words)
{
    struct dump_table *found = dump_table_find(reader, database, table);

    return found != NULL ? dump_table_lose(reader, found, words) : 0;
}

int dump_session_fail(struct dump_reader *reader, const char *words)
{
    int error = 0;

    for (size_t i = 0; i < reader->table_count && error == 0; i++)
        error = reader->tables[i]->dropped ? 0 : dump_table_lose(reader, reader->tables[i], words);
    return error;
}

/* NULL: there is none, or another. */
static struct dump_table *find_only(const struct dump_reader *reader)
{
    struct dump_table *only = NULL;

    for (size_t i = 0; i < reader->table_count; i++) {
        struct dump_table *table = reader->tables[i];

        if (table->dropped || table->kind != RELATION_TABLE)
            continue;
        if (only != NULL)
            return NULL;
        only = table;
    }
    return only;
}

int dump_session_load_tab(struct dump_reader *reader, struct byte_stream *stream, const char *name,
                          const struct dialect_wish *wish, struct failure *failure)
{
    struct dump_table *only = find_only(reader);
    struct failure own = {0};

    if (only == NULL)
        return dump_session_fail(reader,
                                 "beside what makes it stands a file of rows, and whose they "
                                 "are is not known");
    if (only->failed)
        return 0;

    int error = dump_begin(reader, stream, &own);

    reader->place = name;
    if (error == 0)
        error = dump_load_as_tab(reader, only, wish, &own);
    if (error == 0 && !only->failed)
        error = dump_load_rows(reader, only, &own);
    return end_file(reader, error, &own, failure);
}

int dump_session_expect(struct dump_reader *reader, const char *database, const char *table,
                        uint64_t rows)
{
    struct dump_table *found = dump_table_find(reader, database, table);

    if (found != NULL)
        found->rows_expected = rows;
    return 0;
}

/* Rows of a file of their own that is not there. */
static int check_rows(struct dump_reader *reader, struct dump_table *table)
{
    char words[100];

    if (table->dropped || table->failed || table->rows >= table->rows_expected)
        return 0;
    snprintf(words, sizeof words, "of %llu rows that metadata names, %llu are there",
             (unsigned long long)table->rows_expected, (unsigned long long)table->rows);
    return dump_table_lose(reader, table, words);
}

void dump_session_note_part(struct dump_reader *reader, const char *database, const char *table,
                            uint64_t number)
{
    struct dump_table *found = dump_table_find(reader, database, table);

    if (found == NULL)
        return;
    if (found->files == 0 || number < found->files_begin)
        found->files_begin = number;
    found->files++;
    if (number >= found->files_end)
        found->files_end = number + 1;
}

/*
 * mydumper numbers pieces of a key's range, from 0, and leaves the files of those out that have no
 * rows; and it numbers files of a size (-F), from 1.
 */
static void tell_gap(struct dump_reader *reader, const struct dump_table *table)
{
    uint64_t files = table->files_end - (table->files_begin == 1);
    struct failure why;

    if (table->dropped || table->failed || table->rows_expected != 0 || table->files >= files)
        return;
    failure_set(&why, ENOTUNIQ,
                "table %.300s: of %llu files of its rows, by their numbers, %llu are there: those "
                "between them had no rows, which are not written, or they did not come along, and "
                "rows are missing; the dump does not say which",
                table->name, (unsigned long long)files, (unsigned long long)table->files);
    reader->taker->class->trouble(reader->taker, &why);
}

int dump_session_end(struct dump_reader *reader, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        if (dump_load_lacks(reader->tables[i]) && !reader->tables[i]->dropped)
            error =
                dump_table_lose(reader, reader->tables[i], "not all files of its rows are there");
        if (error == 0)
            error = check_rows(reader, reader->tables[i]);
        if (error == 0)
            tell_gap(reader, reader->tables[i]);
    }
    return error != 0 ? error : dump_tell_changes(reader, failure);
}
