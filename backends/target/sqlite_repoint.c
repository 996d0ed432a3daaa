/* SPDX-License-Identifier: MIT */
/*
 * A row that is to be deleted may be referred to by one that stays, and will refer to another when
 * it is merged. It is made to do so before, so that the deletion neither is refused for its sake
 * nor takes it along (ON DELETE CASCADE). What it then refers to may come later: foreign keys are
 * looked at when the transaction ends.
 */
#include "backends/target/sqlite_statements.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"

int sqlite_note_staged(struct sqlite_target *target, const struct table *table, const char *stage,
                       const struct row_work *work)
{
    struct sqlite_staged *all =
        reallocarray(target->staged, target->staged_count + 1, sizeof *target->staged);

    if (all == NULL)
        return -ENOMEM;
    target->staged = all;
    all[target->staged_count++] = (struct sqlite_staged){table, stage, work};
    return 0;
}

static const struct sqlite_staged *find_staged(const struct sqlite_target *target,
                                               const struct table *table)
{
    for (size_t i = 0; i < target->staged_count; i++) {
        if (target->staged[i].table == table)
            return &target->staged[i];
    }
    return NULL;
}

/* Where the table's column COLUMN stands among those laid down; SIZE_MAX: nowhere. */
static size_t place_of(const struct row_work *work, size_t column)
{
    for (size_t i = 0; i < work->column_count; i++) {
        if (work->columns[i] == column)
            return i;
    }
    return SIZE_MAX;
}

/* Whether all columns of KEY are laid down, and some of them are not what rows are found by. */
static bool can_change(const struct row_work *work, const struct foreign_key *key)
{
    bool any = false;

    for (size_t i = 0; i < key->count; i++) {
        size_t place = place_of(work, key->columns[i]);

        if (place == SIZE_MAX)
            return false;
        any = any || !row_work_is_key(work, place);
    }
    return any;
}

/* "(a,b)", "(SELECT c1,c2": the columns of KEY that rows are not found by, as WRITE has them. */
static int add_changed(const struct sqlite_staged *staged, const struct foreign_key *key,
                       const char *before, bool laid_down, struct buffer *sql)
{
    int error = 0;
    bool any = false;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        size_t place = place_of(staged->work, key->columns[i]);

        if (row_work_is_key(staged->work, place))
            continue;
        error = buffer_append_text(sql, any ? "," : before);
        if (error == 0)
            error = laid_down ? buffer_print(sql, "c%zu", place)
                              : sqlite_add_name(sql, staged->table->raw_columns[key->columns[i]]);
        any = true;
    }
    return error;
}

/* " FROM stage WHERE its key is that of the row". */
static int add_same_row(const struct sqlite_staged *staged, const char *row, struct buffer *sql)
{
    int error = buffer_print(sql, " FROM main.\"%s\" WHERE ", staged->stage);

    return error == 0 ? sqlite_add_same_key(sql, staged->table, staged->work, row) : error;
}

int sqlite_add_stays(const struct sqlite_target *target, const struct table *table, const char *row,
                     struct buffer *sql)
{
    const struct sqlite_staged *staged = find_staged(target, table);
    int error;

    if (staged == NULL)
        return 0;
    error = buffer_append_text(sql, " AND EXISTS (SELECT 1");
    if (error == 0)
        error = add_same_row(staged, row, sql);
    if (error == 0)
        error = buffer_append_text(sql, ")");
    return error == 0 ? 1 : error;
}

static int write_update(const struct sqlite_staged *staged, const struct foreign_key *key,
                        struct buffer *sql)
{
    int error = buffer_append_text(sql, "UPDATE OR ABORT main.");

    if (error == 0)
        error = sqlite_add_name(sql, staged->table->schema->name);
    if (error == 0)
        error = add_changed(staged, key, " AS moved SET (", false, sql);
    if (error == 0)
        error = add_changed(staged, key, ") = (SELECT ", true, sql);
    if (error == 0)
        error = add_same_row(staged, "moved", sql);
    if (error == 0)
        error = buffer_append_text(sql, ") WHERE EXISTS (SELECT 1");
    if (error == 0)
        error = add_same_row(staged, "moved", sql);
    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? " AND NOT (moved." : " AND moved.");
        if (error == 0)
            error = sqlite_add_name(sql, staged->table->raw_columns[key->columns[i]]);
        if (error == 0)
            error = buffer_print(sql, " IS c%zu", place_of(staged->work, key->columns[i]));
    }
    return error == 0 ? buffer_append(sql, "))", 3) : error;
}

int sqlite_repoint(struct sqlite_target *target, const struct table *table,
                   const struct foreign_key *key, struct failure *failure)
{
    const struct sqlite_staged *staged = find_staged(target, table);
    cleanup_buffer struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int code;
    int error;

    if (staged == NULL || !can_change(staged->work, key))
        return 0;
    error = write_update(staged, key, &sql);
    if (error != 0)
        return error;
    code = sqlite3_exec(target->connection.database, (const char *)sql.data, NULL, NULL, NULL);
    return code == SQLITE_OK ? 1
                             : sqlite_target_failure(target, code, table->schema->name, failure);
}
