/* SPDX-License-Identifier: MIT */
/*
 * Foreign keys of other databases of the server that refer to tables of the target. No source
 * shows them, but a row that is deleted would take theirs along (ON DELETE CASCADE), or leave them
 * without what they refer to. Those of tables on which the user has no right at all are not seen.
 */
#include <errno.h>
#include <string.h>

#include "backends/target/mysql_target.h"
#include "fs/base/memory.h"

enum { OUTSIDE_PARENT, OUTSIDE_SHOWN, OUTSIDE_CHILD, OUTSIDE_JOIN, OUTSIDE_NOT_NULL, OUTSIDE_LOST };

#define QUOTED(name) "'`', REPLACE(" name ", '`', '``'), '`'"
#define LIST(what, between) \
    "GROUP_CONCAT(CONCAT(" what ") ORDER BY ORDINAL_POSITION SEPARATOR '" between "')"

/* For each key: the table it refers to, the one that it is of, and parts of statements. */
static const char question[] =
    "SELECT MIN(REFERENCED_TABLE_NAME), CONCAT(MIN(TABLE_SCHEMA), '.', MIN(TABLE_NAME)), "
    "CONCAT(" QUOTED("MIN(TABLE_SCHEMA)") ", '.', " QUOTED("MIN(TABLE_NAME)") "), " LIST(
        "'p.', " QUOTED("REFERENCED_COLUMN_NAME") ", ' = c.', " QUOTED("COLUMN_NAME"),
        " AND ") ", " LIST("'c.', " QUOTED("COLUMN_NAME") ", ' IS NOT NULL'",
                           " AND ") ", " LIST("'p.', " QUOTED("REFERENCED_COLUMN_NAME") ", ' IS NULL'",
                                              " AND ") " FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE() "
                                                       "AND TABLE_SCHEMA <> DATABASE() "
                                                       "GROUP BY BINARY TABLE_SCHEMA, BINARY TABLE_NAME, BINARY CONSTRAINT_NAME";

/* Asked once, as it reads the definitions of all tables that the user sees. */
static int ask(struct mysql_target *target, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error;

    if (target->outside != NULL)
        return 0;
    error =
        mysql_do(target->source, target->link, failure, "SET SESSION group_concat_max_len = 65536");
    if (error == 0)
        error = buffer_append_text(&text, question);
    if (error == 0)
        error = mysql_target_ask(target, &text, &target->outside, failure);
    buffer_release(&text);
    return error;
}

/* The next key that refers to PARENT. */
static MYSQL_ROW next(struct mysql_target *target, const struct schema *parent)
{
    MYSQL_ROW row;

    do
        row = mysql_fetch_row(target->outside);
    while (row != NULL && strcmp(row[OUTSIDE_PARENT], parent->name) != 0);
    return row;
}

int mysql_visit_outside(struct mysql_target *target, const struct schema *parent,
                        mysql_outside_visit *visit, void *context, struct failure *failure)
{
    int error = ask(target, failure);
    MYSQL_ROW row;

    if (error != 0)
        return error;
    mysql_data_seek(target->outside, 0);
    while (error == 0 && (row = next(target, parent)) != NULL) {
        cleanup_buffer struct buffer from = BUFFER(MYSQL_STATEMENT_LIMIT);

        error = buffer_print(&from, "%s c JOIN ", row[OUTSIDE_CHILD]);
        if (error == 0)
            error = mysql_add_name(&from, parent->name);
        if (error == 0)
            error = buffer_print(&from, " p ON %s", row[OUTSIDE_JOIN]);
        if (error == 0)
            error = buffer_append(&from, "", 1);
        if (error == 0)
            error = visit(context, row[OUTSIDE_SHOWN], (const char *)from.data, failure);
    }
    return error;
}

static int check_key(struct mysql_target *target, MYSQL_ROW key, const struct schema *parent,
                     struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_print(&text, "SELECT 1 FROM %s c LEFT JOIN ", key[OUTSIDE_CHILD]);

    if (error == 0)
        error = mysql_add_name(&text, parent->name);
    if (error == 0)
        error = buffer_print(&text, " p ON %s WHERE %s AND %s LIMIT 1 LOCK IN SHARE MODE",
                             key[OUTSIDE_JOIN], key[OUTSIDE_NOT_NULL], key[OUTSIDE_LOST]);
    if (error == 0)
        error = mysql_target_ask(target, &text, &rows, failure);
    buffer_release(&text);
    if (error != 0 || mysql_num_rows(rows) == 0)
        return error;
    return failure_set(failure, EINVAL,
                       "table \"%s\": rows of \"%s\" refer to some that would not be there",
                       parent->name, key[OUTSIDE_SHOWN]);
}

static int check_table(struct mysql_target *target, const struct schema *parent,
                       struct failure *failure)
{
    int error = ask(target, failure);
    MYSQL_ROW row;

    if (error != 0)
        return error;
    mysql_data_seek(target->outside, 0);
    while (error == 0 && (row = next(target, parent)) != NULL)
        error = check_key(target, row, parent, failure);
    return error;
}

int mysql_check_outside(struct mysql_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        if (target->places[i]->deleted != 0)
            error = check_table(target, target->places[i]->schema, failure);
    }
    return error;
}
