/* SPDX-License-Identifier: MIT */
/*
 * New tables in PostgreSQL. One that was a PostgreSQL table is made by its own statements, of which
 * only those are run that make types, sequences, the table, its indexes and keys: what runs
 * programs of its own (triggers, policies, extensions) is left to the user, and said.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sql_lexer.h"
#include "backends/target/create.h"
#include "backends/target/notes.h"
#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

/* How statements begin, and when they are run. */
static const struct {
    const char *begin;
    enum { RUN_FIRST, RUN_LATER } when;
    bool may_be_there; /* a thing of that name that is there already will do */
} kinds[] = {
    {"CREATE SCHEMA ", RUN_FIRST, true},        {"CREATE TYPE ", RUN_FIRST, true},
    {"CREATE DOMAIN ", RUN_FIRST, true},        {"CREATE SEQUENCE ", RUN_FIRST, true},
    {"CREATE TABLE ", RUN_FIRST, false},        {"CREATE UNLOGGED TABLE ", RUN_FIRST, false},
    {"ALTER SEQUENCE ", RUN_FIRST, false},      {"CREATE INDEX ", RUN_LATER, false},
    {"CREATE UNIQUE INDEX ", RUN_LATER, false}, {"ALTER TABLE ", RUN_LATER, true},
    {"COMMENT ON ", RUN_LATER, false},
};
#define KINDS (sizeof kinds / sizeof *kinds)

struct creating {
    struct postgres_target *target;
    const struct schema *like;
    struct buffer later; /* statements, each ended by a NUL */
    struct buffer notes; /* lines: what is not brought along */
    size_t left_out;     /* statements of its own */
    int (*take)(struct creating *creating, const char *sql, struct failure *failure);
    struct table_extras extras; /* of other databases' tables */
};

int postgres_try_statement(struct postgres_target *target, const char *sql, bool may_be_there,
                           struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    const char *state;
    int error = postgres_link_do(&target->link, "SAVEPOINT crmfs_make", failure);

    if (error == 0)
        error = postgres_link_send_rows(&target->link, sql, NULL, 0, &result, failure);
    if (error != 0)
        return error;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        return postgres_link_do(&target->link, "RELEASE SAVEPOINT crmfs_make", failure);
    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (may_be_there && state != NULL &&
        (strcmp(state, "42710") == 0 || strcmp(state, "42P07") == 0 ||
         strcmp(state, "42P06") == 0)) {
        error = postgres_link_do(&target->link,
                                 "ROLLBACK TO SAVEPOINT crmfs_make; RELEASE SAVEPOINT crmfs_make",
                                 failure);
        return error == 0 ? 1 : error;
    }
    return postgres_target_failure(target, result, NULL, failure);
}

int postgres_find_in_public(struct postgres_target *target, struct failure *failure)
{
    return postgres_link_do(&target->link, "SET LOCAL search_path TO public", failure);
}

int postgres_find_as_usual(struct postgres_target *target, struct failure *failure)
{
    return postgres_link_do(&target->link, "SET LOCAL search_path TO DEFAULT", failure);
}

static bool runs(const char *sql, size_t *ret_kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strncmp(sql, kinds[i].begin, strlen(kinds[i].begin)) == 0) {
            *ret_kind = i;
            return strncmp(sql, "ALTER TABLE ", 12) != 0 ||
                   strstr(sql, " ADD CONSTRAINT ") != NULL ||
                   strstr(sql, " SET DEFAULT ") != NULL || strstr(sql, " ADD GENERATED ") != NULL ||
                   strstr(sql, " DROP DEFAULT") != NULL || strstr(sql, " SET NOT NULL") != NULL ||
                   strstr(sql, " INHERIT ") != NULL;
        }
    }
    return false;
}

static int take_statement(struct creating *creating, const char *sql, struct failure *failure)
{
    size_t kind;
    int result;

    if (!runs(sql, &kind)) {
        creating->left_out++;
        return 0;
    }
    if (kinds[kind].when == RUN_LATER)
        return buffer_append(&creating->later, sql, strlen(sql) + 1);
    result = postgres_make(creating->target, sql, kinds[kind].may_be_there, failure);
    return result > 0 ? 0 : result;
}

