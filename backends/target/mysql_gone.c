/* SPDX-License-Identifier: MIT */
/*
 * What rows of other tables, and rows that are not written, may have referred to: before rows are
 * deleted or given other values, those that they had are laid down in a temporary table, if a
 * foreign key refers to such. In the end no row may refer to one of these that is nowhere any more:
 * the server, told not to look at foreign keys, would leave it so.
 *
 * Rows that missed what they refer to before are in nobody's way; nor are those that were written:
 * what these refer to is looked at as such, unless they may miss it (--orphans).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_load.h"
#include "fs/base/memory.h"

/* ---- Before they go -------------------------------------------------------------------------- */

/* Columns of a table that foreign keys refer to. */
struct referred {
    const struct mysql_load *load;
    bool *columns;
    bool any;
};

static void add_referred(struct referred *referred, const struct mysql_references *keys)
{
    const struct schema *table = referred->load->place->schema;

    for (size_t i = 0; i < keys->count; i++) {
        const struct mysql_reference *key = &keys->items[i];

        if (!mysql_refers_to(key, table->name))
            continue;
        for (size_t c = 0; c < key->count; c++) {
            ssize_t column = mysql_find_column(table, key->parent_columns[c]);

            if (column < 0)
                continue;
            referred->columns[column] = true;
            referred->any = true;
        }
    }
}

/* Whether an update writes COLUMN: all are but those that rows are found by. */
static bool is_updated(const struct row_work *work, size_t column)
{
    for (size_t i = 0; i < work->column_count; i++) {
        if (work->columns[i] == column)
            return !row_work_is_key(work, i);
    }
    return false;
}

/* "t.a, t.b": what is laid down. */
static int add_selected(const struct referred *referred, struct buffer *sql)
{
    const struct schema *table = referred->load->place->schema;
    const char *before = "t.";
    int error = 0;

    for (size_t c = 0; c < table->column_count && error == 0; c++) {
        if (!referred->columns[c])
            continue;
        error = buffer_append_text(sql, before);
        if (error == 0)
            error = mysql_add_name(sql, table->columns[c].name);
        before = ", t.";
    }
    return error;
}

/* " OR NOT (t.a <=> s.a)" of each column that an update writes. *ret_any: there are such. */
static int add_changes(const struct referred *referred, struct buffer *sql, bool *ret_any)
{
    const struct server_load *load = &referred->load->base;
    const struct schema *table = referred->load->place->schema;
    int error = 0;

    *ret_any = false;
    for (size_t c = 0; c < table->column_count && error == 0; c++) {
        if (!referred->columns[c] || !is_updated(&load->work, c))
            continue;
        *ret_any = true;
        error = buffer_append_text(sql, " OR NOT (");
        if (error == 0)
            error = mysql_add_equal(sql, table, &c, 1, "t", "s");
        if (error == 0)
            error = buffer_append_text(sql, ")");
    }
    return error;
}

static int lay_down(struct mysql_load *load, const struct referred *referred,
                    struct failure *failure)
{
    bool replace = load->base.work.plan.mode == LOAD_REPLACE;
    struct buffer sql = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_free char *name = NULL;
    bool updated = false;
    int error = 0;

