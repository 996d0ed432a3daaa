/* SPDX-License-Identifier: MIT */
/*
 * What is said over a connection. An answer may take long: a view that sums up
 * millions of rows sends nothing meanwhile. So silence alone is no failure; but
 * after SILENCE_NS of it the server is asked, over a connection of its own, whether
 * it still lives. What is to be quick has a time of its own (patience_ns); so has the server that a
 * foreign table's rows come from, which nobody else can ask.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/clock.h"

#define SEND_BYTES ((size_t)256 << 10)
#define SILENCE_NS (UINT64_C(10) * 1000000000)

static int lose(struct link *link, int error, struct failure *failure)
{
    if (link->ended != 0)
        failure_set(failure, -link->ended, "%s: reading it was called off", link->place);
    else if (error == -ECANCELED)
        failure_set(failure, ECANCELED, "%s: the mount is ending", link->place);
    else if (error == -ETIMEDOUT && link->patience_ns != 0)
        failure_set(failure, ETIMEDOUT,
                    "%s: the server has stopped answering; crmfs connects anew when it does",
                    link->place);
    postgres_link_close(link);
    if (link->ended != 0)
        return link->ended;
    return error == -ECANCELED ? error : -EIO;
}

/* What befell the connection, which is of no more use. */
static int break_off(struct link *link, struct failure *failure)
{
    int error = postgres_failure(failure, link, NULL);

    postgres_link_close(link);
    return error;
}

/* How long the server that a foreign table's rows come from may be silent; UINT64_MAX: for ever. */
static uint64_t foreign_limit(const struct link *link)
{
    uint64_t limit_ns = link->source->foreign_timeout_ns;

    return link->guards_foreign && limit_ns != 0 ? limit_ns : UINT64_MAX;
}

/* Until when it is waited for, before something is done about it. */
static uint64_t wait_until(const struct link *link, uint64_t since_ns)
{
    uint64_t limit_ns = foreign_limit(link);
    uint64_t until_ns = clock_now_ns() + SILENCE_NS;

    if (link->patience_ns != 0)
        return since_ns + link->patience_ns;
    return limit_ns < until_ns - since_ns ? since_ns + limit_ns : until_ns;
}

/* Until there is something to read. The server had been asked at SINCE_NS. */
static int await(struct link *link, uint64_t since_ns, bool write, struct failure *failure)
{
    for (;;) {
        int error = postgres_link_wait(link, write, wait_until(link, since_ns));

        if (error == 0)
            return 0;
        if (error == -ETIMEDOUT && link->patience_ns == 0) {
            error = postgres_link_probe(link, failure) == 0 ? 0 : -EIO;
            link->foreign_silent = error == 0 && clock_now_ns() - since_ns >= foreign_limit(link);
            if (error == 0 && !link->foreign_silent)
                continue;
            error = -EIO;
        }
        return lose(link, error, failure);
    }
}

/* Hands all that is to be sent to the system. */
static int flush(struct link *link, struct failure *failure)
{
    uint64_t now_ns = clock_now_ns();
    int left;

    while ((left = PQflush(link->connection)) > 0) {
        int error = await(link, now_ns, true, failure);

        if (error != 0)
            return error;
        if (PQconsumeInput(link->connection) == 0)
            return break_off(link, failure);
    }
    return left == 0 ? 0 : break_off(link, failure);
}

static int send_query(struct link *link, const char *sql, struct failure *failure)
{
    if (postgres_link_is_lost(link))
        return failure_set(failure, EIO, "%s: the connection was lost", link->place);
    if (PQsendQuery(link->connection, sql) == 0)
        return break_off(link, failure);
    return flush(link, failure);
}

/* The next result of what was sent; NULL: there is none. */
static int next_result(struct link *link, PGresult **ret_result, struct failure *failure)
{
    uint64_t now_ns = clock_now_ns();

    while (PQisBusy(link->connection) != 0) {
        int error = await(link, now_ns, false, failure);

        if (error != 0)
            return error;
        if (PQconsumeInput(link->connection) == 0)
            return break_off(link, failure);
    }
    *ret_result = PQgetResult(link->connection);
    return 0;
}

/*
 * What the server refused, or libpq, which says no severity. After a FATAL the connection is over,
 * although the end of it may not have come through yet.
 */
static int refuse(struct link *link, const PGresult *result, struct failure *failure)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    int error = postgres_failure(failure, link, result);

    if (severity == NULL || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)
        postgres_link_close(link);
    return error;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE;
}

int postgres_link_run(struct link *link, const char *sql, PGresult **ret_result,
                      struct failure *failure)
{
    cleanup_result PGresult *last = NULL;
    int result = send_query(link, sql, failure);

    while (result == 0) {
        PGresult *next = NULL;
        int error = next_result(link, &next, failure);

        if (error != 0)
            return error;
        if (next == NULL)
            break;
        PQclear(last);
        last = next;
        if (!is_good(last)) {
            result = refuse(link, last, failure);
            /* What follows is refused for the same reason. */
            for (PGresult *rest = last; rest != NULL && next_result(link, &rest, NULL) == 0;)
                if (rest != NULL)
                    PQclear(rest);
        }
    }
    if (result == 0 && last == NULL)
        return failure_set(failure, EIO, "%s: the server gave no answer", link->place);
    if (result == 0)
        *ret_result = steal_pointer(&last);
    return result;
}

int postgres_link_do(struct link *link, const char *sql, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;

    return postgres_link_run(link, sql, &result, failure);
}

/* --- rows --------------------------------------------------------------------------------- */

