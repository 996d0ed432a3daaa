/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_give_up.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/sqlite_statements.h"
#include "fs/base/memory.h"

#define PLACEHOLDER_SIZE 48
#define PLACEHOLDER_FIRST (-((int64_t)1 << 52)) /* and below: a double holds each exactly */

struct sqlite_give_up {
    struct sqlite_target *target;
    const struct table *table;
    const struct row_work *work;
    bool *columns;  /* of each that is written, whether it is given up */
    bool *referred; /* … and whether foreign keys refer to it */
    char salt[17];  /* so that what is made up is nobody's */
    sqlite3_stmt *update;
};

static const char *table_name(const struct sqlite_give_up *give_up)
{
    return give_up->table->schema->name;
}

static int fail(const struct sqlite_give_up *give_up, int code, struct failure *failure)
{
    return sqlite_target_failure(give_up->target, code, table_name(give_up), failure);
}

/* ---- Which columns --------------------------------------------------------------------------- */

/* An index over what is not written itself, but made of what is. */
static void choose_all(struct sqlite_give_up *give_up)
{
    for (size_t i = 0; i < give_up->work->column_count; i++)
        give_up->columns[i] = !row_work_is_key(give_up->work, i);
}

static void choose(struct sqlite_give_up *give_up, const char *name)
{
    const struct table *table = give_up->table;

    for (size_t i = 0; i < give_up->work->column_count; i++) {
        if (strcmp(table->raw_columns[give_up->work->columns[i]], name) == 0) {
            give_up->columns[i] = !row_work_is_key(give_up->work, i);
            return;
        }
    }
    for (size_t c = 0; c < table->schema->column_count; c++) {
        if (strcmp(table->raw_columns[c], name) == 0 && table->schema->columns[c].generated)
            choose_all(give_up);
    }
}

/* The columns of all unique indexes. */
static int choose_unique(struct sqlite_give_up *give_up, struct failure *failure)
{
    sqlite3_stmt *rows = NULL;
    int code = connection_prepare(&give_up->target->connection, &rows,
                                  "SELECT x.name FROM pragma_index_list(\"%w\", 'main') l, "
                                  "pragma_index_xinfo(l.name, 'main') x WHERE l.\"unique\" AND "
                                  "x.key AND x.cid <> -1",
                                  table_name(give_up));

    while (code == SQLITE_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);

        if (name != NULL)
            choose(give_up, name);
        else
            choose_all(give_up);
        code = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    return code == SQLITE_DONE ? 0 : fail(give_up, code, failure);
}

/* KEY leads to the table. */
static void note_referred(struct sqlite_give_up *give_up, const struct foreign_key *key)
{
    const struct schema *schema = give_up->table->schema;

    /* What refers to a primary key names no columns. */
    for (size_t k = 0; k < key->count && key->target_columns != NULL; k++) {
        for (size_t i = 0; i < give_up->work->column_count; i++) {
            const char *name = schema->columns[give_up->work->columns[i]].name;

            give_up->referred[i] |= sqlite3_stricmp(name, key->target_columns[k]) == 0;
        }
    }
    for (size_t k = 0; k < schema->primary_key_count && key->target_columns == NULL; k++) {
        for (size_t i = 0; i < give_up->work->column_count; i++)
            give_up->referred[i] |= give_up->work->columns[i] == schema->primary_key[k];
    }
}

static void find_referred(struct sqlite_give_up *give_up)
{
    const struct target *target = &give_up->target->target;

    for (size_t t = 0; t < target->class->table_count(target); t++) {
        const struct schema *child = sqlite_nth_table(give_up->target, t)->schema;

        for (size_t f = 0; f < child->foreign_key_count; f++) {
            if (strcmp(child->foreign_keys[f].target_table, table_name(give_up)) == 0)
                note_referred(give_up, &child->foreign_keys[f]);
        }
    }
}

int sqlite_give_up_create(struct sqlite_target *target, const struct table *table,
                          const struct row_work *work, struct sqlite_give_up **ret_give_up,
                          struct failure *failure)
{
    struct sqlite_give_up *give_up = calloc(1, sizeof *give_up);
    uint8_t salt[8];
    int error;