    if (asprintf(&name, "crmfs_gone_%lu", ++load->target->stage_count) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    error = buffer_print(&sql, "CREATE TEMPORARY TABLE `%s` SELECT ", name);
    if (error == 0)
        error = add_selected(referred, &sql);
    if (error == 0)
        error = server_load_write(&load->base,
                                  replace ? " FROM %t t LEFT JOIN %s s ON %k WHERE (s.%1 IS NULL"
                                          : " FROM %t t JOIN %s s ON %k WHERE (FALSE",
                                  &sql);
    if (error == 0)
        error = add_changes(referred, &sql, &updated);
    if (error == 0)
        error = buffer_append_text(&sql, ") FOR UPDATE");
    if (error == 0 && (replace || updated))
        error = mysql_target_run(load->target, &sql, failure);
    if (error == 0 && (replace || updated))
        load->place->gone = steal_pointer(&name);
    buffer_release(&sql);
    return error;
}

int mysql_note_gone(struct mysql_load *load, struct failure *failure)
{
    const struct mysql_references *keys;
    cleanup_free bool *columns = NULL;
    struct referred referred = {.load = load};
    int error;

    if (load->base.stage_sql == NULL)
        return 0;
    columns = allocate_array(load->place->schema->column_count, sizeof *columns);
    if (columns == NULL)
        return -ENOMEM;
    referred.columns = columns;
    error = mysql_own_references(load->target, &keys, failure);
    if (error == 0) {
        add_referred(&referred, keys);
        error = mysql_outside_references(load->target, &keys, failure);
    }
    if (error == 0)
        add_referred(&referred, keys);
    return error == 0 && referred.any ? lay_down(load, &referred, failure) : error;
}

/* ---- In the end ------------------------------------------------------------------------------ */

/* Whether all columns of KEY were written: what a row refers to by others is not what was put. */
static bool writes_key(const struct mysql_place *child, const struct mysql_reference *key)
{
    for (size_t i = 0; i < key->count; i++) {
        ssize_t column = mysql_find_column(child->schema, key->columns[i]);

        if (column < 0 || !child->put[column])
            return false;
    }
    return true;
}

/*
 * Rows of KEY's table that refer to a value which is gone, and nowhere else. CHILD: the target's
 * own table, of which rows that were written do not count; NULL: all do.
 */
static int write_bereft(const struct mysql_place *parent, const struct mysql_reference *key,
                        const struct mysql_place *child, struct buffer *text)
{
    int error = buffer_print(text, "SELECT 1 FROM `%s` g JOIN ", parent->gone);

    if (error == 0)
        error = mysql_add_table(text, key->child_database, key->child);
    if (error == 0)
        error = buffer_append_text(text, " c ON ");
    if (error == 0)
        error = mysql_add_match(text, key, "g");
    if (error == 0 && child != NULL) {
        error = buffer_print(text, " LEFT JOIN `%s` s ON ", child->stage);
        if (error == 0)
            error = mysql_add_equal(text, child->schema, child->stage_key, child->stage_key_count,
                                    "c", "s");
    }
    if (error == 0)
        error = buffer_append_text(text, " LEFT JOIN ");
    if (error == 0)
        error = mysql_add_table(text, key->parent_database, key->parent);
    if (error == 0)
        error = buffer_append_text(text, " p ON ");
    if (error == 0)
        error = mysql_add_match(text, key, "p");
    if (error == 0)
        error = buffer_append_text(text, " WHERE p.");
    if (error == 0)
        error = mysql_add_name(text, key->parent_columns[0]);
    if (error == 0)
        error = buffer_append_text(text, " IS NULL");
    if (error == 0 && child != NULL) {
        error = buffer_append_text(text, " AND s.");
        if (error == 0)
            error = mysql_add_name(text, child->schema->columns[child->stage_key[0]].name);
        if (error == 0)
            error = buffer_append_text(text, " IS NULL");
    }
    return error == 0 ? buffer_append_text(text, " LIMIT 1 LOCK IN SHARE MODE") : error;
}

static int check_key(struct mysql_target *target, const struct mysql_place *parent,
                     const struct mysql_reference *key, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    const struct mysql_place *child = mysql_child_place(target, key);
    bool some = child != NULL && child->written && child->stage != NULL &&
                child->stage_key_count != 0 && writes_key(child, key);
    int error = 0;

    if (child != NULL && child->written && child->whole)
        return 0;
    error = write_bereft(parent, key, some ? child : NULL, &text);
    if (error == 0)
        error = mysql_target_ask(target, &text, &rows, failure);
    buffer_release(&text);
    if (error != 0 || mysql_num_rows(rows) == 0)
        return error;
    return failure_set(failure, EINVAL,
                       "table \"%s\": rows of \"" MYSQL_TABLE_FORMAT
                       "\" refer to some that would not be there",
                       parent->schema->name, MYSQL_TABLE_SHOWN(key->child_database, key->child));
}

static int check_keys(struct mysql_target *target, const struct mysql_place *parent,
                      const struct mysql_references *keys, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < keys->count && error == 0; i++) {
        if (mysql_refers_to(&keys->items[i], parent->schema->name))
            error = check_key(target, parent, &keys->items[i], failure);
    }
    return error;
}

int mysql_check_gone(struct mysql_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct mysql_place *place = target->places[i];

        if (place->gone == NULL)
            continue;
        error = check_keys(target, place, &target->own_keys, failure);
        if (error == 0)
            error = check_keys(target, place, &target->outside_keys, failure);
    }
    return error;
}
