/* SPDX-License-Identifier: MIT */
/*
 * Versions: a digest of what the server says of its state, and of which server it is.
 *
 *   CHANGES_BINLOG   where in the binary log a snapshot stands: exact, where all changes are
 *                    written to it; a replica leaves those of its primary out unless it has
 *                    log_slave_updates, as a member of a cluster does those of the others, and
 *                    what filters keep out is in nobody's
 *   CHANGES_GTID     which transactions have been executed
 *   CHANGES_TABLES   when each table was last updated, to the second. Where that was
 *                    within the last UNSETTLED_S another change might not show, so the
 *                    version is one that equals no other; likewise where a table's
 *                    engine does not tell. An exchanged partition changes none of these times:
 *                    where tables have any, each ALTER TABLE on the server counts
 *
 * RESET MASTER begins the log and the GTIDs anew, and so may another server in the place of one:
 * they will stand where they stood before, over other data. So with either go how often there was a
 * RESET, and since when which server has been running.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

#define UNSETTLED_S "2"

struct source_version mysql_unique_version(struct mysql_source *source)
{
    return (struct source_version){
        .words = {0, 0, 0, __atomic_add_fetch(&source->unique, 1, __ATOMIC_RELAXED)}};
}

bool mysql_is_unique(const struct source_version *version)
{
    return version->words[2] == 0;
}

static void digest_row(XXH3_state_t *state, MYSQL_ROW row, const unsigned long *lengths,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t length = row[i] != NULL ? lengths[i] : UINT64_MAX;

        XXH3_128bits_update(state, &length, sizeof length);
        if (row[i] != NULL)
            XXH3_128bits_update(state, row[i], lengths[i]);
    }
}

/* What the rows of tables_query say besides. */
struct told {
    bool unsettled;   /* a table's first column is NULL or "0" */
    bool partitioned; /* one has partitions, by its last column */
};

static void note(struct told *told, MYSQL_ROW row, unsigned count)
{
    const char *options = row[count - 1];

    if (row[0] == NULL || strcmp(row[0], "1") != 0)
        told->unsettled = true;
    if (options != NULL && strstr(options, "partitioned") != NULL)
        told->partitioned = true;
}

