/* SPDX-License-Identifier: MIT */
/* Tables that are shown while the stream goes on, and what undoes that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/table/group_rows.h"
#include "fs/table/intake_internal.h"

#define LOOK_EVERY_NS 50000000 /* whether the one who waits still does */

void intake_close(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->ended = true;
    pthread_cond_broadcast(&intake->told);
    pthread_mutex_unlock(&intake->lock);
}

/* --- showing ------------------------------------------------------------------------------ */

/* Of several tables of one name the first has it. The lock is held. */
static struct intake_table *find_finished(const struct intake *intake, const char *name)
{
    for (size_t i = 0; i < intake->count; i++) {
        struct intake_table *table = intake->tables[i];

        if (!table->dropped && strcmp(table->schema->name, name) == 0)
            return table->finished ? table : NULL;
    }
    return NULL;
}

static void wait_a_little(struct intake *intake)
{
    clock_wait(&intake->told, &intake->lock, clock_now_ns() + LOOK_EVERY_NS);
}

static int await_finished(struct intake *intake, const char *name, const bool *cancelled,
                          struct intake_table **ret_table)
{
    struct intake_table *table = NULL;
    int error = 0;

    pthread_mutex_lock(&intake->lock);
    while (error == 0 && table == NULL) {
        if (intake->ended)
            error = -EAGAIN;
        else if (called_off(cancelled))
            error = -ECANCELED;
        else if (name == NULL || (table = find_finished(intake, name)) == NULL)
            wait_a_little(intake);
    }
    pthread_mutex_unlock(&intake->lock);
    *ret_table = table;
    return error;
}

/* Whether it still is, now that nobody can change that. Settling is held. */
static bool is_finished(struct intake *intake, const struct intake_table *table)
{
    pthread_mutex_lock(&intake->lock);
    bool finished = table->finished && !table->dropped;

    pthread_mutex_unlock(&intake->lock);
    return finished;
}

int intake_early_image(struct intake *intake, const char *name, const bool *cancelled,
                       struct image **ret_image, struct failure *failure)
{
    for (;;) {
        struct intake_table *table;
        int error = await_finished(intake, name, cancelled, &table);

        if (error != 0)
            return error;
        pthread_mutex_lock(&intake->settling);
        bool finished = is_finished(intake, table);

        if (finished)
            error = intake_table_image(intake, table, ret_image, failure);
        pthread_mutex_unlock(&intake->settling);
        if (finished)
            return error;
    }
}

/* --- undoing ------------------------------------------------------------------------------ */

/* The rows of an image, which may be shown, once more as groups of the table's own. */
static int copy_rows(struct intake *intake, struct intake_table *table, struct failure *failure)
{
    struct group_writer writer;
    struct group_rows *rows = group_rows_create(intake->options.spool, table->schema->column_count,
                                                table->groups, table->group_count);
    const struct cell *cells;
    int got = rows != NULL
                  ? group_writer_begin(&writer, intake->options.spool, ROW_GROUP_TARGET_BYTES,
                                       table->schema, &table->array)
                  : -ENOMEM;

    if (got == 0) {
        while ((got = group_rows_next(rows, &cells, failure)) > 0) {
            int error = group_writer_add(&writer, cells, failure);

            if (error != 0) {
                got = error;
                break;
            }
        }
        if (got == 0)
            got = group_writer_flush(&writer, failure);
        group_writer_end(&writer);
    }
    group_rows_free(rows);
    return got;
}

int intake_reopen(struct intake *intake, struct intake_table *table, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&intake->settling);
    if (table->settled && table->image != NULL)
        error = copy_rows(intake, table, failure);
    image_release(table->image);
    free(table->groups);
    table->image = NULL;
    table->groups = NULL;
    table->group_count = 0;
    table->settled = false;
    pthread_mutex_lock(&intake->lock);
    table->finished = false;
    pthread_mutex_unlock(&intake->lock);
    pthread_mutex_unlock(&intake->settling);
    return error;
}
