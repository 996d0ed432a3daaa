/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/plain_file.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"

static struct sqlite_dataset *own(struct dataset *base)
{
    return (struct sqlite_dataset *)base;
}

static size_t table_count(const struct dataset *base)
{
    return ((const struct sqlite_dataset *)base)->catalogue->count;
}

static struct schema *schema(const struct dataset *base, size_t table)
{
    return ((const struct sqlite_dataset *)base)->catalogue->tables[table].schema;
}

/*
 * Whether the files are other than when the dataset began. What a snapshot sees
 * SQLite protects; a lock does so against all who heed it. A database that was
 * replaced by another is still there for those who have it open, and unchanged,
 * but that cannot be told from here for one that is not locked.
 */
static bool has_changed(const struct sqlite_dataset *dataset)
{
    cleanup_place struct place now = {.path = NULL};

    if (dataset->moment == MOMENT_HELD)
        return false;

    bool looked = place_look(dataset->source->path, &now, NULL) == 0;

    switch (dataset->moment) {
    case MOMENT_SNAPSHOT:
    case MOMENT_HELD: break;
    case MOMENT_LOCKED:
        return looked && file_mark_same_file(&dataset->place.database, &now.database) &&
               !file_mark_equal(&dataset->place.database, &now.database);
    case MOMENT_FILE: return !looked || !file_mark_equal(&dataset->place.database, &now.database);
    case MOMENT_FILE_LOG: return !looked || !place_equal(&dataset->place, &now);
    }
    return false;
}

static int stale(const struct sqlite_dataset *dataset, struct failure *failure)
{
    return failure_set(failure, ESTALE,
                       SHOWN_PATH ": the database was changed while it was read; it is to be "
                                  "read again",
                       dataset->place.path);
}

static int verify(struct dataset *base, struct failure *failure)
{
    return has_changed(own(base)) ? stale(own(base), failure) : 0;
}

/*
 * Only some faults may come of bytes that changed underneath; the others are
 * what they are.
 */
int sqlite_dataset_failure(struct sqlite_dataset *dataset, struct connection *connection, int code,
                           const struct table *table, struct failure *failure)
{
    int kind = code & 0xff;

    if ((kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_IOERR ||
         kind == SQLITE_SCHEMA) &&
        has_changed(dataset))
        return stale(dataset, failure);

    int error =
        sqlite_failure(failure, connection, code, table != NULL ? table->schema->name : NULL);

    if (error == -EILSEQ && failure != NULL)
        failure->code = EIO;
    return error == -EILSEQ ? -EIO : error;
}

static struct connection *find_idle(struct sqlite_dataset *dataset)
{
    for (size_t i = 0; i < dataset->connection_count; i++) {
        if (!dataset->connections[i].taken)
            return &dataset->connections[i];
    }
    return NULL;
}

int sqlite_dataset_take(struct sqlite_dataset *dataset, struct connection **ret_connection,
                        struct failure *failure)
{
    struct connection *connection = NULL;

    pthread_mutex_lock(&dataset->lock);
    while (dataset->connection_count != 0 && (connection = find_idle(dataset)) == NULL)
        pthread_cond_wait(&dataset->given_back, &dataset->lock);
    if (connection != NULL)
        connection->taken = true;
    pthread_mutex_unlock(&dataset->lock);
    if (connection == NULL)
        return stale(dataset, failure);

    int error = connection_ready(connection, failure);

    if (error != 0) {
        sqlite_dataset_give_back(dataset, connection);
        return error;
    }
    *ret_connection = connection;
    return 0;
}

void sqlite_dataset_give_back(struct sqlite_dataset *dataset, struct connection *connection)
{
    connection->foreign_collation = false;
    connection->ended = 0;
    pthread_mutex_lock(&dataset->lock);
    connection->taken = false;
    pthread_cond_signal(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
}

static void finish(struct dataset *base)
{
    struct sqlite_dataset *dataset = own(base);

    pthread_mutex_lock(&dataset->lock);
    for (size_t i = 0; i < dataset->connection_count; i++) {
        connection_end(&dataset->connections[i]);
        connection_close(&dataset->connections[i]);
    }
    dataset->connection_count = 0;
    pthread_cond_broadcast(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
}

static void release(struct dataset *base)
{
    struct sqlite_dataset *dataset = own(base);

    finish(base);
    catalogue_release(dataset->catalogue);
    place_release(&dataset->place);
    free(dataset->connections);
    pthread_cond_destroy(&dataset->given_back);
    pthread_mutex_destroy(&dataset->lock);
    free(dataset);
}

static const struct dataset_class class = {
    .table_count = table_count,
    .schema = schema,
    .plan = sqlite_plan,
    .open_cursor = sqlite_open_cursor,
    .verify = verify,
    .finish = finish,
    .release = release,
};

struct sqlite_dataset *sqlite_dataset_create(struct sqlite_source *source, size_t count)
{
    struct sqlite_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL)
        return NULL;
    dataset->connections = allocate_array(count, sizeof *dataset->connections);
    if (dataset->connections == NULL) {
        free(dataset);
        return NULL;
    }
    dataset->dataset.class = &class;
    dataset->source = source;
    pthread_mutex_init(&dataset->lock, NULL);
    pthread_cond_init(&dataset->given_back, NULL);
    return dataset;
}
