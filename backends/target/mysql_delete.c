/* SPDX-License-Identifier: MIT */
/* A row that is to be deleted, and what refers to it. */
#include <errno.h>
#include <string.h>

#include "backends/target/mysql_row.h"

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
            error = mysql_add_name(text, mysql_key_target(foreign, table, c));
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

/* The user need not be one who may change these. */
static int check_outside(void *context, const char *child, const char *from,
                         struct failure *failure)
{
    return check_referrer(context, child, from, "LOCK IN SHARE MODE", failure);
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
        error = mysql_visit_outside(target, schema, check_outside, &leaving, failure);
    if (error == 0)
        error = mysql_write_head("DELETE FROM ", schema, "", &head);
    return error == 0 ? mysql_change_row(target, place, (const char *)head.data, 0, NULL, NULL, key,
                                         failure)
                      : error;
}
