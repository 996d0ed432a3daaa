/* SPDX-License-Identifier: MIT */
/*
 * A row that is to be deleted may be referred to by one that stays, and will refer to another when
 * it is merged. Where that other is there already, it is made to do so before, so that the deletion
 * neither is refused for its sake nor takes it along (ON DELETE CASCADE). Where it is not, the
 * foreign key is looked at when the transaction ends, if that is all it does (NO ACTION).
 */
#include "backends/target/postgres_target.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"

static const struct postgres_staged *find_staged(const struct postgres_target *target,
                                                 const struct table *table)
{
    for (size_t i = 0; i < target->staged_count; i++) {
        if (target->staged[i].table == table)
            return &target->staged[i];
    }
    return NULL;
}

bool postgres_is_staged(const struct postgres_target *target, const struct table *table)
{
    return find_staged(target, table) != NULL;
}

static bool is_staged(const struct row_work *work, size_t column)
{
    for (size_t i = 0; i < work->column_count; i++) {
        if (work->columns[i] == column)
            return true;
    }
    return false;
}

static bool finds_rows(const struct row_work *work, size_t column)
{
    for (size_t k = 0; k < work->plan.key_count; k++) {
        if (work->plan.key[k] == column)
            return true;
    }
    return false;
}

/* Whether all columns of KEY are staged, and some of them are not what rows are found by. */
static bool can_change(const struct row_work *work, const struct foreign_key *key)
{
    bool any = false;

    for (size_t i = 0; i < key->count; i++) {
        if (!is_staged(work, key->columns[i]))
            return false;
        any = any || !finds_rows(work, key->columns[i]);
    }
    return any;
}

/* "t.column BETWEEN s.column" for some columns, with JOINT between them. */
static int add_pairs(const struct table *table, const size_t *columns, size_t count,
                     const char *between, const char *joint, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_print(sql, "%s t.", i == 0 ? "" : joint);
        if (error == 0)
            error = postgres_add_column(sql, table, columns[i]);
        if (error == 0)
            error = buffer_print(sql, " %s s.", between);
        if (error == 0)
            error = postgres_add_column(sql, table, columns[i]);
    }
    return error;
}

/* "ROW.column = s.column" of the key that rows are found by. An index serves what is not NULL. */
static int add_same_key(const struct postgres_staged *staged, const char *row, struct buffer *sql)
{
    const struct load_plan *plan = &staged->work->plan;
    int error = 0;

    for (size_t k = 0; k < plan->key_count && error == 0; k++) {
        bool not_null = plan->table->columns[plan->key[k]].not_null;

        error = buffer_print(sql, "%s%s.", k == 0 ? "" : " AND ", row);
        if (error == 0)
            error = postgres_add_column(sql, staged->table, plan->key[k]);
        if (error == 0)
            error = buffer_append_text(sql, not_null ? " = s." : " IS NOT DISTINCT FROM s.");
        if (error == 0)
            error = postgres_add_column(sql, staged->table, plan->key[k]);
    }
    return error;
}

int postgres_add_stays(const struct postgres_target *target, const struct table *table,
                       const char *row, struct buffer *sql)
{
    const struct postgres_staged *staged = find_staged(target, table);
    int error;

    if (staged == NULL || staged->work->plan.mode != LOAD_REPLACE)
        return 0;
    error = buffer_print(sql, " AND EXISTS (SELECT FROM %s s WHERE ", staged->stage);
    if (error == 0)
        error = add_same_key(staged, row, sql);
    if (error == 0)
        error = buffer_append_text(sql, ")");
    return error == 0 ? 1 : error;
}

static int add_sets(const struct postgres_staged *staged, const struct foreign_key *key,
                    struct buffer *sql)
{
    const char *before = " t SET ";
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        if (finds_rows(staged->work, key->columns[i]))
            continue;
        error = buffer_append_text(sql, before);
        if (error == 0)
            error = postgres_add_column(sql, staged->table, key->columns[i]);
        if (error == 0)
            error = buffer_append_text(sql, " = s.");
        if (error == 0)
            error = postgres_add_column(sql, staged->table, key->columns[i]);
        before = ", ";
    }
    return error;
}

/* What the row will refer to is there, as MATCH tells, or it will refer to nothing. */
static int add_parent_is_there(const struct postgres_staged *staged, const struct table *parent,
                               const struct foreign_key *key, const char *match, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? " AND (s." : " OR s.");
        if (error == 0)
            error = postgres_add_column(sql, staged->table, key->columns[i]);
        if (error == 0)
            error = buffer_append_text(sql, " IS NULL");
    }
    if (error == 0)
        error = buffer_print(sql, " OR EXISTS (SELECT FROM %s p WHERE %s))", parent->from, match);
    return error;
}

