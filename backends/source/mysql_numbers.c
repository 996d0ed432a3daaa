/* SPDX-License-Identifier: MIT */
/*
 * InnoDB's own numbers of tables and of their partitions: of EXCHANGE PARTITION, which swaps the
 * rows of two tables, the server tells nothing else. They take the privilege PROCESS. Asking for
 * them is dear on a server of many tables, and done where a table is partitioned: another
 * database's partitions may be exchanged with this one's tables, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

/*
 * The names are DATABASE/TABLE and DATABASE/TABLE#P#PARTITION, in the letters of files' names.
 * Whose each is; what stands behind PLACE is the database's name as an expression.
 */
#define TABLE_PART \
    "SUBSTRING_INDEX(REPLACE(SUBSTRING(NAME, LENGTH(place) + 1), '#p#', '#P#'), '#P#', 1)"
#define NUMBERS                                                                                    \
    "SELECT name, number FROM (SELECT CONVERT(CONVERT(CAST(" TABLE_PART " AS BINARY)"              \
    " USING filename) USING utf8mb4) AS name, TABLE_ID AS number, NAME AS whole"                   \
    " FROM information_schema.%s, (SELECT CONCAT(CAST(CONVERT(%s USING filename) AS BINARY), '/')" \
    " AS place) p WHERE BINARY LEFT(NAME, LENGTH(place)) = place) n"

static int ask(struct mysql_source *source, struct mysql_link *link, const char *database,
               const char *name, MYSQL_RES **ret_rows)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_buffer struct buffer place = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = mysql_add_literal(&place, database, strlen(database), false);

    if (error == 0)
        error = buffer_append(&place, "", 1);
    if (error == 0)
        error = buffer_print(&text, NUMBERS, link->mariadb ? "INNODB_SYS_TABLES" : "INNODB_TABLES",
                             (const char *)place.data);
    if (error == 0 && name != NULL)
        error = buffer_append_text(&text, " WHERE BINARY name = BINARY ");
    if (error == 0 && name != NULL)
        error = mysql_add_literal(&text, name, strlen(name), false);
    if (error == 0)
        error = buffer_append_text(&text, " ORDER BY BINARY whole");
    if (error == 0)
        error = buffer_append(&text, "", 1);
    return error == 0 ? mysql_ask(source, link, (const char *)text.data, ret_rows, NULL) : error;
}

static XXH64_hash_t fold(XXH64_hash_t digest, const char *number)
{
    return number != NULL ? XXH3_64bits_withSeed(number, strlen(number), digest) : digest;
}

static int add(char **made, XXH64_hash_t digest, struct failure *failure)
{
    char *text;

    if (*made == NULL)
        return 0;
    if (asprintf(&text, "%s %016" PRIx64, *made, digest) < 0)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    free(*made);
    *made = text;
    return 0;
}

static int add_all(struct mysql_catalogue *catalogue, MYSQL_RES *rows, struct failure *failure)
{
    cleanup_free XXH64_hash_t *digests = allocate_array(catalogue->count, sizeof *digests);
    MYSQL_ROW row;
    int error = 0;

    if (digests == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    while ((row = mysql_fetch_row(rows)) != NULL) {
        struct mysql_table *table = row[0] != NULL ? mysql_catalogue_find(catalogue, row[0]) : NULL;

        if (table != NULL)
            digests[table - catalogue->tables] = fold(digests[table - catalogue->tables], row[1]);
    }
    for (size_t i = 0; i < catalogue->count && error == 0; i++)
        error = add(&catalogue->tables[i].made, digests[i], failure);
    return error;
}

/* Whether a table of any database is. */
static bool is_any_partitioned(struct mysql_source *source, struct mysql_link *link)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    const char *query = link->mariadb ? "SELECT 1 FROM information_schema.INNODB_SYS_TABLES "
                                        "WHERE NAME LIKE '%#p#%' LIMIT 1"
                                      : "SELECT 1 FROM information_schema.INNODB_TABLES "
                                        "WHERE NAME LIKE '%#p#%' LIMIT 1";

    return mysql_ask(source, link, query, &rows, NULL) == 0 && mysql_num_rows(rows) != 0;
}

int mysql_number_tables(struct mysql_source *source, struct mysql_link *link,
                        struct mysql_catalogue *catalogue, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    bool wanted = false;

    for (size_t i = 0; i < catalogue->count && !wanted; i++)
        wanted = catalogue->tables[i].is_partitioned;

    wanted = wanted || is_any_partitioned(source, link);

    bool told = wanted && ask(source, link, source->database, NULL, &rows) == 0;

    __atomic_store_n(&source->numbered, told, __ATOMIC_RELAXED);
    return told ? add_all(catalogue, rows, failure) : 0;
}

int mysql_number_table(struct mysql_source *source, struct mysql_link *link, const char *database,
                       const char *name, char **made, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    XXH64_hash_t digest = 0;
    MYSQL_ROW row;

    if (!__atomic_load_n(&source->numbered, __ATOMIC_RELAXED) ||
        ask(source, link, database, name, &rows) != 0)
        return 0;
    while ((row = mysql_fetch_row(rows)) != NULL)
        digest = fold(digest, row[1]);
    return add(made, digest, failure);
}
