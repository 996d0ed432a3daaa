/* SPDX-License-Identifier: MIT */
#include "backends/target/mysql_follower.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_read_back.h"
#include "fs/base/memory.h"

#define PAGE_ROWS ((uint64_t)1 << 15)
#define KEY_LIMIT ((size_t)1 << 16)

/* What a session has done to rows, as its server counts: triggers included. */
struct row_changes {
    uint64_t written, updated, deleted;
};

struct mysql_follower {
    struct mysql_load *load;
    struct row_changes before;
    uint64_t written_before; /* of the target's rows_in */

    /* The thread's until it has ended. */
    struct mysql_link *link;
    struct mysql_read_back back;
    struct buffer last; /* the key of the last row that was read */
    bool failed;

    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t rows_in;
    bool complete; /* no more will be */
    bool stopped;  /* nobody wants to know */
};

/* ---- Whether it can be done ------------------------------------------------------------------ */

/* Numbers have the same order in all databases, so that rows most likely come in that of the key.
 */
static bool has_number_key(const struct mysql_table *table)
{
    for (size_t i = 0; i < table->schema->order_key_count; i++) {
        enum mysql_keying keying = table->columns[table->schema->order_key[i]].keying;

        if (keying != KEY_INTEGER && keying != KEY_NUMBER)
            return false;
    }
    return table->schema->order_key_count != 0;
}

static bool read_changes(struct mysql_load *load, struct row_changes *ret_changes)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    const struct {
        const char *name;
        uint64_t *count;
    } counts[] = {{"Handler_write", &ret_changes->written},
                  {"Handler_update", &ret_changes->updated},
                  {"Handler_delete", &ret_changes->deleted}};
    size_t found = 0;
    MYSQL_ROW row;

    if (mysql_ask(load->target->source, load->target->link,
                  "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write', 'Handler_update', "
                  "'Handler_delete')",
                  &rows, NULL) != 0)
        return false;
    while ((row = mysql_fetch_row(rows)) != NULL) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            if (row[0] == NULL || row[1] == NULL || strcmp(row[0], counts[i].name) != 0)
                continue;
            *counts[i].count = strtoull(row[1], NULL, 10);
            found++;
        }
    }
    return found == sizeof counts / sizeof *counts;
}

/* Whether all that the transaction has done since is to put the rows that it was given. */
static bool is_as_read(const struct mysql_follower *follower)
{
    const struct row_changes *before = &follower->before;
    struct row_changes now;

    return read_changes(follower->load, &now) && now.updated == before->updated &&
           now.deleted == before->deleted &&
           now.written - before->written ==
               follower->load->target->rows_in - follower->written_before;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static int connect(struct mysql_follower *follower)
{
    struct mysql_source *source = follower->load->target->source;
    int error = mysql_link_another(source, follower->load->target->link, &follower->link, NULL);

    if (error == 0)
        error = mysql_do(source, follower->link, NULL,
                         "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
    return error == 0 ? mysql_read_back_create(&follower->back, follower->load,
                                               &follower->load->into, follower->link)
                      : error;
}

/* How many rows can be read next; waits for some. 0: there will be no more. */
static uint64_t await_rows(struct mysql_follower *follower)
{
    uint64_t left;

    pthread_mutex_lock(&follower->lock);
    while (follower->rows_in == follower->back.sum.rows && !follower->complete &&
           !follower->stopped)
        pthread_cond_wait(&follower->changed, &follower->lock);
    left = follower->stopped ? 0 : follower->rows_in - follower->back.sum.rows;
    pthread_mutex_unlock(&follower->lock);
    return left < PAGE_ROWS ? left : PAGE_ROWS;
}

static void *run(void *argument)
{
    struct mysql_follower *follower = argument;
    int error;

    mysql_thread_init();
    error = connect(follower);
    while (error == 0) {
        const struct mysql_part part = {
            .last = follower->last.size != 0 ? &follower->last : NULL,
            .limit = await_rows(follower),
        };

        if (part.limit == 0)
            break;
        error = mysql_read_back_part(&follower->back, &part, &follower->last, NULL);
    }
    follower->failed = error != 0;
    if (follower->link != NULL)
        mysql_link_close(follower->load->target->source, follower->link);
    mysql_thread_end();
    return NULL;
}

/* ---- The load's side ------------------------------------------------------------------------- */

struct mysql_follower *mysql_follower_begin(struct mysql_load *load)
{
    struct mysql_follower *follower;

    /* A temporary table is nobody else's to read; rows that are refused are taken back. */
    if (load->target->source->settings.connections < 2 || load->base.stage_sql != NULL ||
        load->base.work.plan.refuse != NULL || !has_number_key(&load->into))
        return NULL;
    follower = calloc(1, sizeof *follower);
    if (follower == NULL)
        return NULL;
    follower->load = load;
    follower->written_before = load->target->rows_in;
    follower->last = BUFFER(KEY_LIMIT);
    pthread_mutex_init(&follower->lock, NULL);
    pthread_cond_init(&follower->changed, NULL);
    follower->has_thread = read_changes(load, &follower->before) &&
                           pthread_create(&follower->thread, NULL, run, follower) == 0;
    if (follower->has_thread)
        return follower;
    mysql_follower_free(follower);
    return NULL;
}

void mysql_follower_tell(struct mysql_follower *follower, uint64_t rows)
{
    pthread_mutex_lock(&follower->lock);
    follower->rows_in += rows;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
}

/* WHICH becomes true, and the thread ends. */
static void join(struct mysql_follower *follower, bool *which)
{
    if (!follower->has_thread)
        return;
    pthread_mutex_lock(&follower->lock);
    *which = true;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
    pthread_join(follower->thread, NULL);
    follower->has_thread = false;
}

bool mysql_follower_agrees(struct mysql_follower *follower, const struct row_sum *sum)
{
    join(follower, &follower->complete);
    return !follower->failed && row_sum_equal(&follower->back.sum, sum) && is_as_read(follower);
}

void mysql_follower_free(struct mysql_follower *follower)
{
    if (follower == NULL)
        return;
    join(follower, &follower->stopped);
    mysql_read_back_release(&follower->back);
    buffer_release(&follower->last);
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->lock);
    free(follower);
}
