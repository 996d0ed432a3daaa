/* SPDX-License-Identifier: MIT */
#include "backends/target/mysql_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql.h"
#include "backends/target/targets.h"
#include "fs/base/memory.h"

/* ---- Statements ------------------------------------------------------------------------------ */

static int send(struct mysql_target *target, struct buffer *text, struct failure *failure)
{
    mysql_link_wait_begins(target->link);

    int failed = mysql_real_query(target->link->handle, (const char *)text->data, text->size);

    mysql_link_wait_ends(target->link);
    buffer_release(text);
    return failed == 0 ? 0 : mysql_link_failure(target->source, target->link, NULL, failure);
}

int mysql_target_run(struct mysql_target *target, struct buffer *text, struct failure *failure)
{
    int error = send(target, text, failure);

    if (error == 0)
        mysql_free_result(mysql_store_result(target->link->handle));
    return error;
}

int mysql_target_ask(struct mysql_target *target, struct buffer *text, MYSQL_RES **ret_rows,
                     struct failure *failure)
{
    int error = send(target, text, failure);

    if (error != 0)
        return error;
    mysql_link_wait_begins(target->link);
    *ret_rows = mysql_store_result(target->link->handle);
    mysql_link_wait_ends(target->link);
    return *ret_rows != NULL ? 0 : mysql_link_failure(target->source, target->link, NULL, failure);
}

int mysql_add_equal(struct buffer *text, const struct schema *schema, const size_t *columns,
                    size_t count, const char *left, const char *right)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_print(text, "%s%s.", i == 0 ? "" : " AND ", left);
        if (error == 0)
            error = mysql_add_name(text, schema->columns[columns[i]].name);
        if (error == 0)
            error = buffer_print(text, " <=> %s.", right);
        if (error == 0)
            error = mysql_add_name(text, schema->columns[columns[i]].name);
    }
    return error;
}

/* ---- The transaction ------------------------------------------------------------------------- */

/* A connection that may be given rows. */
static int connect_to_give(struct mysql_target *target, struct failure *failure)
{
    struct mysql_link *first = target->link;
    int error;

    target->link = NULL;
    target->source->gives_lines = true;
    error = mysql_link_another(target->source, first, &target->link, failure);
    target->source->gives_lines = false; /* no other will be: its server could ask for any file */
    mysql_link_close(target->source, first);
    if (error == 0)
        mysql_give_lines(target);
    return error;
}

static int connect(struct mysql_target *target, struct failure *failure)
{
    target->source->writes = true;

    int error = mysql_link_take(target->source, &target->link, failure);

    if (error == 0 && !target->look_only)
        error = connect_to_give(target, failure);
    if (error != 0)
        return error;
    return mysql_do(target->source, target->link, failure,
                    "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,"
                    "NO_ENGINE_SUBSTITUTION', foreign_key_checks=0, sql_safe_updates=0, "
                    "max_error_count=100, sql_notes=1, innodb_lock_wait_timeout=%u",
                    target->lock_wait_s);
}

/*
 * One restore a database, so that tables being made are nobody else's. A server takes a moment to
 * see that a client was killed.
 */
static int lock_database(struct mysql_target *target, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(target->source, target->link,
                          "SELECT GET_LOCK(CONCAT('crmfs restore ', SHA1(DATABASE())), 10)", &rows,
                          failure);
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    if (error != 0)
        return error;
    if (row == NULL || row[0] == NULL || row[0][0] != '1')
        return failure_set(failure, EBUSY,
                           "another restore is writing to database %s; try again when it is done",
                           target->source->database);
    target->locked = true;
    return 0;
}

static int drop(struct mysql_target *target, const char *name, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_append_text(&text, "DROP TABLE ");

    if (error == 0)
        error = mysql_add_name(&text, name);
    if (error == 0)
        error = mysql_target_run(target, &text, failure);
    buffer_release(&text);
    return error != 0 && failure != NULL && failure->code != 0
               ? failure_prefix(
                     failure, -error,
                     "the table %s, which an interrupted restore has left, cannot be "
                     "dropped; drop it, or give %s the right to",
                     name, target->source->url.user != NULL ? target->source->url.user : "the user")
               : error;
}

/* What an interrupted restore has left. */
static int drop_left(struct mysql_target *target, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(target->source, target->link,
                          "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                          "DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME LIKE "
                          "'crmfs\\_new\\_%'",
                          &rows, failure);
    MYSQL_ROW row;

    while (error == 0 && (row = mysql_fetch_row(rows)) != NULL) {
        if (mysql_is_unfinished(target->source, row[0]))
            error = drop(target, row[0], failure);
    }
    return error;
}