/* The statements of DDL one after another, as the lexer sees their ends. */
static int take_statements(struct creating *creating, struct failure *failure)
{
    const char *ddl = creating->like->ddl;
    struct sql_lexer lexer = {
        .dialect = SQL_POSTGRES, .ansi_quotes = true, .at = ddl, .end = ddl + strlen(ddl)};
    const char *begin = NULL;
    int error = 0;

    while (error == 0) {
        struct sql_token token = sql_next(&lexer);

        if (begin == NULL)
            begin = token.at;
        if (token.type != SQL_END && !sql_is(&token, ";"))
            continue;
        if (token.at > begin) {
            cleanup_free char *sql = strndup(begin, (size_t)(token.at - begin));

            error = sql != NULL ? creating->take(creating, sql, failure) : -ENOMEM;
        }
        begin = NULL;
        if (token.type == SQL_END)
            break;
    }
    return error;
}

/* ---- Of other databases ---------------------------------------------------------------------- */

/* A column that counts gets the type that holds all its values. */
static int widen_counting(const struct creating *creating, const char *kind,
                          struct failure *failure)
{
    const struct schema *like = creating->like;
    size_t counting = creating->extras.counting;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    char type[CREATE_TYPE_SIZE];
    int error;

    if (counting == SIZE_MAX)
        return 0;
    create_column_type(ENGINE_POSTGRES, like, kind, &creating->extras, &like->columns[counting],
                       counting, type);
    if (!create_counts_otherwise(type))
        return 0;
    error = buffer_append_text(&sql, "ALTER TABLE ");
    if (error == 0)
        error = create_add_name(ENGINE_POSTGRES, like->name, &sql);
    if (error == 0)
        error = buffer_append_text(&sql, " ALTER COLUMN ");
    if (error == 0)
        error = create_add_name(ENGINE_POSTGRES, like->columns[counting].name, &sql);
    if (error == 0)
        error = buffer_print(&sql, " TYPE %s", type);
    if (error == 0)
        return postgres_target_run(creating->target, &sql, NULL, failure);
    buffer_release(&sql);
    return error;
}

static int create_foreign(struct creating *creating, const char *kind, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct table_extras *extras = &creating->extras;
    int error = table_extras_read(creating->like, kind, extras);

    if (error != 0)
        return error;
    if (extras->counting != SIZE_MAX &&
        creating->like->columns[extras->counting].type != COLUMN_INTEGER)
        extras->counting = SIZE_MAX;
    error = create_table_write(ENGINE_POSTGRES, creating->like, kind, extras, creating->like->name,
                               &sql, &creating->notes);
    if (error == 0)
        error = buffer_append_text(&sql, "\n)");
    if (error == 0)
        error = postgres_target_run(creating->target, &sql, NULL, failure);
    buffer_release(&sql);
    return error == 0 ? widen_counting(creating, kind, failure) : error;
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* NAME: as it is shown if it is of PostgreSQL's OWN words, else that of a table in public. */
static bool is_called(const struct table *table, const char *name, bool own)
{
    return own ? strcmp(table->schema->name, name) == 0
               : strcmp(table->raw_schema, "public") == 0 && strcmp(table->raw_name, name) == 0;
}

static const struct table *find_table(const struct catalogue *catalogue, const char *name, bool own)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        if (is_called(&catalogue->tables[i], name, own))
            return &catalogue->tables[i];
    }
    return NULL;
}

static int add_place(struct postgres_target *target, struct creating *creating, bool own,
                     struct schema **ret_schema, struct failure *failure)
{
    struct postgres_place **places = reallocarray((void *)target->places, target->place_count + 1,
                                                  sizeof(struct postgres_place *));
    struct postgres_place *place = calloc(1, sizeof *place);
    struct catalogue *catalogue;
    int error;

    if (places != NULL)
        target->places = places;
    if (places == NULL || place == NULL) {
        free(place);
        return -ENOMEM;
    }
    error = postgres_target_read(target, &catalogue, failure);
    place->table = error == 0 ? find_table(catalogue, creating->like->name, own) : NULL;
    if (place->table == NULL) {
        free(place);
        return error != 0
                   ? error
                   : failure_set(failure, EINVAL, "its statements make no table of this name");
    }
    place->is_made = true;
    place->like = own ? NULL : schema_copy(creating->like);
    place->extras = creating->extras;
    creating->extras = (struct table_extras){0};
    place->later = (char *)creating->later.data;
    place->later_size = creating->later.size;
    places[target->place_count++] = place;
    *ret_schema = schema_reference(place->table->schema);
    return 0;
}

