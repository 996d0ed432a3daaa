/* SPDX-License-Identifier: MIT */
/*
 * How a moment is got hold of; mysql.h has the ways. The version that is given out is
 * asked for before the first snapshot and after the last. When both are the same,
 * nothing was committed in between; when not, the moment is right all the same, but
 * nothing else will equal it: it gets a version of its own.
 *
 * A snapshot protects rows, not tables: which tables there are is looked at before it, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"

#define SNAPSHOT_ATTEMPTS 16
#define VERSION_ATTEMPTS 3
#define MARIADB_BACKUP_STAGES 100400 /* the first version that has them, of both numbers */
#define WORTH_CONNECTIONS ((uint64_t)16 << 20) /* bytes of a database */
#define LOCK_WAIT_S 1
#define LOCK_PAUSE_NS (UINT64_C(30) * 1000000000) /* after it could not be had */
#define LIST_LIMIT ((size_t)1 << 20)

static bool same_version(const struct source_version *left, const struct source_version *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

static int start(struct mysql_source *source, struct mysql_link *link, struct failure *failure)
{
    return mysql_do(source, link, failure, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
}

static int start_all(struct mysql_dataset *dataset, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < dataset->link_count && error == 0; i++)
        error = start(dataset->source, dataset->links[i], failure);
    return error;
}

/* One link alone is one moment anyway. */
static void drop_all_but_first(struct mysql_dataset *dataset)
{
    while (dataset->link_count > 1)
        mysql_link_give_back(dataset->source, dataset->links[--dataset->link_count]);
}

/* --- one connection --------------------------------------------------------------------------- */

static int start_one(struct mysql_dataset *dataset, struct source_version *ret_version,
                     struct failure *failure)
{
    struct mysql_source *source = dataset->source;
    struct mysql_link *link = dataset->links[0];

    drop_all_but_first(dataset);
    for (int i = 0; i < VERSION_ATTEMPTS; i++) {
        struct source_version before;
        struct source_version after;
        int error = mysql_read_version(source, link, &before, failure);

        if (error == 0)
            error = start(source, link, failure);
        if (error == 0)
            error = link->changes == CHANGES_BINLOG
                        ? mysql_snapshot_version(source, link, &after, failure)
                        : mysql_read_version(source, link, &after, failure);
        if (error != 0)
            return error;
        if (link->changes == CHANGES_BINLOG || same_version(&before, &after)) {
            *ret_version = after;
            return 0;
        }
        if (mysql_is_unique(&before))
            break;
    }
    *ret_version = mysql_unique_version(source);
    return 0;
}

/* --- several, by their places in the binary log ------------------------------------------------
 */

/* -EAGAIN: others commit all the time. */
static int start_by_binlog(struct mysql_dataset *dataset, struct source_version *ret_version,
                           struct failure *failure)
{
    for (int i = 0; i < SNAPSHOT_ATTEMPTS; i++) {
        struct source_version first = {.words = {0}};
        struct source_version other;
        int error = start_all(dataset, failure);
        bool same = true;

        for (size_t j = 0; j < dataset->link_count && error == 0 && same; j++) {
            error = mysql_snapshot_version(dataset->source, dataset->links[j],
                                           j == 0 ? &first : &other, failure);
            same = j == 0 || same_version(&first, &other);
        }
        if (error != 0)
            return error;
        if (same) {
            *ret_version = first;
            return 0;
        }
    }
    return -EAGAIN;
}

/* --- several, while nobody may commit -----------------------------------------------------------
 */

static int lock(struct mysql_source *source, struct mysql_link *link)
{
    int error = mysql_do(source, link, NULL, "SET SESSION lock_wait_timeout=%d", LOCK_WAIT_S);

    if (error != 0)
        return error;
    if (link->mariadb && link->version >= MARIADB_BACKUP_STAGES) {
        error = mysql_do(source, link, NULL, "BACKUP STAGE START");
        return error == 0 ? mysql_do(source, link, NULL, "BACKUP STAGE BLOCK_COMMIT") : error;
    }
    return mysql_do(source, link, NULL, "FLUSH TABLES WITH READ LOCK");
}

/* Whatever became of it, the lock is gone with the link. */
static void unlock(struct mysql_source *source, struct mysql_link *link)
{
    mysql_link_close(source, link);
}

/* Whether it is worth trying. Who holds a table for long would hold up every moment a little. */
static bool may_lock(struct mysql_source *source)
{
    return clock_now_ns() >= __atomic_load_n(&source->lock_after_ns, __ATOMIC_RELAXED);
}

/* -EAGAIN: the privilege is not there, or somebody else's lock is. */
static int start_locked(struct mysql_dataset *dataset, struct source_version *ret_version,
                        struct failure *failure)
{
    struct mysql_source *source = dataset->source;
    struct mysql_link *locker;
    int error = mysql_link_another(source, dataset->links[0], &locker, failure);

    if (error != 0)
        return error;
    error = lock(source, locker);
    if (error != 0) {
        unsigned number = mysql_errno(locker->handle);

        unlock(source, locker);
        /* A lock that did not come in time may come later. */
        __atomic_store_n(&source->lock_after_ns,
                         number == 1205 || number == 1317 ? clock_now_ns() + LOCK_PAUSE_NS
                                                          : UINT64_MAX,
                         __ATOMIC_RELAXED);
        return -EAGAIN;
    }
    error = start_all(dataset, failure);
    if (error == 0)
        error = dataset->links[0]->changes == CHANGES_BINLOG
                    ? mysql_snapshot_version(source, dataset->links[0], ret_version, failure)
                    : mysql_read_version(source, dataset->links[0], ret_version, failure);
    unlock(source, locker);
    return error;
}

/* --- the dataset --------------------------------------------------------------------------------
 */

/* Bytes of data in the database, about. */
static uint64_t database_bytes(struct mysql_source *source, struct mysql_link *link)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;

    if (mysql_ask(source, link,
                  "SELECT SUM(DATA_LENGTH) FROM information_schema.TABLES "
                  "WHERE TABLE_SCHEMA = DATABASE()",
                  &rows, NULL) != 0)
        return 0;
    row = mysql_fetch_row(rows);
    return row != NULL && row[0] != NULL ? strtoull(row[0], NULL, 10) : 0;
}

