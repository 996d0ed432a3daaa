/* SPDX-License-Identifier: MIT */
/*
 * A moment: the keeper's transaction exports its snapshot, and lives as long as the
 * moment does; others import it when a thread needs one more connection, or in place of one that
 * was lost. Once the keeper is gone there are no more of them, and the dataset says so (lost).
 *
 * Where the server has no connection left for us, and we have none but the keeper, that is lent to
 * the readers, one after the other. What ends a reader's connection then ends the moment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/clock.h"

#define SHORTEST_PAUSE_NS 10000000L
#define LONGEST_PAUSE_NS 320000000L

static struct postgres_dataset *own(struct dataset *base)
{
    return (struct postgres_dataset *)base;
}

static size_t table_count(const struct dataset *base)
{
    return ((const struct postgres_dataset *)base)->catalogue->count;
}

static struct schema *schema(const struct dataset *base, size_t table)
{
    return ((const struct postgres_dataset *)base)->catalogue->tables[table].schema;
}

/* Tables are looked after one by one (postgres_guard), and rows by the snapshot. */
static int verify(struct dataset *base, struct failure *failure)
{
    (void)base;
    (void)failure;
    return 0;
}

/* --- connections -------------------------------------------------------------------------- */

static int gone(const struct postgres_dataset *dataset, struct failure *failure)
{
    return failure_set(failure, ESTALE, "%s: the moment is over; it is to be read again",
                       dataset->keeper.place);
}

static void note_lost(struct postgres_dataset *dataset)
{
    __atomic_store_n(&dataset->dataset.lost, true, __ATOMIC_RELAXED);
}

/* To who reads, a server that cannot be reached any more is an error of input. */
static int unreachable(int error, struct failure *failure)
{
    if (error == -EBUSY || error == -EACCES || error == -ENOMEM || error == -ECANCELED)
        return error;
    if (failure != NULL)
        failure->code = EIO;
    return -EIO;
}

int postgres_dataset_connect(struct postgres_dataset *dataset, struct link *link,
                             struct failure *failure)
{
    int error = postgres_link_open(dataset->source, dataset->keeper.host, link, failure);

    link->bound = &dataset->dataset.bound;
    if (error != 0)
        return unreachable(error, failure);
    error = postgres_link_begin(link, dataset->snapshot, failure);
    if (error == 0)
        return 0;
    /* The exporting transaction is over: whatever ended it, this moment cannot be had again. */
    if (!postgres_link_is_lost(link)) {
        note_lost(dataset);
        error = gone(dataset, failure);
    }
    postgres_link_close(link);
    return error;
}

/* A place for one more connection, which the caller makes. The lock is held. */
static bool may_connect(const struct postgres_dataset *dataset)
{
    return dataset->link_count < dataset->link_limit;
}