/*
 * What is to be said of defaults that make something else of a sequence's number than that itself:
 * such a sequence is not moved behind the rows, as they do not tell how far it has come.
 */
static int note_sequences(struct postgres_target *target, const struct schema *made,
                          struct buffer *notes, struct failure *failure)
{
    const struct table *table = postgres_target_place(target, made)->table;
    cleanup_result PGresult *rows = NULL;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_print(
        &sql,
        "SELECT a.attname, c.oid::pg_catalog.regclass FROM pg_catalog.pg_attrdef f "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum "
        "JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass "
        "AND d.objid = f.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
        "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'S' "
        "WHERE f.adrelid = %u AND pg_catalog.pg_get_expr(f.adbin, f.adrelid) "
        "NOT LIKE 'nextval(%%::regclass)' ORDER BY a.attnum",
        table->oid);

    if (error == 0)
        error = postgres_target_run(target, &sql, &rows, failure);
    for (int i = 0; error == 0 && i < PQntuples(rows); i++)
        error =
            notes_add(notes,
                      "column \"%s\": its default counts by the sequence %s, which begins anew: "
                      "the rows do not tell how far it has come; SELECT setval('%s', …) does",
                      PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 1));
    return error;
}

int postgres_create_table(struct target *base, const struct schema *like, const char *kind,
                          struct schema **ret_schema, char **ret_notes, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct creating creating = {
        .target = target,
        .like = like,
        .later = BUFFER(POSTGRES_SQL_LIMIT),
        .notes = BUFFER(POSTGRES_SQL_LIMIT),
        .take = take_statement,
    };
    bool own = strcmp(kind, "postgresql") == 0 && like->ddl != NULL && like->ddl[0] != '\0';
    int error = own ? 0 : create_check_names(ENGINE_POSTGRES, like, failure);

    *ret_notes = NULL;
    if (error == 0)
        error = postgres_find_in_public(target, failure);
    if (error == 0)
        error =
            own ? take_statements(&creating, failure) : create_foreign(&creating, kind, failure);
    if (error == 0)
        error = add_place(target, &creating, own, ret_schema, failure);
    if (error != 0) {
        buffer_release(&creating.later);
        buffer_release(&creating.notes);
        table_extras_release(&creating.extras);
        return failure != NULL && failure->code != 0
                   ? failure_prefix(failure, -error, "table \"%s\"", like->name)
                   : error;
    }
    if (creating.left_out != 0)
        error = notes_add(&creating.notes,
                          "%zu statements of its schema (triggers, policies, extensions) are "
                          "left out",
                          creating.left_out);
    if (error == 0 && own)
        error = note_sequences(target, *ret_schema, &creating.notes, failure);
    if (error == 0)
        return create_notes(&creating.notes, ret_notes);
    buffer_release(&creating.notes);
    return error;
}

/* ---- Views ----------------------------------------------------------------------------------- */

static int take_view_statement(struct creating *creating, const char *sql, struct failure *failure)
{
    static const char *const begins[] = {"CREATE VIEW ",  "CREATE MATERIALIZED VIEW ",
                                         "CREATE INDEX ", "CREATE UNIQUE INDEX ",
                                         "COMMENT ON ",   "REFRESH MATERIALIZED VIEW "};

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(sql, begins[i], strlen(begins[i])) == 0)
            return postgres_try_statement(creating->target, sql, false, failure);
    }
    return 0;
}

int postgres_create_view(struct target *base, const struct schema *like, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct creating creating = {.target = target, .like = like, .take = take_view_statement};
    int error = postgres_link_do(&target->link, "SAVEPOINT crmfs_view", failure);
    int ended;

    if (error != 0)
        return error;
    error = postgres_find_in_public(target, failure);
    if (error == 0)
        error = take_statements(&creating, failure);
    if (error == 0)
        error = postgres_find_as_usual(target, failure);
    ended = postgres_link_do(&target->link,
                             error == 0 ? "RELEASE SAVEPOINT crmfs_view"
                                        : "ROLLBACK TO SAVEPOINT crmfs_view",
                             error == 0 ? failure : NULL);
    return ended != 0 ? ended : error;
}
