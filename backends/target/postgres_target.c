/* SPDX-License-Identifier: MIT */
#include "backends/target/postgres_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sql_text.h"
#include "backends/target/targets.h"
#include "fs/base/memory.h"

/* ---- Statements ------------------------------------------------------------------------------ */

int postgres_add_table(struct buffer *sql, const struct table *table)
{
    cleanup_free char *schema = sql_name(table->raw_schema);
    cleanup_free char *name = sql_name(table->raw_name);

    return schema != NULL && name != NULL ? buffer_print(sql, "%s.%s", schema, name) : -ENOMEM;
}

int postgres_add_column(struct buffer *sql, const struct table *table, size_t column)
{
    cleanup_free char *name = sql_name(table->columns[column].raw_name);

    return name != NULL ? buffer_append_text(sql, name) : -ENOMEM;
}

/* What lets the user write, behind what the server says is refused. */
static const char *what_to_grant(const char *words)
{
    if (strstr(words, " sequence ") != NULL)
        return "; GRANT SELECT, UPDATE ON the sequence lets crmfs move it behind the rows";
    if (strstr(words, " schema ") != NULL)
        return "; GRANT USAGE, CREATE ON the schema lets crmfs make tables";
    return strstr(words, " table ") != NULL
               ? "; GRANT SELECT, INSERT, UPDATE, DELETE ON the table, and SELECT, UPDATE ON its "
                 "sequences, lets crmfs write rows"
               : "";
}

int postgres_target_failure(struct postgres_target *target, const PGresult *result,
                            const char *table, struct failure *failure)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    int code = EINVAL;

    /* Classes: 22 data, 23 constraints, 40 others were faster, 42 and 0A what cannot be done. */
    if (state == NULL || words == NULL)
        return postgres_failure(failure, &target->link, result);
    if (strcmp(state, "23505") == 0)
        code = EEXIST;
    else if (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0)
        code = EBUSY;
    else if (strcmp(state, "42501") == 0)
        code = EACCES;
    else if (strcmp(state, "53100") == 0)
        code = ENOSPC;
    else if (strncmp(state, "22", 2) != 0 && strncmp(state, "23", 2) != 0 &&
             strncmp(state, "42", 2) != 0 && strncmp(state, "0A", 2) != 0)
        return postgres_failure(failure, &target->link, result);
    return failure_set(failure, code, "%s%s%s%.300s%s%.300s (SQLSTATE %s)%s",
                       table != NULL ? "table \"" : "", table != NULL ? table : "",
                       table != NULL ? "\": " : "", words, detail != NULL ? ": " : "",
                       detail != NULL ? detail : "", state,
                       strcmp(state, "23503") == 0 ? "; " TARGET_ORPHAN_HINT
                       : code == EBUSY             ? "; somebody else is writing it: try again"
                       : code == EACCES            ? what_to_grant(words)
                                                   : "");
}

int postgres_target_run(struct postgres_target *target, struct buffer *sql, PGresult **ret_result,
                        struct failure *failure)
{
    PGresult *result = NULL;
    int error = buffer_append(sql, "", 1);

    /* COPY's way gives the result whatever it is. */
    if (error == 0)
        error = postgres_link_send_rows(&target->link, (const char *)sql->data, NULL, 0, &result,
                                        failure);
    buffer_release(sql);
    if (error == 0 && PQresultStatus(result) != PGRES_COMMAND_OK &&
        PQresultStatus(result) != PGRES_TUPLES_OK)
        error = postgres_target_failure(target, result, NULL, failure);
    if (error == 0 && ret_result != NULL)
        *ret_result = result;
    else
        PQclear(result);
    return error;
}

/* ---- The catalogue --------------------------------------------------------------------------- */

int postgres_target_read(struct postgres_target *target, struct catalogue **ret_catalogue,
                         struct failure *failure)
{
    struct catalogue **all = reallocarray((void *)target->catalogues, target->catalogue_count + 1,
                                          sizeof(struct catalogue *));
    int error;

    if (all == NULL)
        return -ENOMEM;
    target->catalogues = all;
    error = postgres_catalogue_read(&target->link, NULL, &all[target->catalogue_count], failure);
    if (error != 0)
        return error;
    *ret_catalogue = all[target->catalogue_count++];
    /* What the database's own triggers and defaults mean by their names is theirs again. */
    return postgres_link_do(&target->link, "SET LOCAL search_path TO DEFAULT", failure);
}