/* All rows of the query, and which server gave them. TOLD may be NULL. */
static int digest_query(struct mysql_source *source, struct mysql_link *link, const char *query,
                        struct source_version *version, struct told *told, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;
    int error = mysql_ask(source, link, query, &rows, failure);

    if (error != 0)
        return error;

    XXH3_state_t *state = XXH3_createState();

    if (state == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    XXH3_128bits_reset_withSeed(state, link->host);
    XXH3_128bits_update(state, version, sizeof *version);
    while ((row = mysql_fetch_row(rows)) != NULL) {
        if (told != NULL)
            note(told, row, mysql_num_fields(rows));
        digest_row(state, row, mysql_fetch_lengths(rows), mysql_num_fields(rows));
    }

    XXH128_hash_t digest = XXH3_128bits_digest(state);

    XXH3_freeState(state);

    *version = (struct source_version){.words = {digest.low64, digest.high64, 1, 0}};
    return 0;
}

/*
 * Which server it is, and since when it has been running: what has been started anew has forgotten
 * how often its log was reset, and when its tables were updated. Both times are of one statement's
 * beginning, so that their difference stays the same.
 */
#define SERVER_QUERY                                                                           \
    "SELECT @@server_id, @@hostname, UNIX_TIMESTAMP() - VARIABLE_VALUE FROM %s.global_status " \
    "WHERE VARIABLE_NAME = 'Uptime'"

static int digest_server(struct mysql_source *source, struct mysql_link *link,
                         struct source_version *version, struct failure *failure)
{
    char query[200];

    snprintf(query, sizeof query, SERVER_QUERY,
             link->mariadb ? "information_schema" : "performance_schema");
    return digest_query(source, link, query, version, NULL, failure);
}

/* Where the log stands, by QUERY, and which log it is. Other RESETs count, too, and do no harm. */
static int digest_log(struct mysql_source *source, struct mysql_link *link, const char *query,
                      struct source_version *ret_version, struct failure *failure)
{
    struct source_version version = {.words = {0}};
    int error = digest_query(source, link, query, &version, NULL, failure);

    if (error == 0)
        error = digest_query(source, link, "SHOW GLOBAL STATUS LIKE 'Com\\_reset'", &version, NULL,
                             failure);
    if (error == 0)
        error = digest_server(source, link, &version, failure);
    if (error == 0)
        *ret_version = version;
    return error;
}

/* Engines that tell when a table was last updated. */
static const char tables_query[] =
    "SELECT (UPDATE_TIME IS NOT NULL AND UPDATE_TIME < NOW() - INTERVAL " UNSETTLED_S " SECOND) OR "
    "(UPDATE_TIME IS NULL AND ENGINE = 'InnoDB') OR TABLE_TYPE IN ('VIEW', 'SEQUENCE'), "
    "TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_TIME, UPDATE_TIME, "
    /* InnoDB forgets the time of a table that it has not had open for long. */
    "IF(UPDATE_TIME IS NULL, CONCAT_WS('/', TABLE_ROWS, AUTO_INCREMENT), ''), CREATE_OPTIONS FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = DATABASE() ORDER BY BINARY TABLE_NAME";

/* Of the view's own text, which no table's time shows. */
static const char views_query[] =
    "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS "
    "WHERE TABLE_SCHEMA = DATABASE() ORDER BY BINARY TABLE_NAME";

static int read_tables_version(struct mysql_source *source, struct mysql_link *link,
                               struct source_version *ret_version, struct failure *failure)
{
    struct source_version version = {.words = {0}};
    struct told told = {.unsettled = false};
    int error = digest_server(source, link, &version, failure);

    if (error == 0)
        error = digest_query(source, link, views_query, &version, NULL, failure);
    if (error == 0)
        error = digest_query(source, link, tables_query, &version, &told, failure);
    if (error == 0 && told.partitioned)
        error = digest_query(source, link, "SHOW GLOBAL STATUS LIKE 'Com\\_alter\\_table'",
                             &version, NULL, failure);
    if (error != 0)
        return error;
    *ret_version = told.unsettled ? mysql_unique_version(source) : version;
    return 0;
}

int mysql_snapshot_version(struct mysql_source *source, struct mysql_link *link,
                           struct source_version *ret_version, struct failure *failure)
{
    return digest_log(source, link, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%'", ret_version,
                      failure);
}

static int read_binlog_version(struct mysql_source *source, struct mysql_link *link,
                               struct source_version *ret_version, struct failure *failure)
{
    int error =
        mysql_do(source, link, failure, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");

    if (error == 0)
        error = mysql_snapshot_version(source, link, ret_version, failure);
    if (error == 0)
        error = mysql_do(source, link, failure, "COMMIT");
    return error;
}

int mysql_read_version(struct mysql_source *source, struct mysql_link *link,
                       struct source_version *ret_version, struct failure *failure)
{
    switch (link->changes) {
    case CHANGES_BINLOG: return read_binlog_version(source, link, ret_version, failure);
    case CHANGES_GTID:
        return digest_log(source, link, "SELECT @@server_uuid, @@global.gtid_executed", ret_version,
                          failure);
    case CHANGES_TABLES: break;
    }
    return read_tables_version(source, link, ret_version, failure);
}

/* The first value of the query's second column, or "". */
static void ask_word(struct mysql_source *source, struct mysql_link *link, const char *query,
                     char *word, size_t size)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;

    word[0] = '\0';
    if (mysql_ask(source, link, query, &rows, NULL) == 0 && (row = mysql_fetch_row(rows)) != NULL &&
        row[1] != NULL)
        strncat(word, row[1], size - 1);
}

/* Whether the server applies what other servers have changed without writing it to its own log. */
static const char unlogged_query[] =
    "SELECT '', NOT @@log_slave_updates AND (@@gtid_slave_pos <> '' OR EXISTS("
    "SELECT 1 FROM information_schema.GLOBAL_STATUS"
    " WHERE VARIABLE_NAME = 'SLAVES_RUNNING' AND VARIABLE_VALUE <> '0') OR EXISTS("
    "SELECT 1 FROM information_schema.GLOBAL_VARIABLES"
    " WHERE VARIABLE_NAME = 'WSREP_ON' AND VARIABLE_VALUE = 'ON'))";

/* Whether databases are kept out of the log, which only those are told who may look at it. */
static bool has_filters(struct mysql_source *source, struct mysql_link *link)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row = mysql_ask(source, link, "SHOW MASTER STATUS", &rows, NULL) == 0
                        ? mysql_fetch_row(rows)
                        : NULL;
    bool found = false;

    /* Behind the file and the place in it. */
    for (unsigned i = 2; row != NULL && i < mysql_num_fields(rows) && !found; i++)
        found = row[i] != NULL && row[i][0] != '\0';
    return found;
}

enum mysql_changes mysql_find_changes(struct mysql_source *source, struct mysql_link *link)
{
    char word[512];

    if (link->mariadb) {
        ask_word(source, link, "SHOW STATUS LIKE 'binlog\\_snapshot\\_file'", word, sizeof word);
        if (word[0] == '\0')
            return CHANGES_TABLES;
        ask_word(source, link, unlogged_query, word, sizeof word);
        return strcmp(word, "0") == 0 && !has_filters(source, link) ? CHANGES_BINLOG
                                                                    : CHANGES_TABLES;
    }
    ask_word(source, link, "SHOW GLOBAL VARIABLES LIKE 'gtid\\_mode'", word, sizeof word);
    return strcmp(word, "ON") == 0 ? CHANGES_GTID : CHANGES_TABLES;
}
