/* SPDX-License-Identifier: MIT */
/*
 * Foreign keys are not looked at while rows are written: when all are there, those of the rows that
 * were written are. What rows that were not written lose is mysql_gone.c's.
 */
#include <errno.h>
#include <mysqld_error.h>
#include <string.h>

#include "backends/target/mysql_target.h"
#include "backends/target/targets.h"
#include "fs/base/memory.h"

struct mysql_place *mysql_child_place(const struct mysql_target *target,
                                      const struct mysql_reference *key)
{
    for (size_t i = 0; i < target->place_count && key->child_database == NULL; i++) {
        if (strcmp(target->places[i]->table->schema->name, key->child) == 0)
            return target->places[i];
    }
    return NULL;
}

/* How the table that KEY refers to is called now: where the key does not say so, it has the name
 * that the table will have. */
static const char *parent_of(const struct mysql_target *target, const struct mysql_reference *key)
{
    const char *now = key->parent_database == NULL ? mysql_current_name(target, key->parent) : NULL;

    return now != NULL ? now : key->parent;
}

/*
 * Rows of CHILD that KEY has refer to something, and, with a PARENT to look into, not to what is
 * there; of a table of which only some rows were written, these.
 */
static int write_orphans(const struct mysql_place *child, const struct mysql_reference *key,
                         const char *parent, struct buffer *text)
{
    int error = buffer_append_text(text, "SELECT CONCAT_WS(', '");

    if (error == 0)
        error = mysql_add_child_columns(text, key, ", ", ", ", "");
    if (error == 0)
        error = buffer_append_text(text, ") FROM ");
    if (error == 0)
        error = mysql_add_name(text, key->child);
    if (error == 0)
        error = buffer_append_text(text, " c");
    if (error == 0 && !child->whole && child->stage != NULL && child->stage_key_count != 0) {
        error = buffer_print(text, " JOIN `%s` s ON ", child->stage);
        if (error == 0)
            error = mysql_add_equal(text, child->schema, child->stage_key, child->stage_key_count,
                                    "c", "s");
    }
    if (error == 0 && parent != NULL) {
        error = buffer_append_text(text, " LEFT JOIN ");
        if (error == 0)
            error = mysql_add_table(text, key->parent_database, parent);
        if (error == 0)
            error = buffer_append_text(text, " p ON ");
        if (error == 0)
            error = mysql_add_match(text, key, "p");
    }
    if (error == 0)
        error = mysql_add_child_columns(text, key, " WHERE ", " AND ", " IS NOT NULL");
    if (error == 0 && parent != NULL) {
        error = buffer_append_text(text, " AND p.");
        if (error == 0)
            error = mysql_add_name(text, key->parent_columns[0]);
        if (error == 0)
            error = buffer_append_text(text, " IS NULL");
    }
    /* What others have committed since the transaction began counts, and stays so until it ends. */
    return error == 0 ? buffer_append_text(text, " LIMIT 1 LOCK IN SHARE MODE") : error;
}

static int ask(struct mysql_target *target, const struct mysql_place *child,
               const struct mysql_reference *key, bool parent, MYSQL_RES **ret_rows,
               struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = write_orphans(child, key, parent ? parent_of(target, key) : NULL, &text);

    if (error == 0)
        error = mysql_target_ask(target, &text, ret_rows, failure);
    buffer_release(&text);
    return error;
}

/* The table that KEY refers to cannot be looked into, as SAID says. A row that refers to nothing
 * misses nothing there. */
static int without_parent(struct mysql_target *target, const struct mysql_place *child,
                          const struct mysql_reference *key, bool is_missing,
                          const struct failure *said, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = ask(target, child, key, false, &rows, failure);

    if (error != 0 || mysql_num_rows(rows) == 0)
        return error;
    if (is_missing)
        return failure_set(failure, EINVAL,
                           "table \"%s\" refers to \"" MYSQL_TABLE_FORMAT
                           "\", which is not there; " TARGET_ORPHAN_HINT,
                           child->schema->name,
                           MYSQL_TABLE_SHOWN(key->parent_database, key->parent));
    return failure_set(failure, EACCES,
                       "table \"%s\": whether what its rows refer to is there cannot be seen: %s; "
                       "grant the right to, or say --orphans",
                       child->schema->name, said->text);
}

/* The name that it has, or will have. */
static const char *shown_parent(const struct mysql_target *target,
                                const struct mysql_reference *key)
{
    for (size_t i = 0; i < target->place_count && key->parent_database == NULL; i++) {
        if (strcmp(target->places[i]->table->schema->name, key->parent) == 0)
            return target->places[i]->schema->name;
    }
    return key->parent;
}

static int check_key(struct mysql_target *target, const struct mysql_place *child,
                     const struct mysql_reference *key, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct failure said = {.code = 0};
    int error = ask(target, child, key, true, &rows, &said);
    unsigned number = error != 0 ? mysql_errno(target->link->handle) : 0;
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    if (number == ER_NO_SUCH_TABLE || number == ER_TABLEACCESS_DENIED_ERROR ||
        number == ER_COLUMNACCESS_DENIED_ERROR)
        return without_parent(target, child, key, number == ER_NO_SUCH_TABLE, &said, failure);
    if (error != 0)
        return failure_set(failure, -error, "%s", failure_text(&said, error));
    if (row == NULL)
        return 0;
    return failure_set(failure, EINVAL,
                       "table \"%s\": a row refers to the row %.100s of \"" MYSQL_TABLE_FORMAT
                       "\", which is not there; " TARGET_ORPHAN_HINT,
                       child->schema->name, row[0] != NULL ? row[0] : "",
                       MYSQL_TABLE_SHOWN(key->parent_database, shown_parent(target, key)));
}

int mysql_check_keys(struct mysql_target *target, struct failure *failure)
{
    const struct mysql_references *keys;
    int error = mysql_own_references(target, &keys, failure);

    for (size_t i = 0; error == 0 && i < keys->count; i++) {
        const struct mysql_place *child = mysql_child_place(target, &keys->items[i]);

        if (child != NULL && child->written)
            error = check_key(target, child, &keys->items[i], failure);
    }
    return error;
}
