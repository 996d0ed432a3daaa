/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_stage.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/target/sqlite_statements.h"
#include "fs/base/memory.h"

struct sqlite_stage {
    struct sqlite_target *target;
    const struct table *table;
    struct row_work *work;
    char *name; /* of the table that rows are laid down in */
    sqlite3_stmt *lay_down;
    char (*numbers)[32];
};

static const char *table_name(const struct sqlite_stage *stage)
{
    return stage->table->schema->name;
}

static int fail(const struct sqlite_stage *stage, int code, struct failure *failure)
{
    return sqlite_target_failure(stage->target, code, table_name(stage), failure);
}

/* ---- Laying down ----------------------------------------------------------------------------- */

static int create_table(const struct sqlite_stage *stage, struct failure *failure)
{
    cleanup_buffer struct buffer columns = BUFFER(SQLITE_SQL_LIMIT);
    int error = sqlite_add_laid_down(&columns, stage->work);

    if (error == 0)
        error = buffer_append(&columns, "", 1);
    return error == 0
               ? sqlite_run(stage->target, table_name(stage), failure,
                            "CREATE TABLE main.\"%w\"(%s)", stage->name, (const char *)columns.data)
               : error;
}

static int prepare_lay_down(struct sqlite_stage *stage, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_print(&sql, "INSERT INTO main.\"%s\" VALUES (", stage->name);

    if (error == 0)
        error = sqlite_add_parameters(&sql, stage->work, 1);
    if (error == 0)
        error = buffer_append_text(&sql, ")");
    return sqlite_prepare_text(stage->target, table_name(stage), &sql, error, &stage->lay_down,
                               failure);
}

int sqlite_stage_create(struct sqlite_target *target, const struct table *table,
                        struct row_work *work, struct sqlite_stage **ret_stage,
                        struct failure *failure)
{
    struct sqlite_stage *stage = calloc(1, sizeof *stage);
    int error;

    if (stage == NULL)
        return -ENOMEM;
    *stage = (struct sqlite_stage){.target = target, .table = table, .work = work};
    stage->name =
        sqlite3_mprintf("crmfs restore %llu", (unsigned long long)target->staged_count + 1);
    stage->numbers = allocate_array(work->column_count, sizeof *stage->numbers);
    error = stage->name != NULL && stage->numbers != NULL ? create_table(stage, failure) : -ENOMEM;
    if (error == 0)
        error = prepare_lay_down(stage, failure);
    if (error == 0)
        error = sqlite_note_staged(target, table, stage->name, work);
    if (error != 0) {
        sqlite_stage_free(stage);
        return error;
    }
    *ret_stage = stage;
    return 0;
}

void sqlite_stage_free(struct sqlite_stage *stage)
{
    if (stage == NULL)
        return;
    sqlite3_finalize(stage->lay_down);
    sqlite3_free(stage->name);
    free(stage->numbers);
    free(stage);
}

int sqlite_stage_add(struct sqlite_stage *stage, struct failure *failure)
{
    int code = sqlite_run_row(stage->lay_down, stage->work);

    return code == SQLITE_DONE ? 0 : fail(stage, code, failure);
}

/* ---- Deleting those that were not ------------------------------------------------------------ */

/* So that a key is found among the rows laid down as the table itself compares it. */
static int create_index(const struct sqlite_stage *stage, struct failure *failure)
{
    const struct row_work *work = stage->work;
    cleanup_buffer struct buffer columns = BUFFER(SQLITE_SQL_LIMIT);
    int error = 0;

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_print(&columns, "%sc%zu", k == 0 ? "" : ",", work->key_places[k]);
        if (error == 0)
            error = sqlite_add_collation(&columns, stage->target, stage->table, work->plan.key[k]);
    }
    if (error == 0)
        error = buffer_append(&columns, "", 1);
    return error == 0 ? sqlite_run(stage->target, table_name(stage), failure,
                                   "CREATE INDEX main.\"%w key\" ON \"%w\"(%s)", stage->name,
                                   stage->name, (const char *)columns.data)
                      : error;
}

/* "NOT EXISTS (…)" of a row of the table, called doomed, that was not laid down. */
static int write_doomed(const struct sqlite_stage *stage, struct buffer *sql)
{
    int error = buffer_print(sql, "NOT EXISTS (SELECT 1 FROM main.\"%s\" WHERE ", stage->name);

    if (error == 0)
        error = sqlite_add_same_key(sql, stage->table, stage->work, "doomed");
    return error == 0 ? buffer_append(sql, ")", 2) : error;
}

int sqlite_stage_remove_others(struct sqlite_stage *stage, uint64_t *ret_deleted,
                               struct failure *failure)
{
    cleanup_buffer struct buffer doomed = BUFFER(SQLITE_SQL_LIMIT);
    int error = create_index(stage, failure);

    if (error == 0)
        error = write_doomed(stage, &doomed);
    if (error == 0)
        error = sqlite_check_referrers(stage->target, stage->table->schema,
                                       (const char *)doomed.data, NULL, 0, failure);
    if (error == 0)
        error = sqlite_run(stage->target, table_name(stage), failure,
                           "DELETE FROM main.\"%w\" AS doomed WHERE %s", table_name(stage),
                           (const char *)doomed.data);
    if (error == 0)
        *ret_deleted = (uint64_t)sqlite3_changes64(stage->target->connection.database);
    return error;
}

/* ---- Into the table -------------------------------------------------------------------------- */

int sqlite_stage_merge(struct sqlite_stage *stage, sqlite_stage_write *write, void *context,
                       struct failure *failure)
{
    const struct row_work *work = stage->work;
    sqlite3_stmt *rows = NULL;
    int error = 0;
    int code = connection_prepare(&stage->target->connection, &rows, "SELECT * FROM main.\"%w\"",
                                  stage->name);

    while (code == SQLITE_OK && error == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        sqlite_take_cells(rows, 0, work->column_count, work->cells, stage->numbers);
        error = write(context, failure);
        code = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    if (error == 0 && code != SQLITE_DONE)
        error = fail(stage, code, failure);
    return error == 0 ? sqlite_run(stage->target, table_name(stage), failure,
                                   "DROP TABLE main.\"%w\"", stage->name)
                      : error;
}
