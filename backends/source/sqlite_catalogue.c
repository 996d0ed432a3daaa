/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: all tables. A pragma a table is fast; what is slow are joins of
 * pragma functions over all of them. What is fastest is to find that the
 * database says what it said before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"

#define TABLES_LIMIT ((size_t)1 << 20)

struct catalogue *catalogue_reference(struct catalogue *catalogue)
{
    __atomic_add_fetch(&catalogue->references, 1, __ATOMIC_RELAXED);
    return catalogue;
}

void catalogue_release(struct catalogue *catalogue)
{
    if (catalogue == NULL || __atomic_sub_fetch(&catalogue->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < catalogue->count; i++)
        table_release(&catalogue->tables[i]);
    free(catalogue->tables);
    free(catalogue);
}

static bool is_internal(const char *name)
{
    return sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}

enum { LIST_SCHEMA, LIST_NAME, LIST_TYPE, LIST_COLUMNS, LIST_WITHOUT_ROWID };

/* Notes what PRAGMA table_list stands on, unless it is SQLite's own, or a module's. */
static int list_table(struct connection *connection, struct catalogue *catalogue, size_t *capacity,
                      sqlite3_stmt *statement)
{
    const char *name = connection_text(statement, LIST_NAME);
    const char *type = connection_text(statement, LIST_TYPE);
    bool shadow = false;
    int code = strcmp(type, "shadow") == 0 ? table_is_shadow(connection, name, &shadow) : SQLITE_OK;

    if (code != SQLITE_OK || shadow || is_internal(name))
        return code;
    if (catalogue->count == *capacity) {
        size_t more = *capacity != 0 ? *capacity * 2 : 64;
        struct table *tables =
            more > TABLES_LIMIT ? NULL : realloc(catalogue->tables, more * sizeof *tables);

        if (tables == NULL)
            return SQLITE_NOMEM;
        catalogue->tables = tables;
        *capacity = more;
    }

    struct table *table = &catalogue->tables[catalogue->count];

    *table = (struct table){.rowid_column = -1, .schema = schema_create(name, 0)};
    if (table->schema == NULL)
        return SQLITE_NOMEM;
    table->schema->kind = strcmp(type, "view") == 0      ? RELATION_VIEW
                          : strcmp(type, "virtual") == 0 ? RELATION_VIRTUAL
                                                         : RELATION_TABLE;
    table->without_rowid = sqlite3_column_int(statement, LIST_WITHOUT_ROWID) != 0;
    catalogue->count++;
    return SQLITE_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct table *)left)->schema->name,
                  ((const struct table *)right)->schema->name);
}

static int list_tables(struct connection *connection, struct catalogue *catalogue)
{
    sqlite3_stmt *statement;
    size_t capacity = 0;
    int code = connection_prepare(connection, &statement, "PRAGMA main.table_list");

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        code = list_table(connection, catalogue, &capacity, statement);
        if (code != SQLITE_OK)
            break;
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE)
        return code;
    if (catalogue->count != 0)
        qsort(catalogue->tables, catalogue->count, sizeof *catalogue->tables, by_name);
    return SQLITE_OK;
}

/* Adds the text, its end included, so that no two rows read the same. */
static void digest_text(XXH3_state_t *state, const char *text)
{
    XXH3_128bits_update(state, text, strlen(text) + 1);
}

/* All that the catalogue is made of. Much faster than making it. */
static int digest_words(struct connection *connection, XXH3_state_t *state)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement,
                                  "SELECT type, name, tbl_name, sql FROM main.sqlite_schema");

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int column = 0; column < 4; column++)
            digest_text(state, connection_text(statement, column));
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int digest_encoding(struct connection *connection, XXH3_state_t *state, bool *ret_utf16)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement, "PRAGMA encoding");

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        digest_text(state, connection_text(statement, 0));
        *ret_utf16 = strcmp(connection_text(statement, 0), "UTF-8") != 0;
    }
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int digest_catalogue(struct connection *connection, struct catalogue *catalogue)
{
    XXH3_state_t *state = XXH3_createState();

    if (state == NULL)
        return SQLITE_NOMEM;
    XXH3_128bits_reset(state);

    int code = digest_encoding(connection, state, &catalogue->utf16);

    if (code == SQLITE_OK)
        code = digest_words(connection, state);
    catalogue->digest = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return code;
}

static int read_tables(struct connection *connection, struct catalogue *catalogue,
                       const char **ret_table)
{
    int code = list_tables(connection, catalogue);

    for (size_t i = 0; i < catalogue->count && code == SQLITE_OK; i++) {
        *ret_table = catalogue->tables[i].schema->name;
        code = table_read(connection, &catalogue->tables[i], catalogue->utf16);
    }
    if (code != SQLITE_OK)
        return code;
    *ret_table = NULL;
    return catalogue_link(connection, catalogue);
}

int catalogue_read(struct connection *connection, struct catalogue *latest,
                   struct catalogue **ret_catalogue, struct failure *failure)
{
    struct catalogue *catalogue = calloc(1, sizeof *catalogue);
    const char *table = NULL;

    if (catalogue == NULL)
        return sqlite_no_memory(failure, connection->path);
    catalogue->references = 1;

    int code = digest_catalogue(connection, catalogue);

    if (code == SQLITE_OK && latest != NULL && XXH128_isEqual(latest->digest, catalogue->digest)) {
        catalogue_release(catalogue);
        *ret_catalogue = catalogue_reference(latest);
        return 0;
    }
    if (code == SQLITE_OK)
        code = read_tables(connection, catalogue, &table);
    if (code == SQLITE_OK) {
        *ret_catalogue = catalogue;
        return 0;
    }

    int error = sqlite_failure(failure, connection, code, table);

    catalogue_release(catalogue);
    return error;
}
