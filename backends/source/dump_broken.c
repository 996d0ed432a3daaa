/* SPDX-License-Identifier: MIT */
/*
 * Tables that the program which made the dump could not read to their ends, and went on from
 * (mysqldump --force). It shows in two ways: its LOCK TABLES has no UNLOCK TABLES behind it, and
 * what it said of that on standard error may have gone into the dump:
 *
 *   mariadb-dump: Error 2013: Lost connection to server … when dumping table `c` at row: 2844
 */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define PATH_MOST 80 /* of a program; so much of the dump is there where a statement begins */

/* --- locks -------------------------------------------------------------------------------- */

int dump_lock_broken(struct dump_reader *reader)
{
    struct dump_table *table = reader->locked;

    reader->locked = NULL;
    return table != NULL && !table->dropped
               ? dump_table_fail(reader, table,
                                 "the rows of table %s ended without UNLOCK TABLES: the program "
                                 "that made the dump broke off in them, and went on (--force): it "
                                 "may lack rows, look for another dump",
                                 table->name)
               : 0;
}

/* LEXER stands behind LOCK. */
static int take_lock(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    int error = dump_lock_broken(reader);

    if (error != 0 || (!sql_accept(lexer, "TABLES") && !sql_accept(lexer, "TABLE")))
        return error;
    error = dump_take_name(lexer, &database, &name);
    if (error == 0)
        reader->locked = dump_table_find(reader, database, name);
    if (reader->locked != NULL)
        dump_announce(reader, reader->locked);
    return error == -EILSEQ ? 0 : error;
}

int dump_note_lock(struct dump_reader *reader, const struct sql_token *word, struct sql_lexer lexer)
{
    /* What those programs write next behind a table's rows, which are between both. */
    static const char *const others[] = {"CREATE", "DROP", "USE"};

    if (!reader->in_turn)
        return 0;
    if (sql_is(word, "LOCK"))
        return take_lock(reader, &lexer);
    if (sql_is(word, "UNLOCK"))
        reader->locked = NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (sql_is(word, others[i]))
            return dump_lock_broken(reader);
    }
    return 0;
}

/* --- what the program said ---------------------------------------------------------------- */

static bool is_program(const char *name, size_t size)
{
    static const char *const programs[] = {"mysqldump", "mariadb-dump", "pg_dump", "pg_dumpall",
                                           "pg_restore"};
    static const char windows[] = ".exe";
    size_t ending = sizeof windows - 1;

    if (size > ending && strncasecmp(name + size - ending, windows, ending) == 0)
        size -= ending;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (strlen(programs[i]) == size && memcmp(programs[i], name, size) == 0)
            return true;
    }
    return false;
}

bool dump_at_program_line(const struct dump_reader *reader)
{
    const struct byte_window *window = &reader->window;
    const char *at = (const char *)window->data + window->at;
    size_t left = window->end - window->at;
    const char *end = at + (left < PATH_MOST ? left : PATH_MOST);
    const char *name = at;

    /* Its path, as far as a word goes. */
    for (; at < end && *at != ':'; at++) {
        if (strchr(" \t\r\n'\"`(;", *at) != NULL)
            return false;
        name = *at == '/' || *at == '\\' ? at + 1 : name;
    }
    return end - at >= 2 && at[1] == ' ' && is_program(name, (size_t)(at - name));
}

static bool says_any(const char *line, const char *const *words)
{
    while (*words != NULL && strcasestr(line, *words) == NULL)
        words++;
    return *words != NULL;
}

/* "… when dumping table `c` at row: 2844". NULL: none is named, or it is not known. */
static struct dump_table *named_in(struct dump_reader *reader, const char *line)
{
    static const char mark[] = "dumping table ";
    const char *found = strstr(line, mark);
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    if (found == NULL)
        return NULL;
    found += sizeof mark - 1;

    struct sql_lexer lexer = dump_lexer(reader, found, strlen(found));

    return dump_take_name(&lexer, &database, &name) == 0 ? dump_table_find(reader, database, name)
                                                         : NULL;
}

int dump_take_program_line(struct dump_reader *reader, struct failure *failure)
{
    static const char *const errors[] = {"error", "couldn't", "can't", "cannot", "failed", NULL};
    static const char *const warnings[] = {"warning", "deprecated", NULL};
    int error = dump_read_line(reader, failure);
    const char *line = (const char *)reader->statement.data;
    struct dump_table *table;

    if (error != 0 || !says_any(line, errors) || says_any(line, warnings))
        return error;
    /* Of MySQL 8 and a user without PROCESS, and no table's matter. */
    if (strstr(line, "dump tablespaces") != NULL) {
        dump_tell(reader, ENOEXEC, "what made the dump says: %.300s", line);
        return 0;
    }
    table = named_in(reader, line);
    if (table == NULL) {
        dump_tell(reader, EIO, "what made the dump says: %.300s", line);
        return 0;
    }
    if (table == reader->locked)
        reader->locked = NULL;
    return dump_table_fail(reader, table,
                           "what made the dump could not read table %.200s to its end, and says: "
                           "%.300s; look for another dump",
                           table->name, line);
}