    if (give_up == NULL)
        return -ENOMEM;
    *give_up = (struct sqlite_give_up){.target = target, .table = table, .work = work};
    give_up->columns = allocate_array(work->column_count, sizeof *give_up->columns);
    give_up->referred = allocate_array(work->column_count, sizeof *give_up->referred);
    randombytes_buf(salt, sizeof salt);
    sodium_bin2hex(give_up->salt, sizeof give_up->salt, salt, sizeof salt);
    error = give_up->columns != NULL && give_up->referred != NULL ? choose_unique(give_up, failure)
                                                                  : -ENOMEM;
    if (error != 0) {
        sqlite_give_up_free(give_up);
        return error;
    }
    find_referred(give_up);
    *ret_give_up = give_up;
    return 0;
}

void sqlite_give_up_free(struct sqlite_give_up *give_up)
{
    if (give_up == NULL)
        return;
    free(give_up->columns);
    free(give_up->referred);
    free(give_up);
}

/* ---- Giving up ------------------------------------------------------------------------------- */

/* What nobody will ever see need not meet the checks that the table has for its values. */
static void ignore_checks(const struct sqlite_give_up *give_up, bool ignore)
{
    sqlite3_exec(give_up->target->connection.database,
                 ignore ? "PRAGMA ignore_check_constraints=1" : "PRAGMA ignore_check_constraints=0",
                 NULL, NULL, NULL);
}

int sqlite_give_up_begin(struct sqlite_give_up *give_up, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    bool any = false;
    int error = sqlite_add_update(&sql, give_up->table, give_up->work, give_up->columns, &any);

    if (error != 0 || !any) {
        buffer_release(&sql);
        return error;
    }
    ignore_checks(give_up, true);
    error = sqlite_prepare_text(give_up->target, table_name(give_up), &sql, 0, &give_up->update,
                                failure);
    return error == 0 ? 1 : error;
}

void sqlite_give_up_end(struct sqlite_give_up *give_up)
{
    sqlite3_finalize(give_up->update);
    give_up->update = NULL;
    ignore_checks(give_up, false);
}

/*
 * NULL, or a value that nobody else has, of the kind that the column holds: that if foreign keys
 * refer to it, as ON UPDATE CASCADE follows from value to value, and a NULL is nobody's any more.
 */
static int bind_placeholder(const struct sqlite_give_up *give_up, size_t index, int64_t id)
{
    const struct row_work *work = give_up->work;
    sqlite3_stmt *update = give_up->update;
    int parameter = (int)index + 1;
    char text[PLACEHOLDER_SIZE];
    enum fit_kind kind = work->fits[index].kind;

    if (!give_up->table->schema->columns[work->columns[index]].not_null &&
        !give_up->referred[index])
        return sqlite3_bind_null(update, parameter);
    if (kind == FIT_NUMERIC || kind == FIT_REAL)
        return sqlite3_bind_int64(update, parameter, PLACEHOLDER_FIRST - id);
    snprintf(text, sizeof text, "%s %lld", give_up->salt, (long long)id);
    return kind == FIT_LOOSE_TEXT
               ? sqlite3_bind_text(update, parameter, text, -1, SQLITE_TRANSIENT)
               : sqlite3_bind_blob64(update, parameter, text, strlen(text), SQLITE_TRANSIENT);
}

int sqlite_give_up_row(struct sqlite_give_up *give_up, int64_t id, struct failure *failure)
{
    const struct row_work *work = give_up->work;
    int code = SQLITE_OK;

    for (size_t i = 0; i < work->column_count && code == SQLITE_OK; i++) {
        if (give_up->columns[i])
            code = bind_placeholder(give_up, i, id);
        else if (row_work_is_key(work, i))
            code = sqlite_bind_cell(give_up->update, (int)i + 1, &work->cells[i]);
    }
    if (code == SQLITE_OK)
        code = sqlite3_step(give_up->update);
    if (code == SQLITE_DONE)
        code = sqlite3_reset(give_up->update);
    return code == SQLITE_OK ? 0 : fail(give_up, code, failure);
}
