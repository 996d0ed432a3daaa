/* SPDX-License-Identifier: MIT */
/* A row that is to be deleted, and what refers to it. */
#include <errno.h>
#include <string.h>

#include "backends/target/mysql_row.h"

/* The name of the column of PARENT that column INDEX of KEY refers to. */
static const char *key_target(const struct foreign_key *key, const struct schema *parent,
                              size_t index)
{
    if (key->target_columns != NULL)
        return key->target_columns[index];
    return index < parent->primary_key_count ? parent->columns[parent->primary_key[index]].name
                                             : "";
}

/*
 * "child c JOIN table p ON p.a = c.b AND …": a key may refer to other columns than the primary's.
 * Of the table itself, other rows than p.
 */
static int write_referrers(const struct schema *table, const struct schema *child,
                           const struct foreign_key *foreign, struct buffer *text)
{
    int error = mysql_add_name(text, child->name);

    if (error == 0)
        error = buffer_append_text(text, " c JOIN ");
    if (error == 0)
        error = mysql_add_name(text, table->name);
    for (size_t c = 0; c < foreign->count && error == 0; c++) {
        error = buffer_append_text(text, c == 0 ? " p ON p." : " AND p.");
        if (error == 0)
            error = mysql_add_name(text, key_target(foreign, table, c));
        if (error == 0)
            error = buffer_append_text(text, " = c.");
        if (error == 0)
            error = mysql_add_name(text, child->columns[foreign->columns[c]].name);
    }
    if (error == 0 && child == table) {
        error = buffer_append_text(text, " AND NOT (");
        if (error == 0)
            error = mysql_add_equal(text, table, table->primary_key, table->primary_key_count, "c",
                                    "p");
        if (error == 0)
            error = buffer_append_text(text, ")");
    }
    return error == 0 ? buffer_append(text, "", 1) : error;
}

/* A row that is to be deleted. */
struct leaving {
    struct mysql_target *target;
    const struct schema *table;
    const struct cell *key;
};

/* "SELECT 1 FROM child c JOIN table p ON … WHERE p.key = ? … LIMIT 1 LOCK". */
static int write_look(const struct schema *table, const char *from, const char *lock,
                      struct buffer *text)
{
    int error = buffer_print(text, "SELECT 1 FROM %s", from);

    for (size_t k = 0; k < table->primary_key_count && error == 0; k++) {
        error = buffer_append_text(text, k == 0 ? " WHERE p." : " AND p.");
        if (error == 0)
            error = mysql_add_name(text, table->columns[table->primary_key[k]].name);
        if (error == 0)
            error = buffer_append_text(text, " = ?");
    }
    return error == 0 ? buffer_print(text, " LIMIT 1 %s", lock) : error;
}

/* Whether a row of CHILD refers to the one that leaves, as FROM says. -EBUSY: one does. */
static int check_referrer(const struct leaving *leaving, const char *child, const char *from,
                          const char *lock, struct failure *failure)
{
    const struct schema *table = leaving->table;
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    MYSQL_STMT *statement = NULL;
    struct mysql_bound bound;
    int found = 0;
    int error = mysql_bound_create(&bound, table, 0, NULL, leaving->key);

    if (error == 0)
        error = write_look(table, from, lock, &text);
    if (error == 0)
        error = mysql_bind_key(&bound, table, leaving->key, failure);
    if (error == 0)
        error = mysql_execute(leaving->target, table, &text, &bound, &statement, failure);
    if (error == 0)
        found = mysql_finds(leaving->target, table, statement, failure);
    mysql_bound_release(&bound);
    if (found <= 0)
        return error != 0 ? error : found;
    return failure_set(failure, EBUSY,
                       "table \"%s\": rows of \"%s\" refer to this one; delete these first",
                       table->name, child);
}

static int check_child(const struct leaving *leaving, const struct schema *child,
                       const struct foreign_key *foreign, struct failure *failure)
{
    cleanup_buffer struct buffer from = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = write_referrers(leaving->table, child, foreign, &from);

    return error == 0 ? check_referrer(leaving, child->name, (const char *)from.data, "FOR UPDATE",
                                       failure)
                      : error;
}

/* A table of another database, which the user need not be one who may change. */
static int check_outsider(const struct leaving *leaving, const struct mysql_reference *key,
                          struct failure *failure)
{
    cleanup_buffer struct buffer from = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_buffer struct buffer shown = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = mysql_add_table(&from, key->child_database, key->child);

    if (error == 0)
        error = buffer_append_text(&from, " c JOIN ");
    if (error == 0)
        error = mysql_add_name(&from, key->parent);
    if (error == 0)
        error = buffer_append_text(&from, " p ON ");
    if (error == 0)
        error = mysql_add_match(&from, key, "p");
    if (error == 0)
        error = buffer_append(&from, "", 1);
    if (error == 0)
        error = buffer_print(&shown, MYSQL_TABLE_FORMAT,
                             MYSQL_TABLE_SHOWN(key->child_database, key->child));
    if (error == 0)
        error = buffer_append(&shown, "", 1);
    return error == 0 ? check_referrer(leaving, (const char *)shown.data, (const char *)from.data,
                                       "LOCK IN SHARE MODE", failure)
                      : error;
}

static int check_outside(const struct leaving *leaving, struct failure *failure)
{
    const struct mysql_references *keys;
    int error = mysql_outside_references(leaving->target, &keys, failure);

    for (size_t i = 0; error == 0 && i < keys->count; i++) {
        if (mysql_refers_to(&keys->items[i], leaving->table->name))
            error = check_outsider(leaving, &keys->items[i], failure);
    }
    return error;
}

int mysql_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                     struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    cleanup_buffer struct buffer head = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct leaving leaving = {target, schema, key};
    struct mysql_place *place = NULL;
    int error = mysql_find_row(target, schema, key, &place, failure);

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct mysql_place *child = target->places[i];

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *foreign = &child->schema->foreign_keys[f];

            if (strcmp(foreign->target_table, schema->name) == 0)
                error = check_child(&leaving, child->schema, foreign, failure);
        }
    }
    if (error == 0)
        error = check_outside(&leaving, failure);
    if (error == 0)
        error = mysql_write_head("DELETE FROM ", schema, "", &head);
    return error == 0 ? mysql_change_row(target, place, (const char *)head.data, 0, NULL, NULL, key,
                                         failure)
                      : error;
}
