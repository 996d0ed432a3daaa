/* SPDX-License-Identifier: MIT */
/* LOAD DATA LOCAL, given lines from memory. */
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_load.h"
#include "fs/base/memory.h"

/* Only one of the two libraries names these. */
#define LOCAL_DISABLED_MARIADB 4166
#define LOCAL_DISABLED_MYSQL 3948
#define LOCAL_REJECTED_MYSQL 2068

/* ---- The statement --------------------------------------------------------------------------- */

/* Whether some field goes through a variable: bytes are digits, bits a number. */
static bool has_variables(const struct mysql_load *load)
{
    for (size_t i = 0; i < load->base.work.column_count; i++) {
        if (load->base.work.fits[i].kind == FIT_BYTES || mysql_load_is_bits(load, i))
            return true;
    }
    return false;
}

/*
 * … and then a column that may count by itself goes the same way: MariaDB forgets of any other that
 * it was given, and counts in the place of a 0.
 */
static bool is_converted(const struct mysql_load *load, size_t index)
{
    enum fit_kind kind = load->base.work.fits[index].kind;

    return kind == FIT_BYTES || mysql_load_is_bits(load, index) ||
           (kind == FIT_INTEGER && has_variables(load));
}

/* What is assigned of the variable. */
static int write_value(const struct mysql_load *load, size_t index, struct buffer *text)
{
    /* MariaDB's UNHEX makes an empty text of a NULL that follows one. */
    if (load->base.work.fits[index].kind == FIT_BYTES)
        return buffer_print(text, "IF(@v%zu IS NULL, NULL, UNHEX(@v%zu))", index, index);
    return mysql_load_is_bits(load, index) ? buffer_print(text, "CAST(@v%zu AS UNSIGNED)", index)
                                           : buffer_print(text, "@v%zu", index);
}

static int write_fields(const struct mysql_load *load, struct buffer *text)
{
    int error = 0;

    for (size_t i = 0; i < load->base.work.column_count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? "" : ", ");
        if (error == 0)
            error = is_converted(load, i)
                        ? buffer_print(text, "@v%zu", i)
                        : mysql_add_name(text, row_work_column(&load->base.work, i));
    }
    return error;
}

static int write_assignments(const struct mysql_load *load, struct buffer *text)
{
    bool first = true;
    int error = 0;

    for (size_t i = 0; i < load->base.work.column_count && error == 0; i++) {
        if (!is_converted(load, i))
            continue;
        error = buffer_append_text(text, first ? " SET " : ", ");
        if (error == 0)
            error = mysql_add_name(text, row_work_column(&load->base.work, i));
        if (error == 0)
            error = buffer_append_text(text, " = ");
        if (error == 0)
            error = write_value(load, i, text);
        first = false;
    }
    return error;
}

/* Types that are neither text, number nor moment may mean something by bytes: INET6, UUID. */
static bool takes_bytes(const struct mysql_load *load)
{
    for (size_t i = 0; i < load->base.work.column_count; i++) {
        enum fit_kind kind = load->base.work.fits[i].kind;

        if (kind == FIT_OTHER || kind == FIT_UUID)
            return false;
    }
    return true;
}

/* Whether texts are kept as the UTF-8 that they are sent as, in all columns. */
static int look_whether_utf8(const struct mysql_load *load, bool *ret_utf8, struct failure *failure)
{
    const char *name = load->place->table->schema->name;
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer sql = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_append_text(&sql, "SELECT 1 FROM information_schema.COLUMNS WHERE "
                                         "CHARACTER_SET_NAME NOT IN ('utf8mb4', 'utf8mb3', 'utf8') "
                                         "AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ");

    if (error == 0)
        error = mysql_add_literal(&sql, name, strlen(name), false);
    if (error == 0)
        error = buffer_append_text(&sql, " LIMIT 1");
    if (error == 0)
        error = mysql_target_ask(load->target, &sql, &rows, failure);
    buffer_release(&sql);
    if (error == 0)
        *ret_utf8 = mysql_num_rows(rows) == 0;
    return error;
}

/*
 * Fields end at bytes that are in no other character of UTF-8, and every text has been seen to be
 * UTF-8. So MariaDB need not find out how long each character is, which takes a tenth of its time,
 * where bytes mean the same to the columns.
 */