static int write_update(const struct postgres_staged *staged, const struct table *parent,
                        const struct foreign_key *key, const char *match, struct buffer *sql)
{
    int error = buffer_print(sql, "UPDATE %s", staged->table->from);

    if (error == 0)
        error = add_sets(staged, key, sql);
    if (error == 0)
        error = buffer_print(sql, " FROM %s s WHERE ", staged->stage);
    if (error == 0)
        error = add_same_key(staged, "t", sql);
    if (error == 0)
        error = buffer_append_text(sql, " AND (");
    if (error == 0)
        error = add_pairs(staged->table, key->columns, key->count, "IS DISTINCT FROM", " OR", sql);
    if (error == 0)
        error = buffer_append_text(sql, ")");
    return error == 0 ? add_parent_is_there(staged, parent, key, match, sql) : error;
}

int postgres_repoint(struct postgres_target *target, const struct table *table,
                     const struct table *parent, const struct foreign_key *key,
                     struct failure *failure)
{
    const struct postgres_staged *staged = find_staged(target, table);
    cleanup_result PGresult *references = NULL;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    const char *match;
    int error;

    if (staged == NULL || staged->work->plan.mode != LOAD_REPLACE || !can_change(staged->work, key))
        return 0;
    error = postgres_ask_references(target, parent, "p", "s", &references, failure);
    if (error != 0)
        return error;
    match = postgres_reference_match(references, table, parent, key);
    if (match == NULL)
        return 0;
    error = write_update(staged, parent, key, match, &sql);
    if (error != 0) {
        buffer_release(&sql);
        return error;
    }
    error = postgres_target_run(target, &sql, NULL, failure);
    return error == 0 ? 1 : error;
}

/* The foreign keys of CHILD to PARENT: their names, and whether each does nothing but refuse. */
static int ask_constraints(struct postgres_target *target, const struct table *child,
                           const struct table *parent, PGresult **ret_rows, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_print(&sql,
                             "SELECT pg_catalog.quote_ident(o.conname), o.confdeltype = 'a', "
                             "o.condeferrable FROM pg_catalog.pg_constraint o "
                             "WHERE o.contype = 'f' AND o.conrelid = %u AND o.confrelid = %u",
                             child->oid, parent->oid);

    return error == 0 ? postgres_target_run(target, &sql, ret_rows, failure) : error;
}

static int defer(struct postgres_target *target, const struct table *child, const char *name,
                 struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = 0;

    for (int back = 0; back <= 1 && error == 0; back++) {
        struct buffer *to = back != 0 ? &target->afterwards : &sql;

        error = buffer_append_text(to, "ALTER TABLE ");
        if (error == 0)
            error = postgres_add_table(to, child);
        if (error == 0)
            error = buffer_print(to, " ALTER CONSTRAINT %s %s", name,
                                 back != 0 ? "NOT DEFERRABLE;" : "DEFERRABLE INITIALLY DEFERRED");
    }
    if (error == 0)
        return postgres_target_run(target, &sql, NULL, failure);
    buffer_release(&sql);
    return error;
}

int postgres_defer(struct postgres_target *target, const struct table *child,
                   const struct table *parent, bool whatever_it_does, struct failure *failure)
{
    cleanup_result PGresult *rows = NULL;
    int error = ask_constraints(target, child, parent, &rows, failure);

    for (int i = 0; error == 0 && !whatever_it_does && i < PQntuples(rows); i++) {
        if (PQgetvalue(rows, i, 1)[0] != 't')
            return 0;
    }
    for (int i = 0; error == 0 && i < PQntuples(rows); i++) {
        if (PQgetvalue(rows, i, 2)[0] != 't')
            error = defer(target, child, PQgetvalue(rows, i, 0), failure);
    }
    return error == 0 ? 1 : error;
}

/* Foreign keys that go round: a table that comes first refers to one that comes later. */
static int defer_those_before(struct postgres_target *target, const struct table *table,
                              struct failure *failure)
{
    for (size_t i = 0; i < target->staged_count; i++) {
        const struct table *before = target->staged[i].table;
        int error = before != table ? postgres_defer(target, before, table, true, failure) : 0;

        if (error < 0)
            return error;
    }
    return 0;
}

int postgres_note_staged(struct postgres_target *target, const struct table *table,
                         const char *stage, const struct row_work *work, struct failure *failure)
{
    int error = defer_those_before(target, table, failure);
    struct postgres_staged *all;

    if (error != 0)
        return error;
    all = reallocarray(target->staged, target->staged_count + 1, sizeof *target->staged);
    if (all == NULL)
        return -ENOMEM;
    target->staged = all;
    all[target->staged_count++] = (struct postgres_staged){table, stage, work};
    return 0;
}