static int add_places(struct postgres_target *target, const struct catalogue *catalogue)
{
    target->places = allocate_array(catalogue->count, sizeof(struct postgres_place *));
    if (target->places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < catalogue->count; i++) {
        struct postgres_place *place = calloc(1, sizeof *place);

        if (place == NULL)
            return -ENOMEM;
        place->table = &catalogue->tables[i];
        target->places[target->place_count++] = place;
    }
    return 0;
}

static size_t table_count(const struct target *base)
{
    return ((const struct postgres_target *)base)->place_count;
}

static struct schema *schema_at(const struct target *base, size_t index)
{
    return ((const struct postgres_target *)base)->places[index]->table->schema;
}

struct postgres_place *postgres_target_place(const struct postgres_target *target,
                                             const struct schema *schema)
{
    for (size_t i = 0; i < target->place_count; i++) {
        if (target->places[i]->table->schema == schema)
            return target->places[i];
    }
    return NULL;
}

/* ---- The transaction ------------------------------------------------------------------------- */

static int begin(struct target *base, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct catalogue *catalogue;
    int error = postgres_source_take(target->source, &target->link, failure);

    if (error == 0)
        error = postgres_link_begin_writing(&target->link, failure);
    if (error == 0) {
        target->open = true;
        error = postgres_link_do(&target->link, "SET CONSTRAINTS ALL DEFERRED", failure);
    }
    if (error == 0)
        error = postgres_target_read(target, &catalogue, failure);
    return error == 0 ? add_places(target, catalogue) : error;
}

static int run_afterwards(struct postgres_target *target, struct failure *failure)
{
    int error = buffer_append(&target->afterwards, "", 1);

    if (error == 0)
        error = postgres_link_do(&target->link, (const char *)target->afterwards.data, failure);
    buffer_clear(&target->afterwards);
    return error;
}

static int check(struct target *base, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = postgres_complete_tables(target, failure);

    if (error == 0)
        error = buffer_append_text(&sql, "SET CONSTRAINTS ALL IMMEDIATE");
    if (error == 0)
        error = postgres_target_run(target, &sql, NULL, failure);
    return error == 0 && target->afterwards.size != 0 ? run_afterwards(target, failure) : error;
}

/* ---- Sequences ------------------------------------------------------------------------------- */

/* Numbers of columns, and the sequence that each counts by: its own, or one that it only asks. */
static int ask_sequences(struct postgres_target *target, const struct table *table,
                         PGresult **ret_rows, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct buffer name = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_free char *quoted = NULL;
    int error = postgres_add_table(&name, table);

    if (error == 0)
        error = buffer_append(&name, "", 1);
    if (error == 0)
        quoted = sql_literal((const char *)name.data);
    buffer_release(&name);
    if (quoted == NULL)
        return -ENOMEM;
    error = buffer_print(
        &sql,
        "SELECT q.number, q.sequence FROM (SELECT a.attnum AS number, coalesce("
        "pg_catalog.pg_get_serial_sequence(%s, a.attname)::pg_catalog.regclass::pg_catalog.oid, "
        "(SELECT d.refobjid FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d "
        "ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid "
        "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
        "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'S' "
        "WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND "
        "pg_catalog.pg_get_expr(f.adbin, f.adrelid) LIKE 'nextval(%%::regclass)' LIMIT 1)) "
        "AS sequence FROM pg_catalog.pg_attribute a WHERE a.attrelid = %u AND a.attnum > 0 "
        "AND NOT a.attisdropped) q WHERE q.sequence IS NOT NULL",
        quoted, table->oid);
    return error == 0 ? postgres_target_run(target, &sql, ret_rows, failure) : error;
}

/* The sequence goes on behind the column's rows; never back, nor does one that counts down. */
static int move_sequence(struct postgres_target *target, const struct table *table, size_t column,
                         const char *sequence, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(
        &sql, "SELECT pg_catalog.setval(p.seqrelid::pg_catalog.regclass, least(q.m, p.seqmax)::"
              "pg_catalog.int8) FROM pg_catalog.pg_sequence p, (SELECT max(");

    if (error == 0)
        error = postgres_add_column(&sql, table, column);
    if (error == 0)
        error = buffer_append_text(&sql, ") AS m FROM ");
    if (error == 0)
        error = postgres_add_table(&sql, table);
    if (error == 0)
        error = buffer_print(
            &sql,
            ") q WHERE p.seqrelid = %s AND p.seqincrement > 0 AND q.m > coalesce("
            "(SELECT v.last_value FROM pg_catalog.pg_sequences v WHERE pg_catalog.format("
            "'%%I.%%I', v.schemaname, v.sequencename)::pg_catalog.regclass = p.seqrelid), "
            "p.seqstart::pg_catalog.numeric - 1)",
            sequence);
    return error == 0 ? postgres_target_run(target, &sql, NULL, failure) : error;
}