/* Whether several links can be got into one moment. */
static bool can_join(const struct mysql_dataset *dataset)
{
    return dataset->links[0]->changes == CHANGES_BINLOG || may_lock(dataset->source);
}

/* As many links as the database is worth, all to one host. */
static int take_links(struct mysql_dataset *dataset, struct failure *failure)
{
    struct mysql_source *source = dataset->source;
    int error = mysql_link_take(source, &dataset->links[0], failure);

    if (error != 0)
        return error;
    dataset->link_count = 1;
    if (source->settings.connections == 1 || !can_join(dataset) ||
        database_bytes(source, dataset->links[0]) < WORTH_CONNECTIONS)
        return error;
    while (dataset->link_count < source->settings.connections) {
        struct mysql_link *link;

        if (mysql_link_take(source, &link, NULL) != 0)
            break;
        if (link->host != dataset->links[0]->host) {
            mysql_link_close(source, link);
            break;
        }
        dataset->links[dataset->link_count++] = link;
    }
    return 0;
}

static int start_moment(struct mysql_dataset *dataset, struct source_version *ret_version,
                        struct failure *failure)
{
    int error = -EAGAIN;

    if (dataset->link_count > 1 && dataset->links[0]->changes == CHANGES_BINLOG)
        error = start_by_binlog(dataset, ret_version, failure);
    if (error == -EAGAIN && dataset->link_count > 1 && can_join(dataset))
        error = start_locked(dataset, ret_version, failure);
    return error == -EAGAIN ? start_one(dataset, ret_version, failure) : error;
}

/* What a table's lock keeps from being altered is let go after each (mysql_cursor.c). */
static int read_catalogue(struct mysql_dataset *dataset, struct mysql_catalogue *before,
                          struct failure *failure)
{
    struct mysql_source *source = dataset->source;
    int error = 0;

