/* SPDX-License-Identifier: MIT */
/* The temporary table that rows are laid down in before they are merged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_load.h"
#include "fs/base/memory.h"

static int add_column(const struct row_work *work, size_t column, struct buffer *sql)
{
    return mysql_add_name(sql, work->plan.table->columns[column].name);
}

/* Says in the place what the stage is, for when foreign keys are looked at. */
static int describe_stage(struct mysql_load *load)
{
    const struct row_work *work = &load->base.work;
    struct mysql_place *place = load->place;

    free(place->stage);
    free(place->stage_key);
    free(place->put);
    place->stage = NULL;
    place->stage_key_count = server_load_has_key(&load->base) ? work->plan.key_count : 0;
    place->stage_key = allocate_array(work->plan.key_count, sizeof *place->stage_key);
    place->put = allocate_array(work->plan.table->column_count, sizeof *place->put);
    if (place->stage_key == NULL || place->put == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < work->column_count; i++)
        place->put[work->columns[i]] = true;
    if (work->plan.key_count != 0)
        memcpy(place->stage_key, work->plan.key, work->plan.key_count * sizeof *place->stage_key);
    if (asprintf(&place->stage, "crmfs_stage_%lu", ++load->target->stage_count) < 0) {
        place->stage = NULL;
        return -ENOMEM;
    }
    return 0;
}

static bool is_written(const struct row_work *work, size_t column)
{
    for (size_t i = 0; i < work->column_count; i++) {
        if (work->columns[i] == column)
            return true;
    }
    return false;
}

/*
 * Whether the stage cannot be just like the table: no temporary table has partitions or FULLTEXT
 * indexes; and rows that are there may be updated without a column that a new row would need.
 */
static bool is_looser(const struct row_work *work)
{
    const struct schema *table = work->plan.table;
    bool any = false;

    /* Where a comment says such words, a looser one does as well. */
    if (strstr(table->ddl, "PARTITION BY ") != NULL || strstr(table->ddl, "FULLTEXT KEY ") != NULL)
        return true;

    for (size_t c = 0; c < table->column_count; c++)
        any |= table->columns[c].not_null && !is_written(work, c);
    return any && work->plan.mode != LOAD_APPEND;
}

/* " (UNIQUE KEY …) SELECT … FROM table WHERE FALSE": columns that are not written may be NULL. */
static int add_looser(const struct mysql_load *load, struct buffer *sql)
{
    const struct row_work *work = &load->base.work;
    const struct schema *table = work->plan.table;
    int error = 0;

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? " (UNIQUE KEY (" : ", ");
        if (error == 0)
            error = add_column(work, work->plan.key[k], sql);
    }
    if (error == 0)
        error = buffer_append_text(sql, work->plan.key_count != 0 ? ")) SELECT " : " SELECT ");
    for (size_t c = 0; c < table->column_count && error == 0; c++) {
        bool written = is_written(work, c);

        error = buffer_print(sql, "%s%s", c == 0 ? "" : ", ", written ? "" : "IF(FALSE, ");
        if (error == 0)
            error = add_column(work, c, sql);
        if (error == 0 && !written)
            error = buffer_append_text(sql, ", NULL) AS ");
        if (error == 0 && !written)
            error = add_column(work, c, sql);
    }
    return error == 0 ? server_load_write(&load->base, " FROM %t WHERE FALSE", sql) : error;
}

int mysql_load_create_stage(struct mysql_load *load, struct failure *failure)
{
    struct mysql_place *place = load->place;
    struct buffer sql = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = describe_stage(load);

    if (error == 0)
        error = buffer_print(&sql, "CREATE TEMPORARY TABLE `%s`", place->stage);
    if (error == 0)
        error = is_looser(&load->base.work) ? add_looser(load, &sql)
                                            : server_load_write(&load->base, " LIKE %t", &sql);
    if (error == 0)
        error = mysql_target_run(load->target, &sql, failure);
    buffer_release(&sql);
    if (error != 0)
        return error;
    load->into.schema = schema_copy(place->table->schema);
    if (load->into.schema == NULL)
        return -ENOMEM;
    free(load->into.schema->name);
    load->into.schema->name = strdup(place->stage);
    if (asprintf(&load->base.stage_sql, "`%s`", place->stage) < 0)
        load->base.stage_sql = NULL;
    if (load->base.stage_sql == NULL)
        schema_release(load->into.schema);
    return load->into.schema->name != NULL && load->base.stage_sql != NULL ? 0 : -ENOMEM;
}