static void forget_link(struct postgres_dataset *dataset)
{
    pthread_mutex_lock(&dataset->lock);
    dataset->link_count--;
    pthread_cond_signal(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
}

/*
 * The server has no connection left, and no more are tried: -EAGAIN: there is another one to wait
 * for. 0: the keeper is lent in its place. -EBUSY: that is lent already.
 */
static int do_without(struct postgres_dataset *dataset)
{
    int error = -EBUSY;

    pthread_mutex_lock(&dataset->lock);
    if (dataset->link_count > 1) {
        dataset->link_limit = --dataset->link_count;
        error = -EAGAIN;
    } else if (!dataset->keeper_lent && !dataset->finished) {
        dataset->link_limit = 1;
        dataset->keeper_lent = true;
        error = 0;
    } else {
        dataset->link_count--;
    }
    pthread_cond_signal(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
    return error;
}

/* Readers find in it what they find in others: search_path is the database's, see settings. */
static int lend_keeper(struct postgres_dataset *dataset, struct link **ret_link,
                       struct failure *failure)
{
    struct link *keeper = &dataset->keeper;

    keeper->bound = &dataset->dataset.bound;

    int error = postgres_link_do(keeper, "SET LOCAL search_path TO DEFAULT", failure);

    if (error == 0)
        *ret_link = keeper;
    else
        postgres_dataset_give_back(dataset, keeper);
    return error;
}

/*
 * Makes a connection whose place is taken already, or does without. -EAGAIN: the server has none
 * left, and we have others.
 */
static int add_link(struct postgres_dataset *dataset, struct link **ret_link,
                    struct failure *failure)
{
    struct link *link = calloc(1, sizeof *link);
    int error = link != NULL ? postgres_dataset_connect(dataset, link, failure)
                             : postgres_no_memory(failure, &dataset->keeper);

    if (error == 0) {
        *ret_link = link;
        return 0;
    }
    free(link);

    if (error == -EBUSY) {
        error = do_without(dataset);
        return error == 0 ? lend_keeper(dataset, ret_link, failure) : error;
    }
    forget_link(dataset);
    if (error == -EIO || error == -ESTALE)
        note_lost(dataset);
    return error;
}

int postgres_dataset_take(struct postgres_dataset *dataset, struct link **ret_link,
                          struct failure *failure)
{
    int error = -EAGAIN;

    while (error == -EAGAIN) {
        struct link *link = NULL;
        bool finished;

        pthread_mutex_lock(&dataset->lock);
        while (!dataset->finished && dataset->idle_count == 0 && !may_connect(dataset))
            pthread_cond_wait(&dataset->given_back, &dataset->lock);
        finished = dataset->finished;
        if (!finished && dataset->idle_count != 0)
            link = dataset->idle[--dataset->idle_count];
        else if (!finished)
            dataset->link_count++;
        pthread_mutex_unlock(&dataset->lock);
        if (finished)
            return gone(dataset, failure);
        error = link == NULL ? add_link(dataset, &link, failure) : 0;
        if (error == 0)
            *ret_link = link;
    }
    return error;
}

static void drop_link(struct postgres_dataset *dataset, struct link *link)
{
    postgres_link_close(link);
    if (link != &dataset->keeper)
        free(link);
}

void postgres_dataset_give_back(struct postgres_dataset *dataset, struct link *link)
{
    postgres_table_leave(link);

    bool rests =
        !postgres_link_is_lost(link) && PQtransactionStatus(link->connection) == PQTRANS_INTRANS;

    pthread_mutex_lock(&dataset->lock);
    if (rests && !dataset->finished) {
        dataset->idle[dataset->idle_count++] = link;
        link = NULL;
    }
    pthread_cond_signal(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
    if (link == NULL)
        return;
    if (link == &dataset->keeper)
        note_lost(dataset);
    drop_link(dataset, link);
    forget_link(dataset);
}

/* --- failures ----------------------------------------------------------------------------- */

/* What to grant, as far as it can be told from here. */
static int lack_privilege(const struct postgres_dataset *dataset, const struct table *table,
                          struct failure *failure)
{
    const char *user = PQuser(dataset->keeper.connection);
    cleanup_free char *schema = sql_name(table->raw_schema);
    cleanup_free char *name = sql_name(table->raw_name);
    cleanup_free char *role = sql_name(user != NULL ? user : "");

    if (schema == NULL || name == NULL || role == NULL)
        return postgres_no_memory(failure, &dataset->keeper);
    return failure_set(failure, EACCES,
                       "%s: table \"%.100s\": the user may not read it; as its owner: GRANT USAGE "
                       "ON SCHEMA %.100s TO %.100s; GRANT SELECT ON %.100s.%.100s TO %.100s",
                       dataset->keeper.place, table->schema->name, schema, role, schema, name,
                       role);
}

int postgres_dataset_failure(struct postgres_dataset *dataset, const struct table *table, int error,
                             struct failure *failure)
{
    char words[FAILURE_TEXT_SIZE];
    size_t place = strlen(dataset->keeper.place);

    if (error == -EACCES && (failure == NULL || strstr(failure->text, "42501") != NULL))
        return lack_privilege(dataset, table, failure);
    if (failure == NULL || failure->code == 0)
        return error;
    /* "PLACE: what" becomes "PLACE: table: what". */
    memcpy(words, failure->text, sizeof words);
    if (strncmp(words, dataset->keeper.place, place) != 0 || strncmp(words + place, ": ", 2) != 0)
        return error;
    return failure_set(failure, -error, "%s: table \"%.200s\": %s", dataset->keeper.place,
                       table->schema->name, words + place + 2);
}

/* --- the moment --------------------------------------------------------------------------- */

static void finish(struct dataset *base)
{
    struct postgres_dataset *dataset = own(base);

    pthread_mutex_lock(&dataset->lock);
    dataset->finished = true;
    for (size_t i = 0; i < dataset->idle_count; i++)
        drop_link(dataset, dataset->idle[i]);
    dataset->link_count -= dataset->idle_count;
    dataset->idle_count = 0;
    postgres_link_close(&dataset->keeper);
    pthread_cond_broadcast(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
}

static void release(struct dataset *base)
{
    struct postgres_dataset *dataset = own(base);

    finish(base);
    postgres_catalogue_release(dataset->catalogue);
    for (size_t i = 0; i < dataset->start_count; i++)
        free(dataset->starts[i]);
    free((void *)dataset->starts);
    free(dataset->snapshot);
    pthread_cond_destroy(&dataset->given_back);
    pthread_mutex_destroy(&dataset->lock);
    free(dataset);
}

static const struct dataset_class class = {
    .table_count = table_count,
    .schema = schema,
    .plan = postgres_plan,
    .open_cursor = postgres_open_cursor,
    .verify = verify,
    .finish = finish,
    .release = release,
};

/* When the last commit was, as far as the server keeps that; else now. */
static const char export_query[] =
    "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.date_part('epoch', coalesce("
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_xact_replay_timestamp()"
    " WHEN pg_catalog.current_setting('track_commit_timestamp') OPERATOR(pg_catalog.=) 'on'"
    " THEN (SELECT timestamp FROM pg_catalog.pg_last_committed_xact()) END,"
    " pg_catalog.transaction_timestamp()))";

static int begin_moment(struct postgres_dataset *dataset, struct buffer *state,
                        struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    struct link *keeper = &dataset->keeper;
    int error = postgres_link_begin(keeper, NULL, failure);

    if (error == 0)
        error = postgres_read_state(keeper, state, failure);
    if (error == 0)
        error = postgres_link_run(keeper, export_query, &result, failure);
    if (error != 0)
        return error;
    dataset->snapshot = strdup(PQgetvalue(result, 0, 0));

    double seconds = strtod(PQgetvalue(result, 0, 1), NULL);

    dataset->dataset.changed.tv_sec = (time_t)seconds;
    dataset->dataset.changed.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e6) * 1000;
    if (dataset->snapshot == NULL)
        return postgres_no_memory(failure, keeper);
    return postgres_catalogue_read(keeper, dataset->source->catalogue, &dataset->catalogue,
                                   failure);
}

/*
 * The state that the moment's own transaction tells is exactly the moment's: its snapshot is what
 * it reads by. But a standby tells how far it is at the time of asking, which is after the
 * snapshot; unless that had not changed since before, the moment is to be like no other.
 */
static int settle_state(const struct link *keeper, const struct buffer *before,
                        struct buffer *state, struct failure *failure)
{
    const char *standby = PQparameterStatus(keeper->connection, "in_hot_standby");
    bool same = before->size == state->size && memcmp(before->data, state->data, state->size) == 0;

    if (same || (standby != NULL && strcmp(standby, "off") == 0))
        return 0;
    if (buffer_print(state, "\n%llu", (unsigned long long)clock_now_ns()) != 0)
        return postgres_no_memory(failure, keeper);
    return 0;
}

/*
 * A server counts a connection that was closed until its process has ended, as that of the moment
 * before may not have: it is asked again for up to two thirds of a second.
 */
static int open_keeper(const struct postgres_source *source, struct link *keeper,
                       struct failure *failure)
{
    for (long pause_ns = SHORTEST_PAUSE_NS;; pause_ns *= 2) {
        const struct timespec pause = {.tv_nsec = pause_ns};
        int error = postgres_link_open(source, source->control.host, keeper, failure);

        if (error != -EBUSY || pause_ns > LONGEST_PAUSE_NS)
            return error;
        nanosleep(&pause, NULL);
    }
}

int postgres_begin(struct postgres_source *source, struct dataset **ret_dataset,
                   struct buffer *state, struct failure *failure)
{
    cleanup_buffer struct buffer before = BUFFER(POSTGRES_STATE_LIMIT);
    struct postgres_dataset *dataset = calloc(1, sizeof *dataset);
    size_t wanted = source->options.parallel;

    if (dataset == NULL)
        return postgres_no_memory(failure, &source->control);
    if (wanted < 1 || wanted > POSTGRES_LINKS_MOST)
        wanted = wanted < 1 ? 1 : POSTGRES_LINKS_MOST;
    dataset->dataset.class = &class;
    dataset->dataset.parallel = (unsigned)wanted;
    dataset->source = source;
    dataset->link_limit = wanted;
    pthread_mutex_init(&dataset->lock, NULL);
    pthread_cond_init(&dataset->given_back, NULL);

    int error = postgres_read_state(&source->control, &before, failure);

    if (error == 0)
        error = open_keeper(source, &dataset->keeper, failure);
    if (error == 0)
        error = begin_moment(dataset, state, failure);
    if (error == 0)
        error = settle_state(&dataset->keeper, &before, state, failure);
    if (error != 0) {
        release(&dataset->dataset);
        return error;
    }
    *ret_dataset = &dataset->dataset;
    return 0;
}