    for (size_t i = 0; i < dataset->link_count && error == 0; i++)
        error = mysql_do(source, dataset->links[i], failure, "SAVEPOINT crmfs");
    if (error == 0)
        error =
            mysql_catalogue_read(source, dataset->links[0], before, &dataset->catalogue, failure);
    if (error == 0)
        error = mysql_do(source, dataset->links[0], failure, "ROLLBACK TO SAVEPOINT crmfs");
    return error;
}

bool mysql_is_transactional(const char *engine)
{
    static const char *const engines[] = {"InnoDB", "RocksDB", "ROCKSDB",
                                          "TokuDB", "",        "ndbcluster"};

    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        if (strcmp(engines[i], engine) == 0)
            return true;
    }
    return false;
}

/* Whether the table may show as it is at another moment than the dataset's. */
static bool may_stray(const struct mysql_table *table)
{
    if (table->schema->kind == RELATION_VIEW)
        return table->standing.mixed || table->standing.untold;
    return table->is_sequence || !mysql_is_transactional(table->engine);
}

static bool lacks_definition(const struct mysql_table *table)
{
    return table->schema->kind == RELATION_VIEW &&
           (table->definition == NULL || table->definition[0] == '\0');
}

/* The names of the tables that are WANTED, as JSON strings with commas; NULL: no memory. */
static char *list_names(const struct mysql_catalogue *catalogue,
                        bool (*wanted)(const struct mysql_table *))
{
    cleanup_buffer struct buffer list = BUFFER(LIST_LIMIT);
    int error = 0;

    for (size_t i = 0; i < catalogue->count && error == 0; i++) {
        const char *name = catalogue->tables[i].schema->name;

        if (!wanted(&catalogue->tables[i]))
            continue;
        error = buffer_append_text(&list, list.size != 0 ? "," : "");
        if (error == 0)
            error = json_text_append(&list, name, strlen(name));
    }
    return error == 0 && buffer_append(&list, "", 1) == 0 ? strdup((const char *)list.data) : NULL;
}

/* For the status. Without memory it says nothing. */
static void note_status(const struct mysql_dataset *dataset)
{
    struct mysql_source *source = dataset->source;
    char *inconsistent = list_names(&dataset->catalogue, may_stray);
    char *undefined = list_names(&dataset->catalogue, lacks_definition);

    pthread_mutex_lock(&source->lock);
    source->parallel_now = (unsigned)dataset->link_count;
    free(source->inconsistent);
    free(source->undefined);
    source->one_by_one = dataset->dataset.unseen != NULL;
    source->inconsistent = inconsistent;
    source->undefined = undefined;
    pthread_mutex_unlock(&source->lock);
}

static int read_grants(struct mysql_dataset *dataset, struct failure *failure)
{
    bool one_by_one;
    int error = mysql_read_grants(dataset->source, dataset->links[0], &one_by_one, failure);

    if (error == 0 && one_by_one) {
        mysql_word_grants(dataset->source, dataset->unseen);
        dataset->dataset.unseen = dataset->unseen;
    }
    return error;
}

int mysql_begin(struct source *base, struct dataset **ret_dataset,
                struct source_version *ret_version, struct failure *failure)
{
    struct mysql_source *source = (struct mysql_source *)base;
    struct mysql_dataset *dataset = mysql_dataset_create(source);
    struct mysql_catalogue before = {.count = 0};
    struct source_version version;

    if (dataset == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));

    int error = take_links(dataset, failure);

    if (error == 0)
        error = mysql_catalogue_outline(source, dataset->links[0], &before, failure);
    if (error == 0)
        error = start_moment(dataset, &version, failure);
    if (error == 0)
        error = read_catalogue(dataset, &before, failure);
    if (error == 0)
        error = read_grants(dataset, failure);
    mysql_catalogue_release(&before);
    if (error != 0) {
        dataset->dataset.class->release(&dataset->dataset);
        return error;
    }
    clock_gettime(CLOCK_REALTIME, &dataset->dataset.changed);
    dataset->dataset.parallel = (unsigned)dataset->link_count;
    note_status(dataset);
    *ret_version = version;
    *ret_dataset = &dataset->dataset;
    return 0;
}