static int move_sequences_of(struct postgres_target *target, const struct table *table,
                             struct failure *failure)
{
    cleanup_result PGresult *rows = NULL;
    int error = ask_sequences(target, table, &rows, failure);

    for (int i = 0; error == 0 && i < PQntuples(rows); i++) {
        ssize_t column = postgres_table_find_column(table, atoi(PQgetvalue(rows, i, 0)));
        enum column_type type = column >= 0 ? table->schema->columns[column].type : COLUMN_TEXT;

        if (type == COLUMN_INTEGER || type == COLUMN_DECIMAL)
            error = move_sequence(target, table, (size_t)column, PQgetvalue(rows, i, 1), failure);
    }
    return error;
}

static int move_sequences(struct postgres_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        if (target->places[i]->written)
            error = move_sequences_of(target, target->places[i]->table, failure);
    }
    return error;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

/* The server answers the COMMIT of a transaction that it has given up with "ROLLBACK", and no
 * error. */
static int check_committed(PGresult *result, struct failure *failure)
{
    return strcmp(PQcmdStatus(result), "COMMIT") == 0
               ? 0
               : failure_set(failure, EIO,
                             "the server took the transaction back instead of committing it; "
                             "nothing was changed");
}

static int commit(struct target *base, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    cleanup_result PGresult *result = NULL;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = move_sequences(target, failure);

    if (error == 0)
        error = buffer_append_text(&sql, "COMMIT");
    if (error != 0)
        return error;
    error = postgres_target_run(target, &sql, &result, failure);
    base->in_doubt = error != 0 && postgres_link_is_lost(&target->link);
    if (base->in_doubt)
        return failure_prefix(failure, -error, TARGET_COMMIT_UNKNOWN);
    if (error != 0)
        return error;
    target->open = false;
    return check_committed(result, failure);
}

static void rollback(struct target *base)
{
    struct postgres_target *target = (struct postgres_target *)base;

    if (target->open && !postgres_link_is_lost(&target->link))
        postgres_link_do(&target->link, "ROLLBACK", NULL);
    target->open = false;
}

static void close_target(struct target *base)
{
    struct postgres_target *target = (struct postgres_target *)base;

    rollback(base);
    postgres_link_close(&target->link);
    for (size_t i = 0; i < target->place_count; i++) {
        schema_release(target->places[i]->like);
        free(target->places[i]->later);
        free(target->places[i]->late_key);
        table_extras_release(&target->places[i]->extras);
        free(target->places[i]);
    }
    free((void *)target->places);
    for (size_t i = 0; i < target->catalogue_count; i++)
        postgres_catalogue_release(target->catalogues[i]);
    free((void *)target->catalogues);
    free(target->staged);
    buffer_release(&target->afterwards);
    target->source->source.class->close(&target->source->source);
    buffer_release(&target->line);
    free(target->cells);
    free(target->numbers);
    free(target);
}

static const struct target_class class = {
    .kind = "postgresql",
    .creates_within = true,
    .begin = begin,
    .table_count = table_count,
    .schema = schema_at,
    .create_table = postgres_create_table,
    .create_view = postgres_create_view,
    .open_load = postgres_open_load,
    .check = check,
    .commit = commit,
    .rollback = rollback,
    .lock_row = postgres_lock_row,
    .update_row = postgres_update_row,
    .delete_row = postgres_delete_row,
    .close = close_target,
};

int postgres_target_open(const char *url, const struct target_options *options,
                         struct target **ret_target, struct failure *failure)
{
    struct postgres_target *target = calloc(1, sizeof *target);
    struct postgres_source *source = NULL;
    int error =
        target != NULL ? postgres_source_reach(url, &options->source, &source, failure) : -ENOMEM;

    if (error != 0) {
        free(target);
        return error;
    }
    target->target.class = &class;
    target->source = source;
    target->look_only = options->look_only;
    target->unrelated = options->unrelated;
    target->line = BUFFER((size_t)1 << 30);
    target->afterwards = BUFFER(POSTGRES_SQL_LIMIT);
    *ret_target = &target->target;
    return 0;
}