/* Reads what stands behind the rows: whether all went well. */
static int finish_rows(struct link *link, struct failure *failure)
{
    int result = 0;

    for (;;) {
        cleanup_result PGresult *next = NULL;
        int error = next_result(link, &next, failure);

        if (error != 0)
            return error;
        if (next == NULL)
            return result;
        if (!is_good(next) && result == 0)
            result = refuse(link, next, failure);
    }
}

int postgres_link_copy_begin(struct link *link, const char *sql, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = send_query(link, sql, failure);

    if (error == 0)
        error = next_result(link, &result, failure);
    if (error != 0)
        return error;
    if (PQresultStatus(result) == PGRES_COPY_OUT)
        return 0;
    error = refuse(link, result, failure);
    finish_rows(link, NULL);
    return error;
}

ssize_t postgres_link_copy_row(struct link *link, char **ret_row, struct failure *failure)
{
    uint64_t now_ns = 0;
    int size;

    while ((size = PQgetCopyData(link->connection, ret_row, 1)) == 0) {
        if (now_ns == 0)
            now_ns = clock_now_ns();

        int error = await(link, now_ns, false, failure);

        if (error != 0)
            return error;
        if (PQconsumeInput(link->connection) == 0)
            return break_off(link, failure);
    }
    if (size > 0)
        return size;
    if (size == -2)
        return break_off(link, failure);
    return finish_rows(link, failure);
}

int postgres_link_rows_begin(struct link *link, const char *sql, struct failure *failure)
{
    if (postgres_link_is_lost(link))
        return failure_set(failure, EIO, "%s: the connection was lost", link->place);
    if (PQsendQueryParams(link->connection, sql, 0, NULL, NULL, NULL, NULL, 1) == 0 ||
        PQsetSingleRowMode(link->connection) == 0)
        return break_off(link, failure);
    return flush(link, failure);
}

int postgres_link_rows_next(struct link *link, PGresult **ret_result, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = next_result(link, &result, failure);

    if (error != 0)
        return error;
    if (result != NULL && PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
        *ret_result = steal_pointer(&result);
        return 0;
    }
    if (result != NULL && !is_good(result)) {
        error = refuse(link, result, failure);
        finish_rows(link, NULL);
        return error;
    }
    *ret_result = NULL;
    return result == NULL ? 0 : finish_rows(link, failure);
}

int postgres_link_send_rows(struct link *link, const char *sql, const void *lines, size_t size,
                            PGresult **ret_result, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    const char *at = lines;
    int error = send_query(link, sql, failure);

    if (error == 0)
        error = next_result(link, &result, failure);
    if (error != 0)
        return error;
    /* Pieces, so that what waits to be sent stays small. */
    while (PQresultStatus(result) == PGRES_COPY_IN && size != 0 && error == 0) {
        size_t part = size < SEND_BYTES ? size : SEND_BYTES;

        if (PQputCopyData(link->connection, at, (int)part) != 1)
            return break_off(link, failure);
        at += part;
        size -= part;
        error = flush(link, failure);
    }
    if (error == 0 && PQresultStatus(result) == PGRES_COPY_IN) {
        PQclear(result);
        result = NULL;
        if (PQputCopyEnd(link->connection, NULL) != 1)
            return break_off(link, failure);
        error = flush(link, failure);
        if (error == 0)
            error = next_result(link, &result, failure);
    }
    for (PGresult *rest = result; error == 0 && rest != NULL;) {
        error = next_result(link, &rest, failure);
        if (error == 0 && rest != NULL)
            PQclear(rest);
    }
    if (error == 0)
        *ret_result = steal_pointer(&result);
    return error;
}

/* --- moments ------------------------------------------------------------------------------ */

/*
 * Everything that bears on how values are written, on the order of rows and on waiting. What the
 * names in functions of views and policies mean stays the database's affair (search_path), as does
 * what money is (lc_monetary).
 */
static const char settings[] =
    /* First, so that the others are not within a timeout that the database may have. */
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';"
    "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex';"
    "SET LOCAL extra_float_digits = 1; SET LOCAL xmlbinary = 'base64';"
    "SET LOCAL standard_conforming_strings = on; SET LOCAL quote_all_identifiers = off;"
    "SET LOCAL row_security = on; SET LOCAL synchronize_seqscans = off;"
    "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off;"
    "SET LOCAL client_min_messages = error;";

/* FIRST begins the transaction. */
static int begin(struct link *link, const char *first, const char *snapshot,
                 struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, first);

    if (error == 0 && snapshot != NULL)
        error = buffer_print(&sql, "SET TRANSACTION SNAPSHOT '%s';", snapshot);
    if (error == 0)
        error = buffer_print(
            &sql, "%s SET LOCAL client_encoding = '%s'; SET LOCAL lock_timeout = %u;%s%s", settings,
            link->client_encoding, link->source->options.busy_timeout_ms,
            link->version >= 140000 ? "SET LOCAL client_connection_check_interval = 1000;" : "",
            link->version >= 170000 ? "SET LOCAL transaction_timeout = 0;" : "");
    if (error == 0)
        error = buffer_append(&sql, "", 1);
    if (error != 0)
        return postgres_no_memory(failure, link);
    return postgres_link_do(link, (const char *)sql.data, failure);
}

int postgres_link_begin(struct link *link, const char *snapshot, struct failure *failure)
{
    return begin(link, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;", snapshot,
                 failure);
}

int postgres_link_begin_writing(struct link *link, struct failure *failure)
{
    return begin(link, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ WRITE;", NULL,
                 failure);
}
