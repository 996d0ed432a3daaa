/* SPDX-License-Identifier: MIT */
/*
 * Which tables' rows are in the dump, as it says itself, even of those that have none:
 *
 *   -- Data for Name: contacts; Type: TABLE DATA; Schema: public; Owner: crm      pg_dump
 *   -- Dumping data for table `contacts`                                          mysqldump
 *   LOCK TABLES `contacts` WRITE;                                                 … or only this
 *
 * A table of which it does not, where it does of others, was dumped without its rows: nobody knows
 * whether it has any. So were all of them, where a program that would say it does so of none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "fs/base/memory.h"

#define LINE_MOST 1024 /* names have at most 64 letters each */

void dump_announce(struct dump_reader *reader, struct dump_table *table)
{
    table->seen = true;
    reader->last = table;
    reader->announces = true;
}

void dump_note_unannounced(struct dump_reader *reader, const struct dump_table *table)
{
    reader->unannounced = reader->unannounced || !table->seen;
}

/* Behind MARK, if that stands there; else NULL. */
static const char *behind(const char *text, const char *mark)
{
    size_t size = strlen(mark);

    return strncmp(text, mark, size) == 0 ? text + size : NULL;
}

/* LINE is behind pg_dump's "-- ": version 7.4 has "Data for TOC entry …" in a line before. */
static void take_postgres(struct dump_reader *reader, const char *line)
{
    static const char type[] = "; Type: TABLE DATA; Schema: ";
    const char *name = behind(line, "Data for Name: ");
    const char *end;
    const char *schema;

    if (name == NULL)
        name = behind(line, "Name: ");
    end = name != NULL ? strstr(name, type) : NULL;
    if (end == NULL)
        return;
    schema = end + sizeof type - 1;

    cleanup_free char *table_name = strndup(name, (size_t)(end - name));
    cleanup_free char *schema_name = strndup(schema, strcspn(schema, ";"));
    struct dump_table *table = table_name != NULL && schema_name != NULL
                                   ? dump_table_find(reader, schema_name, table_name)
                                   : NULL;

    if (table != NULL)
        dump_announce(reader, table);
    /* In a comment a line's end is a blank, and letters are in the dump's character set. */
    else if (table_name == NULL || strchr(table_name, ' ') != NULL ||
             dump_has_high_byte((const uint8_t *)table_name, strlen(table_name)))
        reader->unannounced = true;
}

static void take_mysql(struct dump_reader *reader, const char *line)
{
    const char *name = behind(line, "Dumping data for table ");
    cleanup_free char *database_name = NULL;
    cleanup_free char *table_name = NULL;
    struct dump_table *table = NULL;

    if (name == NULL)
        return;

    struct sql_lexer lexer = dump_lexer(reader, name, strlen(name));

    if (dump_take_name(&lexer, &database_name, &table_name) == 0)
        table = dump_table_find(reader, database_name, table_name);
    if (table != NULL)
        dump_announce(reader, table);
    else
        reader->unannounced = true;
}

int dump_take_data_mark(struct dump_reader *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    bool is_postgres = reader->dialect == SQL_POSTGRES && reader->ends;
    int error = 0;

    if ((!is_postgres && !reader->in_turn) || !dump_stands_here(reader, "-- "))
        return 0;
    if (dump_stands_here(reader, "-- Data for ") || dump_stands_here(reader, "-- Name: ") ||
        dump_stands_here(reader, "-- Dumping data for table "))
        error = byte_window_want(window, LINE_MOST, failure);
    else
        return 0;
    if (error != 0)
        return error;

    const char *text = (const char *)window->data + window->at;
    size_t left = window->end - window->at;
    const char *end = memchr(text, '\n', left < LINE_MOST ? left : LINE_MOST);
    cleanup_free char *line = end != NULL ? strndup(text, (size_t)(end - text)) : NULL;

    if (line == NULL)
        return end != NULL ? -ENOMEM : 0;
    line[strcspn(line, "\r")] = '\0';
    (is_postgres ? take_postgres : take_mysql)(reader, line + strlen("-- "));
    return 0;
}

/* Whether all rows of the table, if it has any, were left out. */
static bool is_left_out(const struct dump_table *table)
{
    return table->kind == RELATION_TABLE && !table->seen && table->part_count == 0 &&
           (!table->dropped || table->whole != NULL);
}

/* Whether it would say it of each table whose rows it has, or would have, and has said nothing. */
static bool has_no_word(const struct dump_reader *reader)
{
    bool would =
        reader->of_shell || (reader->ends && (reader->in_turn || reader->dialect == SQL_POSTGRES));

    return would && !reader->announces && !reader->has_rows;
}

/* How the table's rows come to be left out, or those of all tables. */
static const char *options_for(const struct dump_reader *reader, const struct dump_table *table)
{
    if (table->divided)
        return "--table, --exclude-table: its partitions would have them";
    if (!reader->announces)
        return "--no-data, --schema-only), or they are in files of their own (--tab, MySQL Shell";
    return reader->dialect == SQL_POSTGRES
               ? "--exclude-table-data, --no-unlogged-table-data"
               : "--ignore-table-data, a second dump with --no-data, or an engine that keeps none "
                 "there";
}

int dump_leave_out_rows(struct dump_reader *reader)
{
    bool says = reader->announces || has_no_word(reader);
    int error = 0;

    if (!says || reader->unannounced || reader->doubted_line != 0)
        return 0;
    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        struct dump_table *table = reader->tables[i];
        struct dump_table *whole = is_left_out(table) ? dump_table_whole(table) : NULL;
        char words[400];

        if (whole == NULL)
            continue;
        snprintf(words, sizeof words,
                 "%s%.100s%sthe dump has none of its rows, if it has any: it was made without them "
                 "(%s)",
                 whole != table ? "of its partition " : "", whole != table ? table->name : "",
                 whole != table ? " " : "", options_for(reader, table));
        error = dump_table_leave_out(reader, whole, words);
    }
    return error;
}