static int choose_charset(const struct mysql_load *load, const char **ret_charset,
                          struct failure *failure)
{
    bool utf8 = false;
    int error = load->target->link->mariadb && takes_bytes(load)
                    ? look_whether_utf8(load, &utf8, failure)
                    : 0;

    *ret_charset = utf8 ? "binary" : "utf8mb4";
    return error;
}

int mysql_load_prepare(struct mysql_load *load, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    const char *charset = NULL;
    int error = choose_charset(load, &charset, failure);

    if (error == 0)
        error = buffer_append_text(&text, "LOAD DATA LOCAL INFILE 'rows' INTO TABLE ");
    if (error == 0)
        error = mysql_add_name(&text, load->into.schema->name);
    if (error == 0)
        error = buffer_print(&text,
                             " CHARACTER SET %s FIELDS TERMINATED BY '\\t' "
                             "ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' (",
                             charset);
    if (error == 0)
        error = write_fields(load, &text);
    if (error == 0)
        error = buffer_append_text(&text, ")");
    if (error == 0)
        error = write_assignments(load, &text);
    if (error == 0)
        error = buffer_append(&text, "", 1);
    load->load_data = (char *)steal_pointer(&text.data);
    return server_load_fail(&load->base, error, failure);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* What stands behind " at row N" is where it is in the piece that was sent. */
void mysql_load_cut_row(char *words)
{
    char *row = strstr(words, " at row ");

    if (row != NULL)
        *row = '\0';
}

int mysql_load_warning(struct mysql_load *load, struct refusal *ret_refusal,
                       struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    char *words = ret_refusal->words;
    int error = mysql_ask(load->target->source, load->target->link, "SHOW WARNINGS LIMIT 1", &rows,
                          failure);
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    snprintf(words, sizeof ret_refusal->words, "%.199s",
             row != NULL && row[2] != NULL ? row[2] : "");
    mysql_load_cut_row(words);
    return error;
}

/* Whether it is that the server, or the library, is told to allow no LOAD DATA LOCAL. */
static bool is_disabled(MYSQL *handle)
{
    switch (mysql_errno(handle)) {
    case ER_NOT_ALLOWED_COMMAND:
    case LOCAL_DISABLED_MARIADB:
    case LOCAL_DISABLED_MYSQL:
    case LOCAL_REJECTED_MYSQL: return true;
    default: return false;
    }
}

int mysql_load_send(struct server_load *base, const struct row_batch *batch, size_t first,
                    size_t end, struct refusal *ret_refusal, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    struct mysql_target *target = load->target;
    MYSQL *handle = target->link->handle;

    mysql_thread_init();
    if (target->no_load_data)
        return mysql_insert_rows(load, batch, first, end, ret_refusal, failure);
    target->lines = row_batch_lines(batch, first, end, &target->lines_left);
    mysql_link_wait_begins(target->link);

    bool done = mysql_query(handle, load->load_data) == 0;

    mysql_link_wait_ends(target->link);
    if (!done) {
        target->no_load_data = is_disabled(handle);
        return target->no_load_data
                   ? mysql_insert_rows(load, batch, first, end, ret_refusal, failure)
                   : mysql_link_failure(target->source, target->link, load->place->schema->name,
                                        failure);
    }
    if (mysql_warning_count(handle) == 0 && mysql_affected_rows(handle) == end - first)
        return 1;

    int error = mysql_load_warning(load, ret_refusal, failure);

    if (error == 0 && ret_refusal->words[0] == '\0')
        snprintf(ret_refusal->words, sizeof ret_refusal->words, "the server leaves it out");
    return error;
}

/* ---- What LOAD DATA is given ----------------------------------------------------------------- */

static int begin_lines(void **ret_context, const char *name, void *target)
{
    (void)name;
    *ret_context = target;
    return 0;
}

static int read_lines(void *context, char *buffer, unsigned size)
{
    struct mysql_target *target = context;
    size_t part = target->lines_left < size ? target->lines_left : size;

    if (part != 0)
        memcpy(buffer, target->lines, part);
    target->lines += part;
    target->lines_left -= part;
    return (int)part;
}

static void end_lines(void *context)
{
    (void)context;
}

static int no_error(void *context, char *words, unsigned size)
{
    (void)context;
    if (size != 0)
        words[0] = '\0';
    return 0;
}

void mysql_give_lines(struct mysql_target *target)
{
    mysql_set_local_infile_handler(target->link->handle, begin_lines, read_lines, end_lines,
                                   no_error, target);
}