int mysql_target_start(struct mysql_target *target, struct failure *failure)
{
    if (target->open)
        return 0;

    int error = mysql_do(target->source, target->link, failure,
                         "START TRANSACTION WITH CONSISTENT SNAPSHOT");

    target->open = error == 0;
    return error;
}

static int add_places(struct mysql_target *target)
{
    target->places = allocate_array(target->catalogue.count, sizeof(struct mysql_place *));
    if (target->places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < target->catalogue.count; i++) {
        struct mysql_place *place = calloc(1, sizeof *place);

        if (place == NULL)
            return -ENOMEM;
        place->table = &target->catalogue.tables[i];
        place->schema = schema_reference(place->table->schema);
        target->places[target->place_count++] = place;
    }
    return 0;
}

static int begin(struct target *base, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    int error = connect(target, failure);

    if (error == 0 && !target->look_only)
        error = lock_database(target, failure);
    if (error == 0 && !target->look_only)
        error = drop_left(target, failure);
    if (error == 0)
        error = mysql_target_start(target, failure);
    if (error == 0)
        error =
            mysql_catalogue_read(target->source, target->link, NULL, &target->catalogue, failure);
    return error == 0 ? add_places(target) : error;
}

static size_t table_count(const struct target *base)
{
    return ((const struct mysql_target *)base)->place_count;
}

static struct schema *schema_at(const struct target *base, size_t index)
{
    return ((const struct mysql_target *)base)->places[index]->schema;
}

struct mysql_place *mysql_target_place(const struct mysql_target *target,
                                       const struct schema *schema)
{
    for (size_t i = 0; i < target->place_count; i++) {
        if (target->places[i]->schema == schema)
            return target->places[i];
    }
    return NULL;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static int check(struct target *base, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    int error = mysql_complete_tables(target, failure);

    /* Since its foreign keys are there, nobody can take away what a new table refers to. */
    if (error == 0 && !target->unrelated)
        error = mysql_check_keys(target, failure);
    return error == 0 ? mysql_check_gone(target, failure) : error;
}

static int commit(struct target *base, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    int error = 0;

    if (target->open)
        error = mysql_do(target->source, target->link, failure, "COMMIT");
    if (error == 0) {
        target->open = false;
        error = mysql_rename_tables(target, failure);
    }
    base->in_doubt = error != 0 && target->link->broken;
    return base->in_doubt ? failure_prefix(failure, -error, TARGET_COMMIT_UNKNOWN) : error;
}

static void rollback(struct target *base)
{
    struct mysql_target *target = (struct mysql_target *)base;

    if (target->link == NULL || target->link->broken)
        return;
    if (target->open)
        mysql_do(target->source, target->link, NULL, "ROLLBACK");
    target->open = false;
    mysql_drop_made(target);
}

static void free_place(struct mysql_place *place)
{
    schema_release(place->schema);
    if (place->is_made) {
        schema_release(place->made.schema);
        free(place->made.columns);
    }
    free(place->later);
    table_extras_release(&place->extras);
    free(place->stage);
    free(place->stage_key);
    free(place->put);
    free(place->gone);
    free(place);
}

static void close_target(struct target *base)
{
    struct mysql_target *target = (struct mysql_target *)base;

    rollback(base);
    if (target->rows != NULL)
        mysql_free_result(target->rows);
    mysql_references_release(&target->own_keys);
    mysql_references_release(&target->outside_keys);
    if (target->link != NULL)
        mysql_link_close(target->source, target->link);
    for (size_t i = 0; i < target->place_count; i++)
        free_place(target->places[i]);
    free((void *)target->places);
    mysql_catalogue_release(&target->catalogue);
    target->source->source.class->close(&target->source->source);
    free(target->cells);
    free(target->numbers);
    free(target);
}

static const struct target_class class = {
    .kind = "mysql",
    .creates_within = false,
    .begin = begin,
    .table_count = table_count,
    .schema = schema_at,
    .create_table = mysql_create_table,
    .create_view = mysql_create_view,
    .open_load = mysql_open_load,
    .check = check,
    .commit = commit,
    .rollback = rollback,
    .lock_row = mysql_lock_row,
    .update_row = mysql_update_row,
    .delete_row = mysql_delete_row,
    .close = close_target,
};

int mysql_target_open(const char *url, const struct target_options *options,
                      struct target **ret_target, struct failure *failure)
{
    struct mysql_target *target = calloc(1, sizeof *target);
    struct source *source;
    int error =
        target != NULL ? mysql_source_open(url, &options->source, &source, failure) : -ENOMEM;

    if (error != 0) {
        free(target);
        return error;
    }
    target->target.class = &class;
    target->source = (struct mysql_source *)source;
    target->look_only = options->look_only;
    target->unrelated = options->unrelated;
    target->lock_wait_s = (options->source.busy_timeout_ms + 999) / 1000;
    *ret_target = &target->target;
    return 0;
}
