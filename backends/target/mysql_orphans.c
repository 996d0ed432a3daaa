/* SPDX-License-Identifier: MIT */
/*
 * Foreign keys are not looked at while rows are written: when all are there, those of and to the
 * tables that were written are.
 */
#include <errno.h>
#include <string.h>

#include "backends/target/mysql_target.h"
#include "backends/target/targets.h"
#include "fs/base/memory.h"

static struct mysql_place *find_place(const struct mysql_target *target, const char *name)
{
    for (size_t i = 0; i < target->place_count; i++) {
        if (strcmp(target->places[i]->schema->name, name) == 0)
            return target->places[i];
    }
    return NULL;
}

const char *mysql_key_target(const struct foreign_key *key, const struct schema *parent,
                             size_t index)
{
    if (key->target_columns != NULL)
        return key->target_columns[index];
    return index < parent->primary_key_count ? parent->columns[parent->primary_key[index]].name
                                             : "";
}

/*
 * Rows of CHILD that miss what KEY refers to; of a table of which only some rows were written,
 * these.
 */
static int write_orphans(const struct mysql_place *child, const struct foreign_key *key,
                         const struct mysql_place *parent, bool all, struct buffer *text)
{
    int error = buffer_append_text(text, "SELECT CONCAT_WS(', '");

    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_append_text(text, ", c.");
        if (error == 0)
            error = mysql_add_name(text, child->schema->columns[key->columns[i]].name);
    }
    if (error == 0)
        error = buffer_append_text(text, ") FROM ");
    if (error == 0)
        error = mysql_add_name(text, child->table->schema->name);
    if (error == 0)
        error = buffer_append_text(text, " c");
    if (error == 0 && !all && child->stage != NULL && child->stage_key_count != 0) {
        error = buffer_print(text, " JOIN `%s` s ON ", child->stage);
        if (error == 0)
            error = mysql_add_equal(text, child->schema, child->stage_key, child->stage_key_count,
                                    "c", "s");
    }
    if (error == 0)
        error = buffer_append_text(text, " LEFT JOIN ");
    if (error == 0)
        error = mysql_add_name(text, parent->table->schema->name);
    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? " p ON p." : " AND p.");
        if (error == 0)
            error = mysql_add_name(text, mysql_key_target(key, parent->schema, i));
        if (error == 0)
            error = buffer_append_text(text, " = c.");
        if (error == 0)
            error = mysql_add_name(text, child->schema->columns[key->columns[i]].name);
    }
    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? " WHERE c." : " AND c.");
        if (error == 0)
            error = mysql_add_name(text, child->schema->columns[key->columns[i]].name);
        if (error == 0)
            error = buffer_append_text(text, " IS NOT NULL");
    }
    if (error == 0)
        error = buffer_append_text(text, " AND p.");
    if (error == 0)
        error = mysql_add_name(text, mysql_key_target(key, parent->schema, 0));
    /* What others have committed since the transaction began counts, and stays so until it ends. */
    return error == 0 ? buffer_append_text(text, " IS NULL LIMIT 1 LOCK IN SHARE MODE") : error;
}

static int check_key(struct mysql_target *target, const struct mysql_place *child,
                     const struct foreign_key *key, const struct mysql_place *parent, bool all,
                     struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = write_orphans(child, key, parent, all, &text);
    MYSQL_ROW row;

    if (error == 0)
        error = mysql_target_ask(target, &text, &rows, failure);
    buffer_release(&text);
    row = error == 0 ? mysql_fetch_row(rows) : NULL;
    if (row == NULL)
        return error;
    return failure_set(
        failure, EINVAL,
        "table \"%s\": a row refers to the row %.100s of \"%s\", which is not there; " TARGET_ORPHAN_HINT,
        child->schema->name, row[0] != NULL ? row[0] : "", parent->schema->name);
}

/* Whether rows that were changed may have lost what KEY refers to: all but what they are found by.
 */
static bool may_have_changed(const struct mysql_place *parent, const struct foreign_key *key)
{
    if (!parent->updated)
        return false;
    for (size_t i = 0; i < key->count; i++) {
        const char *name = mysql_key_target(key, parent->schema, i);
        bool found = false;

        for (size_t k = 0; k < parent->stage_key_count && !found; k++)
            found = strcmp(parent->schema->columns[parent->stage_key[k]].name, name) == 0;
        if (!found)
            return true;
    }
    return false;
}

int mysql_check_keys(struct mysql_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct mysql_place *child = target->places[i];

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *key = &child->schema->foreign_keys[f];
            const struct mysql_place *parent = find_place(target, key->target_table);
            bool others = parent != NULL && (parent->deleted != 0 || may_have_changed(parent, key));

            if (parent == NULL || !(child->written || others))
                continue;
            error = check_key(target, child, key, parent, child->whole || others, failure);
        }
    }
    return error;
}
